"""Webhooks: receivers are told of each run once, whatever they do; nothing is told where it must not be."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from atlas_gql.plugins import Operation, OperationFailure, ReasonCode, RunContext, new
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from atlas_webhooks import delivering, posting
from atlas_webhooks.delivering import pause_after
from atlas_webhooks.networks import networks_of
from atlas_webhooks.posting import post
from support.certificates import certificate_of, pem
from support.dump import dump_of
from support.paths import DATA_DIR
from support.receiver import Receiver, endless, hang_up, receiver, silent, status

SET = """
mutation Set($input: SetWebhooksSettingsInput!) {
  setWebhooksSettings(input: $input) {
    __typename ... on TenantPayload { tenant { webhooksSettings { secretIsSet endpoints { url } } } }
    ... on ValidationError { field message }
  }
}
"""
ALLOW = """
mutation { setWebhooksSettings(input: {privateNetworks: ["127.0.0.0/8"]}) { __typename } }
"""
FOLLOWERS = """
query Followers($id: ID!) {
  tenant(id: $id) { runs(filter: {internal: true}) { nodes {
    type target outcome counters { total processed failed }
    failures { code reasonCode reasonDetail message } items { nodes { label result } }
  } } }
}
"""


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, kw_only=True)
class EndInput:
    """How to end."""

    well: bool = True


async def end(ctx: RunContext, given: EndInput) -> None:
    await ctx.succeeded("one")
    if not given.well:
        raise OperationFailure("No.", reason=ReasonCode.CONFLICT, code="no")


OPERATIONS = {
    f"tests.{verb}": Operation(
        type=f"tests.{verb}", mutation=f"tests{verb.capitalize()}", label=verb, description=verb,
        input=EndInput, target=new(), capability="policies.view", handler=end,
    )
    for verb in ("end", "other")
}  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivering, "FIRST_PAUSE", timedelta(seconds=1))
        patched.setattr(posting, "WITHIN", 1.0)
        with installation(database, operations=OPERATIONS, tenant_runs=8) as running:
            operator = running.new_place(provider=False).member("owner", plane="platform")
            allowed = running.post(ALLOW, token=operator, path="/system/graphql").json()
            assert allowed["data"]["setWebhooksSettings"]["__typename"] == "WebhooksSettingsPayload", allowed
            yield running


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place(provider=False)


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def configure(place: Place, *endpoints: Any, **more: Any) -> dict[str, Any]:
    given = [{"url": each} if isinstance(each, str) else each for each in endpoints]
    values = {"tenantId": place.tenant_id, "secret": new_secret(), "endpoints": given, **more}
    answer = place.ask(SET, input=values)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["setWebhooksSettings"]
    return found


def path() -> str:
    return f"/{secrets.token_urlsafe(12)}"


def followed(place: Place, run: dict[str, Any], hooks: Receiver) -> dict[str, Any]:
    """The ended run of the listener that told of a run."""
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        nodes = place.ask(FOLLOWERS, id=place.tenant_id)["data"]["tenant"]["runs"]["nodes"]
        found[:] = [one for one in nodes if one["target"] == run["uuid"] and one["outcome"] != "PENDING"]
        return bool(found)

    hooks.until(ended)
    return found[0]


def run_of(place: Place, mutation: str = "testsEnd", **given: Any) -> dict[str, Any]:
    return place.run(mutation, {"tenantId": place.tenant_id, **given})


def test_a_receiver_is_told_what_became_of_a_run_and_nothing_secret(place: Place, hooks: Receiver) -> None:
    where = path()
    said = configure(place, hooks.url(where))
    assert said["tenant"]["webhooksSettings"] == {
        "secretIsSet": True,
        "endpoints": [{"url": hooks.url(where)}],
    }
    run = run_of(place, well=False)
    follower = followed(place, run, hooks)
    (told,) = hooks.of(where)
    body = json.loads(told.body)
    at = body["data"]["run"]
    times = {name: at.pop(name) for name in ("createdAt", "startedAt", "finishedAt")}
    assert sorted(times.values()) == list(times.values())
    assert (body, told.headers["content-type"], told.id) == (
        {
            "type": "run.finished",
            "version": 1,
            "timestamp": times["finishedAt"],
            "data": {
                "run": {
                    "id": run["uuid"],
                    "type": "tests.end",
                    "outcome": "partially_succeeded",
                    "counters": {"total": 1, "processed": 1, "failed": 0, "skipped": 0},
                    "failure": {"code": "tests.end.no", "reasonCode": "CONFLICT"},
                    "subject": None,
                },
                "tenant": {
                    "id": str(place.tenant),
                    "name": "Larkspur Logistics",
                    "primaryDomain": "larkspur.example",
                    "entraTenantId": body["data"]["tenant"]["entraTenantId"],
                },
            },
        },
        "application/json",
        run["uuid"],
    )
    assert follower["outcome"] == "SUCCEEDED"
    (item,) = follower["items"]["nodes"]
    # Without its path, which may be a secret.
    assert (item["label"].endswith(f":{hooks.port}"), item["result"]) == (True, "told")


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([status(500), status(503)], id="fails"),
        pytest.param([silent(1.5)], id="answers too late"),
        pytest.param([hang_up], id="hangs up"),
        pytest.param([status(429, Retry_After="2")], id="asks for a pause"),
        pytest.param([endless(503)], id="never ends"),
    ],
)
def test_a_receiver_in_trouble_is_told_again_with_the_same_id_until_it_confirms(
    place: Place, hooks: Receiver, troubles: list[Any]
) -> None:
    bad, good = path(), path()
    hooks.plan(bad, *troubles)
    configure(place, hooks.url(bad), hooks.url(good))
    run = run_of(place)
    follower = followed(place, run, hooks)
    assert (follower["outcome"], follower["counters"]) == (
        "SUCCEEDED", {"total": 2, "processed": 2, "failed": 0},
    )  # fmt: skip
    assert len(hooks.of(good)) == 1
    told = hooks.of(bad)
    assert len(told) == len(troubles) + 1
    assert {(one.id, one.body) for one in told} == {(run["uuid"], told[0].body)}
    assert [hooks.confirmed[where, run["uuid"]] for where in (bad, good)] == [1, 1]


@pytest.mark.parametrize(
    ("code", "detail"),
    [(404, "refused"), (410, "gone"), (302, "redirected"), (307, "redirected")],
)
def test_a_receiver_that_refuses_is_given_up(place: Place, hooks: Receiver, code: int, detail: str) -> None:
    where, elsewhere = path(), path()
    hooks.plan(where, status(code, Location=elsewhere))
    configure(place, hooks.url(where))
    follower = followed(place, run_of(place), hooks)
    (failure,) = follower["failures"]
    assert (follower["outcome"], failure["reasonCode"], failure["reasonDetail"], failure["code"]) == (
        "FAILED", "EXTENSION", f"webhooks.{detail}", f"webhooks.deliver.{detail}",
    )  # fmt: skip
    assert (len(hooks.of(where)), hooks.of(elsewhere)) == (1, [])


def test_what_says_yes_and_never_ends_has_said_yes(place: Place, hooks: Receiver) -> None:
    where = path()
    hooks.plan(where, endless(200))
    configure(place, hooks.url(where))
    assert followed(place, run_of(place), hooks)["outcome"] == "SUCCEEDED"


def test_a_receiver_hears_of_the_runs_that_it_wants(place: Place, hooks: Receiver) -> None:
    everything, others, failed = path(), path(), path()
    configure(
        place,
        hooks.url(everything),
        {"url": hooks.url(others), "types": ["tests.other"]},
        {"url": hooks.url(failed), "outcomes": ["PARTIALLY_SUCCEEDED", "FAILED"]},
    )
    runs = [run_of(place), run_of(place, "testsOther"), run_of(place, well=False)]
    for run in runs:
        followed(place, run, hooks)
    ids = [run["uuid"] for run in runs]
    told = [sorted(one.id for one in hooks.of(where)) for where in (everything, others, failed)]
    assert told == [sorted(ids), [ids[1]], [ids[2]]]


def test_without_a_secret_nothing_is_sent(place: Place, hooks: Receiver) -> None:
    where = path()
    configure(place, hooks.url(where), secret=None)
    follower = followed(place, run_of(place), hooks)
    (failure,) = follower["failures"]
    assert (failure["reasonCode"], hooks.of(where)) == ("MISSING_CONFIGURATION", [])


def test_nothing_follows_in_a_tenant_where_nothing_is_set(place: Place, hooks: Receiver) -> None:
    bare = place.atlas.new_place()
    run_of(bare)
    configure(place, hooks.url(path()))
    # Ends are heard of in their order: once the second is, the first has been.
    followed(place, run_of(place), hooks)
    assert bare.ask(FOLLOWERS, id=bare.tenant_id)["data"]["tenant"]["runs"]["nodes"] == []


def test_after_a_day_a_receiver_is_given_up(
    place: Place, hooks: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LIFE", timedelta())
    where = path()
    hooks.plan(where, status(502), status(502))
    configure(place, hooks.url(where))
    follower = followed(place, run_of(place), hooks)
    (failure,) = follower["failures"]
    assert (follower["outcome"], failure["reasonCode"], len(hooks.of(where))) == (
        "FAILED", "DEPENDENCY_UNREACHABLE", 1,
    )  # fmt: skip


def test_no_secret_is_kept_in_the_open(place: Place, hooks: Receiver, database: TestDatabase) -> None:
    secret, previous = new_secret(), new_secret()
    where = path()
    configure(place, hooks.url(where), secret=secret, previousSecret=previous)
    followed(place, run_of(place), hooks)
    (told,) = hooks.of(where)
    assert len(told.headers["webhook-signature"].split()) == 2
    kept = dump_of(database.admin_url)
    assert [one[6:] in kept for one in (secret, previous)] == [False, False]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"endpoints": [{"url": "ftp://example.com/"}]}, "endpoints"),
        ({"endpoints": [{"url": "https://"}]}, "endpoints"),
        ({"endpoints": [{"url": "https://a:b@example.com/"}]}, "endpoints"),
        ({"endpoints": [{"url": "https://example.com/#x"}]}, "endpoints"),
        ({"endpoints": [{"url": "https://0177.0.0.1/"}]}, "endpoints"),
        ({"endpoints": [{"url": "https://example.com/" + "x" * 2000}]}, "endpoints"),
        ({"endpoints": [{"url": "https://example.com/\r\nx: y"}]}, "endpoints"),
        ({"endpoints": [{"url": f"https://example.com/{n}"} for n in range(11)]}, "endpoints"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"previousSecret": "something"}, "previousSecret"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(place: Place, given: dict[str, Any], field: str) -> None:
    refused = place.ask(SET, input={"tenantId": place.tenant_id, **given})["data"]["setWebhooksSettings"]
    assert (refused["__typename"], refused["field"]) == ("ValidationError", field)


def test_pauses_grow_to_four_hours_and_last_as_long_as_is_asked() -> None:
    day, hour, second = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
    assert second <= pause_after(timedelta(), []) <= 12 * second
    assert 48 * second <= pause_after(timedelta(minutes=1), []) <= 72 * second
    assert pause_after(day, []) <= 4.8 * hour
    assert pause_after(timedelta(minutes=1), [hour, 2 * second]) == hour
    assert pause_after(timedelta(minutes=1), [day]) == 4 * hour


def test_what_was_judged_is_what_is_connected_to(hooks: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere the second time is asked once, and the answer is connected to."""
    asked: list[str] = []
    where = path()

    async def main() -> posting.Posted:
        loop = asyncio.get_running_loop()

        async def look_up(host: Any, port: Any, **more: Any) -> Any:
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(type(loop), "getaddrinfo", lambda _self, *a, **k: look_up(*a, **k))
        try:
            url = hooks.url(where, host="turns.example")
            return await post(url, b"{}", {"webhook-id": "x"}, networks=networks_of(["127.0.0.0/8"]))
        finally:
            monkeypatch.undo()

    posted = asyncio.run(main())
    (told,) = hooks.of(where)
    assert (posted.problem, asked, told.headers["host"]) == (
        None, ["turns.example"], f"turns.example:{hooks.port}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "trusted", "told"),
    [
        pytest.param("hooks.example", True, True, id="as it should be"),
        pytest.param("other.example", True, False, id="another's certificate"),
        pytest.param("hooks.example", False, False, id="nobody's certificate"),
    ],
)
def test_the_certificate_is_that_of_the_urls_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, trusted: bool, told: bool
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "pem").write_text(pem(key) + certificate_of(key, host="hooks.example"))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "pem")
    trusting = ssl.create_default_context(cafile=tmp_path / "pem" if trusted else None)
    monkeypatch.setattr(posting, "_trusted", lambda: trusting)

    async def main(hooks: Receiver) -> posting.Posted:
        async def look_up(*_: Any, **__: Any) -> Any:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", hooks.port))]

        monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", look_up)
        try:
            url = hooks.url("/x", host=host, scheme="https")
            return await post(url, b"{}", {"webhook-id": "x"}, networks=networks_of(["127.0.0.0/8"]))
        finally:
            monkeypatch.undo()

    with receiver(serving) as hooks:
        posted = asyncio.run(main(hooks))
        assert (posted.problem is None, posted.again, len(hooks.told)) == (told, not told, int(told))
