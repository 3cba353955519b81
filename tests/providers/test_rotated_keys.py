"""What is derived from the sealing key goes on over a rotation of it."""

from __future__ import annotations

import pytest
from huey.registry import Message

from atlas_gql.ops.queue import SignedJson
from atlas_gql.providers.sealing import Sealer, generate_key

OLD, NEW, FOREIGN = (generate_key() for _ in range(3))


def queue(*keys: str) -> SignedJson:
    return SignedJson(Sealer.from_text(",".join(keys)).derive("queue"))


@pytest.mark.parametrize(
    ("signer", "reader"),
    [
        pytest.param((OLD,), (NEW, OLD), id="rung before"),
        pytest.param((NEW, OLD), (OLD, NEW), id="a worker that was not restarted yet"),
        pytest.param((NEW, OLD), (NEW,), id="the old key is gone"),
    ],
)
def test_a_message_counts_before_and_after(signer: tuple[str, ...], reader: tuple[str, ...]) -> None:
    rung = Message(
        id="m", name="assignments.fetch", retries=0, retry_delay=0, args=(), kwargs={"run_id": "r"}
    )
    heard = queue(*reader).deserialize(queue(*signer).serialize(rung))
    assert (heard.name, heard.kwargs) == ("assignments.fetch", {"run_id": "r"})
    with pytest.raises(ValueError, match="did not sign"):
        queue(FOREIGN).deserialize(queue(*signer).serialize(rung))


def test_a_derived_key_tells_nothing_of_the_others() -> None:
    sealer = Sealer.from_text(f"{NEW},{OLD}")
    derived = {*sealer.derive("queue"), *sealer.derive("other")}
    assert len(derived) == 4
    assert {key.hex() for key in derived}.isdisjoint(sealer.key_ids)
