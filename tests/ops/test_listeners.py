"""What listeners do follows from the ends of runs: once each, hidden, and never at the runs' expense."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest

from atlas_gql.ops import listening
from atlas_gql.ops.listening import Listening
from atlas_gql.ops.prune import prunable, prune
from atlas_gql.plugins import (
    Doc,
    FinishedRun,
    Listener,
    Operation,
    OperationFailure,
    ReasonCode,
    RunContext,
    contract_of,
    new,
)
from atlas_gql.plugins.loading import Loaded
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.dump import dump_of
from support.paths import DATA_DIR

SECRET = "eyJ" + ".".join(secrets.token_urlsafe(24) for _ in range(3))
HEARD: list[tuple[str, FinishedRun]] = []
GO_ON = threading.Event()
LISTS = """
query Lists($id: ID!, $workspace: ID!, $internal: Boolean) {
  tenant(id: $id) {
    runs(filter: {internal: $internal}) { totalCount nodes { id uuid type internal target outcome } }
    ended: runs(filter: {internal: $internal}, orderBy: {field: FINISHED_AT, direction: DESC}) { totalCount }
    runStats(since: "2020-01-01T00:00:00Z", filter: {internal: $internal}) { counts { total } }
  }
  workspace(id: $workspace) {
    runs(filter: {internal: $internal}) { totalCount }
    filtered: runs(filter: {internal: $internal, outcome: SUCCEEDED}) { totalCount }
    runStats(since: "2020-01-01T00:00:00Z", filter: {internal: $internal}) { types { type } }
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class EndInput:
    """How to end."""

    how: Annotated[str, Doc("Which way, and what the listener is to do then.")] = ""


async def end(ctx: RunContext, given: EndInput) -> None:
    await ctx.succeeded("one")
    if given.how == "partly":
        await ctx.failed("two", "Two", OperationFailure("No.", reason=ReasonCode.CONFLICT))


def heard_by(name: str) -> Any:
    async def hear(ctx: RunContext, ended: FinishedRun) -> None:
        HEARD.append((name, ended))
        ctx.log("heard", run=str(ended.id))
        await ctx.succeeded(name)

    return hear


async def misbehave(ctx: RunContext, ended: FinishedRun) -> None:
    """As the run before asked for."""
    HEARD.append(("odd", ended))
    match ended.type.partition(".")[2]:
        case "raise":
            raise RuntimeError(SECRET)
        case "block":
            await ctx.in_thread(GO_ON.wait, 30)
        case "hang":
            await asyncio.sleep(3600)
        case "log":
            ctx.log(f"Bearer {SECRET}", token=SECRET)
        case "start":
            await ctx.start("tests.end", {}, result=EndInput)
        case "write":
            await ctx.graph.assign(contract_of("deviceConfigurations"), "1", [])


def operation(verb: str) -> Operation[EndInput]:
    return Operation(
        type=f"tests.{verb}", mutation=f"tests{verb.capitalize()}", label=verb, description=verb,
        input=EndInput, target=new(), capability="policies.view", handler=end,
    )  # fmt: skip


ODD = ("raise", "block", "hang", "log", "write", "start")
OPERATIONS = {f"tests.{verb}": operation(verb) for verb in ("end", "other", *ODD)}
LISTENERS = {
    one.type: one
    for one in (
        Listener(type="tests.all", label="All", description="All.", handler=heard_by("all")),
        Listener(
            type="tests.others", label="Others", description="Others.", handler=heard_by("others"),
            types=("tests.other",),
        ),
        Listener(
            type="tests.odd", label="Odd", description="Odd.", handler=misbehave,
            types=tuple(f"tests.{verb}" for verb in ODD), time_limit=timedelta(seconds=2),
        ),
    )
}  # fmt: skip
PLUGINS = Loaded(operations=OPERATIONS, listeners=LISTENERS)


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    # One thread and one run of a tenant at a time: a listener in a user's place would be seen.
    with installation(database, plugins=PLUGINS, tenant_runs=1, worker_threads=1) as running:
        yield running


@pytest.fixture
def place(atlas: Installation) -> Place:
    HEARD.clear()
    GO_ON.clear()
    return atlas.new_place().add_tenant(
        str(secrets.token_hex(4) + "-0000-4000-8000-000000000000"), "a.example"
    )


def lists(place: Place, internal: bool | None = None) -> dict[str, Any]:
    answer = place.ask(LISTS, id=place.tenant_id, workspace=place.workspace_id, internal=internal)
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def followers(place: Place, count: int, *, within: float = 20) -> list[dict[str, Any]]:
    """The runs of listeners, once there are so many, and all have ended; in the order of their types."""
    until = time.monotonic() + within
    while True:
        runs = lists(place, True)["tenant"]["runs"]["nodes"]
        if len(runs) >= count and all(run["outcome"] != "PENDING" for run in runs):
            return sorted(runs, key=lambda run: run["type"])
        assert time.monotonic() < until, runs
        time.sleep(0.05)


def test_each_listener_hears_of_the_ends_that_it_is_for(place: Place) -> None:
    run = place.run("testsOther", {"tenantId": place.tenant_id, "how": "partly"})
    first, second = followers(place, 2)
    told = dict(HEARD)
    assert sorted(name for name, _ in HEARD) == ["all", "others"]
    ended = told["all"]
    assert ended == told["others"] == FinishedRun(
        id=UUID(run["uuid"]), type="tests.other", outcome="partially_succeeded", created_at=ended.created_at,
        started_at=ended.started_at, finished_at=ended.finished_at, total=2, processed=1, failed=1, skipped=0,
        failure_code=None, failure_reason=None, failure_message=None, subject_kind=None, subject_id=None,
        initiator=f"owner {place.user}",
    )  # fmt: skip
    assert ended.created_at <= ended.started_at <= ended.finished_at  # type: ignore[operator] # it was started
    assert [(one["type"], one["internal"], one["target"], one["outcome"]) for one in (first, second)] == [
        ("tests.all", True, run["uuid"], "SUCCEEDED"),
        ("tests.others", True, run["uuid"], "SUCCEEDED"),
    ]


def test_what_follows_is_hidden_unless_it_is_asked_for(place: Place) -> None:
    run = place.run("testsEnd", {"tenantId": place.tenant_id})
    (follower,) = followers(place, 1)

    def shown(internal: bool | None) -> list[Any]:
        data = lists(place, internal)
        tenant, workspace = data["tenant"], data["workspace"]
        return [
            [one["type"] for one in tenant["runs"]["nodes"]],
            [
                tenant["runs"]["totalCount"],
                tenant["ended"]["totalCount"],
                tenant["runStats"]["counts"]["total"],
            ],
            [workspace["runs"]["totalCount"], workspace["filtered"]["totalCount"]],
            [one["type"] for one in workspace["runStats"]["types"]],
        ]

    for internal in (None, False):
        assert shown(internal) == [["tests.end"], [1, 1, 1], [1, 1], ["tests.end"]]
    assert shown(True) == [["tests.all"], [1, 1, 1], [1, 1], ["tests.all"]]
    (found,) = [
        place.ask(
            """query Q($id: ID!) { node(id: $id) { ... on OperationRun {
                 initiator { kind name uuid } requestId log { nodes { event data } }
            } } }""",
            id=id_,
        )["data"]["node"]
        for id_ in (follower["id"],)
    ]
    assert found["initiator"] == {"kind": "system", "name": "Atlas", "uuid": None}
    assert found["log"]["nodes"] == [{"event": "heard", "data": {"run": run["uuid"]}}]


def test_what_listeners_do_is_followed_by_nothing_and_not_retried(place: Place) -> None:
    place.run("testsRaise", {"tenantId": place.tenant_id})
    failed = followers(place, 2)[1]
    answer = place.ask(
        """mutation R($id: ID!) { retryRun(input: {runId: $id}) {
             __typename ... on Error { message } } }""",
        id=failed["id"],
    )
    assert (failed["outcome"], answer["data"]["retryRun"]["__typename"]) == ("FAILED", "ValidationError")
    assert "listener" in answer["data"]["retryRun"]["message"]
    place.run("testsEnd", {"tenantId": place.tenant_id})
    assert [one["type"] for one in followers(place, 3)] == ["tests.all", "tests.all", "tests.odd"]


@pytest.mark.parametrize(
    ("verb", "outcome", "reason"),
    [
        ("raise", "FAILED", "UNKNOWN_ERROR"),
        ("hang", "FAILED", "TIME_LIMIT"),
        ("log", "SUCCEEDED", None),
        ("write", "FAILED", "UNSUPPORTED"),
        ("start", "FAILED", "UNSUPPORTED"),
    ],
)
def test_a_listener_that_misbehaves_ends_with_a_code_and_harms_no_run(
    place: Place, database: TestDatabase, verb: str, outcome: str, reason: str | None
) -> None:
    run = place.run(f"tests{verb.capitalize()}", {"tenantId": place.tenant_id})
    assert (run["outcome"], run["failures"]) == ("SUCCEEDED", [])
    odd = place.wait(followers(place, 2)[1]["id"])
    reasons = [failure["reasonCode"] for failure in odd["failures"]]
    assert (odd["type"], odd["outcome"], reasons) == ("tests.odd", outcome, [reason] if reason else [])
    assert SECRET not in dump_of(database.admin_url)


def test_a_listener_that_takes_long_keeps_no_user_waiting(place: Place) -> None:
    place.run("testsBlock", {"tenantId": place.tenant_id})
    while "odd" not in [name for name, _ in HEARD]:
        time.sleep(0.02)
    # The only thread, and the tenant's only place, are free.
    assert place.run("testsEnd", {"tenantId": place.tenant_id}, within=10)["outcome"] == "SUCCEEDED"
    GO_ON.set()
    assert [one["outcome"] for one in followers(place, 3)] == ["SUCCEEDED"] * 3


def test_changes_tell_of_what_follows_only_when_asked() -> None:
    from atlas_gql.schema.types.run_filters import OperationRunFilter, meets

    @dataclass
    class Row:
        internal: bool

    def told(where: dict[str, Any]) -> list[bool]:
        return [meets(Row(internal=internal), where) for internal in (False, True)]

    assert told({}) == told(OperationRunFilter(internal=False).where()) == [True, False]
    assert told(OperationRunFilter(internal=True).where()) == [False, True]


class Resting:
    """An installation without a worker, and ends that wait to be told."""

    def __init__(self, atlas: Installation, url: str) -> None:
        self.atlas, self.url = atlas, url
        self.place = atlas.new_place(provider=False)

    def ended(self) -> str:
        """A run that has ended."""
        run = self.place.start("testsEnd", {"tenantId": self.place.tenant_id, "how": secrets.token_hex(4)})[
            "run"
        ]
        self.place.ask("mutation M($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }", id=run["id"])
        uuid: str = run["uuid"]
        return uuid

    def listening(self, listeners: dict[str, Listener]) -> Listening:
        async def nothing(_run: UUID) -> None: ...

        return Listening(self.atlas.database, listeners, nothing, places=0)

    def on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.atlas._loop).result(30)

    def sql(self, statement: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def followed(self) -> list[tuple[str, str]]:
        """Which listener's runs there are, and of which end."""
        return self.sql("SELECT type, target FROM operation_runs WHERE internal ORDER BY type, target")


@pytest.fixture
def resting() -> Iterator[Resting]:
    with (
        fresh_database(DATA_DIR) as own,
        installation(own, plugins=PLUGINS, worker=False) as atlas,
    ):
        yield Resting(atlas, own.admin_url)


def test_an_end_is_told_once_by_whichever_worker_also_by_one_without_the_listener(
    resting: Resting, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = sorted(resting.ended() for _ in range(5))
    with_it, without = resting.listening(LISTENERS), resting.listening({})
    resting.on_loop(with_it.register())
    resting.on_loop(without.register())

    def killed(_point: str) -> None:
        raise KeyError

    with monkeypatch.context() as patched:
        patched.setattr(listening, "crash_here", killed)
        with pytest.raises(KeyError):
            resting.on_loop(without.sweep())
    assert resting.followed() == []

    async def at_once() -> list[int]:
        return await asyncio.gather(*(one.sweep() for one in (without, with_it, without)))

    assert sum(resting.on_loop(at_once())) == 5
    assert resting.followed() == [("tests.all", uuid) for uuid in ends]
    assert resting.sql("SELECT FROM run_ends") == []


def test_nothing_piles_up_for_a_listener_that_is_gone(resting: Resting) -> None:
    listens = resting.listening(LISTENERS)
    resting.on_loop(listens.register())
    resting.sql("UPDATE listeners SET seen_at = now() - interval '11 minutes'")
    resting.ended()
    assert (resting.on_loop(listens.sweep()), resting.followed()) == (1, [])
    assert resting.sql("SELECT FROM run_ends") == []


def test_what_follows_is_forgotten_by_age_and_keeps_no_tenant_from_being_archived_or_purged(
    resting: Resting,
) -> None:
    listens = resting.listening({"tests.all": replace(LISTENERS["tests.all"])})
    resting.on_loop(listens.register())
    resting.ended()
    resting.on_loop(listens.sweep())
    place = resting.place
    # As if a worker had taken it up, and lately given up.
    resting.sql(
        "UPDATE operation_runs SET status = 'running', lease_until = '2100-01-01', dispatch_after = NULL,"
        " attempt = 1 WHERE internal"
    )
    purge = place.ask(
        """mutation P($id: ID!) { purgeTenant(input: {tenantId: $id, confirmation: "larkspur.example",
             reason: "They left."}) { __typename } }""",
        id=place.tenant_id,
    )
    assert purge["data"]["purgeTenant"]["__typename"] == "TenantPayload", purge
    resting.sql(
        "UPDATE operation_runs SET status = 'completed', outcome = 'succeeded', lease_until = NULL,"
        " finished_at = now() - interval '2 days' WHERE internal"
    )
    database = resting.atlas.database
    old = resting.on_loop(prunable(database, timedelta(days=1)))
    assert (len(old), resting.on_loop(prune(database, old, batch=10))) == (1, 1)
    assert resting.followed() == []
