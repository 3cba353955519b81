"""How long a handler may run, and what is done about one that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.errors import OperationFailure
from atlas_gql.ops import carry
from atlas_gql.ops.carry import carry_out
from atlas_gql.ops.control import LeaseLost
from atlas_gql.ops.leases import Claim, boot_clock
from atlas_gql.reasons import ReasonCode


def claim(*, since: timedelta = timedelta(), lease: float = 60) -> Claim:
    """A claim of a run that was first claimed so long ago."""
    now = datetime.now(UTC)
    return Claim(
        run_id=uuid4(), attempt=3, tenant_id=uuid4(), workspace_id=uuid4(), type="tests.any",
        row=SimpleNamespace(claimed_at=now, started_at=now - since), deadline=boot_clock() + lease,
    )  # fmt: skip


def run(held: Claim, handler: Coroutine[Any, Any, None], *, limit: float) -> None:
    asyncio.run(carry_out(held, handler, limit=timedelta(seconds=limit)))


async def forever() -> None:
    await asyncio.sleep(3600)


@pytest.mark.parametrize("since", [0.0, 3600.0], ids=["in one go", "over many releases"])
def test_the_limit_counts_from_the_first_claim(since: float) -> None:
    with pytest.raises(OperationFailure) as told:
        run(claim(since=timedelta(seconds=since)), forever(), limit=since + 0.05)
    assert told.value.reason_code is ReasonCode.TIME_LIMIT


def test_a_handler_ends_with_its_lease() -> None:
    with pytest.raises(LeaseLost):
        run(claim(lease=0.05), forever(), limit=60)


def test_a_deaf_handler_is_left_behind_and_can_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry, "TO_CLEAN_UP", 0.05)
    held, heard = claim(), asyncio.Event()

    async def deaf() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            await heard.wait()

    async def main() -> None:
        with pytest.raises(OperationFailure):
            await carry_out(held, deaf(), limit=timedelta(seconds=0.05))
        assert not held.holds()
        heard.set()

    asyncio.run(main())


def test_what_would_end_the_event_loop_comes_out_as_it_is() -> None:
    async def leave() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        run(claim(), leave(), limit=60)
