"""A run that starts another one and waits for it: with one slot and one place for both."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from annotated_types import Ge

from atlas_gql.ops import children
from atlas_gql.ops.children import LONGEST_CHAIN
from atlas_gql.plugins import (
    Operation,
    OperationFailure,
    ReasonCode,
    Ref,
    RunContext,
    ValidationError,
    existing,
    new,
)
from atlas_gql.plugins.loading import discover, load_operations
from atlas_gql.simulator import DEMO_SECOND_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR
from support.steps import backed_up

GO_ON = threading.Event()
"""Children that wait go on."""
CARRIED: list[tuple[UUID, int]] = []
"""Which child was carried, at which attempt."""

SHOWN = """
query Shown($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      outcome attempt
      initiator { name }
      failures { code reasonCode message }
      result { ... on Seen { childId outcome count words reason message attempts } }
      parent { id type }
      children { nodes { id uuid type outcome attempt parent { id } initiator { name } requestId
        auditEntries { nodes { action actor { name } } } } }
    }
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class CountInput:
    """What to count."""

    count: int = 3
    how: str = "well"


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What was counted, and how it is called."""

    count: int
    words: tuple[str, ...] = ()
    unasked: str = "more than the parent reads"


@dataclass(frozen=True, kw_only=True)
class ParentInput:
    """What to start, and with which input, as JSON."""

    start: str
    given: str = "{}"
    attempts: int = 1


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the parent saw of its child."""

    child_id: UUID
    outcome: str
    count: int | None
    words: tuple[str, ...]
    reason: str | None
    message: str | None
    attempts: int


@dataclass(frozen=True, kw_only=True)
class Read:
    """What the parent reads of what the child returned."""

    count: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Misread:
    """What nothing returned fits."""

    amount: int


@dataclass(frozen=True, kw_only=True)
class DeepInput:
    """How deep it is already."""

    level: int = 1


@dataclass(frozen=True, kw_only=True)
class Deep:
    """How deep it got, and why no deeper."""

    level: int
    message: str


@dataclass(frozen=True, kw_only=True)
class OfSetInput:
    """Which backup set."""

    backup_set_id: Annotated[UUID, Ref("BackupSet", "backups.view")]


@dataclass(frozen=True, kw_only=True)
class PairInput:
    """Two numbers, the smaller one first."""

    least: Annotated[int, Ge(0)] = 0
    most: int = 9

    def __post_init__(self) -> None:
        if self.least == self.most:
            raise ValidationError("They are the same.", field="most")
        if self.least > self.most:
            raise ValueError("in the wrong order")


async def count(ctx: RunContext, given: CountInput) -> Counted:
    CARRIED.append((ctx.run.id, ctx.run.attempt))
    while given.how == "wait" and not GO_ON.is_set():
        await ctx.check()
        await asyncio.sleep(0.01)
    if given.how == "fail":
        raise OperationFailure("There is nothing to count.", reason=ReasonCode.NOT_FOUND, code="nothing")
    await ctx.succeeded("one")
    return Counted(count=given.count, words=("a", "b"))


async def parent(ctx: RunContext, given: ParentInput) -> Seen:
    ended = await ctx.start(given.start, json.loads(given.given), result=Read)
    if ctx.run.attempt < given.attempts:
        await ctx.later(timedelta(seconds=1))
    return Seen(
        child_id=ended.id,
        outcome=ended.outcome,
        count=ended.result.count if ended.result else None,
        words=ended.result.words if ended.result else (),
        reason=ended.failure_reason,
        message=ended.failure_message,
        attempts=ctx.run.attempt,
    )


async def several(ctx: RunContext, _given: Any) -> Counted:
    """Two at once, one of them twice."""
    given = ({"count": 1}, {"count": 2}, {"count": 2})
    ended = await asyncio.gather(*(ctx.start("tests.count", each, result=Read) for each in given))
    return Counted(count=len({run.id for run in ended}), words=tuple(run.outcome for run in ended))


async def quit_early(ctx: RunContext, _given: Any) -> None:
    """Ends while its child is under way."""
    waiting = asyncio.create_task(ctx.start("tests.count", {"how": "wait"}, result=Read))
    while not CARRIED:
        await ctx.check()
        await asyncio.sleep(0.01)
    waiting.cancel()
    raise OperationFailure("That is enough.")


async def deep(ctx: RunContext, given: DeepInput) -> Deep:
    try:
        ended = await ctx.start("tests.deep", {"level": given.level + 1}, result=Deep)
    except OperationFailure as exc:
        return Deep(level=given.level, message=exc.message)
    assert ended.result is not None
    return ended.result


async def misread(ctx: RunContext, _given: Any) -> None:
    await ctx.start("tests.count", result=Misread)


async def nothing(_ctx: RunContext, _given: Any) -> None:
    pass


async def refuse(_start: Any, given: CountInput) -> None:
    if given.count > 100:
        raise ValidationError("Not so many.", field="count")


def operation(name: str, handler: Any, input_: type = CountInput, **more: Any) -> Operation[Any]:
    return Operation(
        type=f"tests.{name}", mutation=f"{name}It", label=name, description="Tests.",
        input=input_, handler=handler,
        **{"target": new(), "capability": "policies.view", **more},
    )  # fmt: skip


OPERATIONS = {
    made.type: made
    for made in (
        operation("count", count, result=Counted, audit_action="count.started", target=new(check=refuse)),
        operation("change", count, result=Counted, capability="backups.create"),
        operation("parent", parent, ParentInput, result=Seen),
        operation("quit", quit_early),
        operation("several", several, result=Counted),
        operation("deep", deep, DeepInput, result=Deep),
        operation("misread", misread),
        operation("pair", nothing, PairInput),
        operation("write", nothing, writes=True, audit_action="count.written"),
        operation("of_set", nothing, OfSetInput, target=existing("BackupSet", field="backup_set_id")),
    )
}


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    """A database of its own: other workers do not know these operations."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    operations = {**OPERATIONS, **load_operations(discover())}
    with installation(
        database, simulator=simulator, operations=operations, worker_threads=1, tenant_runs=1, lease_seconds=3
    ) as running:
        yield running


@pytest.fixture
def place(atlas: Installation) -> Iterator[Place]:
    GO_ON.clear()
    CARRIED.clear()
    yield atlas.new_place()
    GO_ON.set()


def begun(
    place: Place, start: str, mutation: str = "parentIt", token: str | None = None, **given: Any
) -> str:
    """The id of a parent that starts this with this input."""
    more = {"attempts": given.pop("attempts")} if "attempts" in given else {}
    whole = {"tenantId": place.tenant_id, "start": start, "given": json.dumps(given), **more}
    started = place.start(mutation, whole, token)
    assert started["__typename"] == "StartRunPayload", started
    run_id: str = started["run"]["id"]
    return run_id


def shown(place: Place, run_id: str) -> dict[str, Any]:
    answer = place.ask(SHOWN, id=run_id)
    assert "errors" not in answer, answer
    node: dict[str, Any] = answer["data"]["node"]
    return node


def ended(place: Place, run_id: str) -> dict[str, Any]:
    place.wait(run_id)
    return shown(place, run_id)


def until(holds: Callable[[], Any], within: float = 20) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def refusal(run: dict[str, Any]) -> tuple[str, str, str]:
    """Why a parent failed; it has no child then."""
    (failure,) = run["failures"]
    assert (run["outcome"], run["children"]["nodes"]) == ("FAILED", [])
    return failure["code"], failure["reasonCode"], failure["message"]


def test_the_parent_reads_what_its_child_returned(place: Place) -> None:
    run_id = begun(place, "tests.count", count=7)
    run = ended(place, run_id)
    (child,) = run["children"]["nodes"]
    assert run["result"] == {
        "childId": child["uuid"],
        "outcome": "succeeded",
        "count": 7,
        "words": ["a", "b"],
        "reason": None,
        "message": None,
        "attempts": 1,
    }
    assert (child["type"], child["outcome"], child["parent"]["id"]) == ("tests.count", "SUCCEEDED", run_id)
    # As if the same user had started it.
    (entry,) = child["auditEntries"]["nodes"]
    assert (entry["action"], entry["actor"], child["initiator"]) == (
        "count.started",
        run["initiator"],
        run["initiator"],
    )
    assert shown(place, child["id"])["parent"] == {"id": run_id, "type": "tests.parent"}


def test_a_later_attempt_is_given_the_same_child(place: Place) -> None:
    run = ended(place, begun(place, "tests.count", attempts=3))
    (child,) = run["children"]["nodes"]
    assert (run["result"]["attempts"], run["result"]["childId"], run["result"]["count"]) == (
        3,
        child["uuid"],
        3,
    )
    assert [(UUID(child["uuid"]), 1)] == CARRIED


def test_a_child_whose_worker_is_lost_with_its_parents_is_the_same_one(
    place: Place, atlas: Installation, database: TestDatabase
) -> None:
    run_id = begun(place, "tests.count", how="wait")
    until(lambda: CARRIED)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        # The process froze past its leases, and others took the runs over.
        connection.execute("UPDATE operation_runs SET lease_until = now() WHERE status = 'running'")
    assert atlas.worker is not None
    for held in atlas.worker._heartbeat.held():
        held.lost = True
    until(lambda: len(CARRIED) > 1)
    GO_ON.set()
    run = ended(place, run_id)
    (child,) = run["children"]["nodes"]
    assert (run["outcome"], run["result"]["childId"], child["outcome"]) == (
        "SUCCEEDED",
        child["uuid"],
        "SUCCEEDED",
    )
    assert (run["attempt"] > 1, {carried for carried, _ in CARRIED}) == (True, {UUID(child["uuid"])})


def test_the_same_input_is_the_same_child_and_other_input_another_one(place: Place) -> None:
    run = place.run("severalIt", {"tenantId": place.tenant_id})
    assert run["outcome"] == "SUCCEEDED"
    assert [child["outcome"] for child in shown(place, run["id"])["children"]["nodes"]] == ["SUCCEEDED"] * 2
    # Another parent, with the same input: children of its own.
    place.run("severalIt", {"tenantId": place.tenant_id})
    assert len({run_id for run_id, _ in CARRIED}) == 4


def test_the_childs_failure_is_shown_to_the_parent(place: Place) -> None:
    run = ended(place, begun(place, "tests.count", how="fail"))
    assert (run["outcome"], run["children"]["nodes"][0]["outcome"]) == ("SUCCEEDED", "FAILED")
    seen = run["result"]
    assert (seen["outcome"], seen["count"], seen["reason"], seen["message"]) == (
        "failed",
        None,
        "NOT_FOUND",
        "There is nothing to count.",
    )


def test_a_cancelled_parent_cancels_its_child(place: Place) -> None:
    run_id = begun(place, "tests.count", how="wait")
    until(lambda: CARRIED)
    cancel = "mutation C($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }"
    assert "errors" not in place.ask(cancel, id=run_id)
    run = ended(place, run_id)
    (child,) = run["children"]["nodes"]
    assert (run["outcome"], place.wait(child["id"])["outcome"]) == ("CANCELLED", "CANCELLED")


def test_a_cancelled_child_is_shown_to_its_parent(place: Place) -> None:
    run_id = begun(place, "tests.count", how="wait")
    until(lambda: CARRIED)
    (child,) = shown(place, run_id)["children"]["nodes"]
    cancel = "mutation C($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }"
    assert "errors" not in place.ask(cancel, id=child["id"])
    run = ended(place, run_id)
    assert (run["outcome"], run["result"]["outcome"]) == ("SUCCEEDED", "cancelled")


def test_a_parent_that_ends_leaves_no_child_behind(place: Place) -> None:
    run = place.run("quitIt", {"tenantId": place.tenant_id})
    (child,) = shown(place, run["id"])["children"]["nodes"]
    assert (run["outcome"], place.wait(child["id"])["outcome"]) == ("FAILED", "CANCELLED")


def test_what_the_user_may_not_start_a_run_of_theirs_may_not_either(place: Place) -> None:
    token = place.member("readonly")
    assert refusal(ended(place, begun(place, "tests.change", token=token)))[:2] == (
        "tests.parent.not_permitted",
        "INITIATOR_NOT_PERMITTED",
    )


def test_rights_lost_meanwhile_are_asked_again_when_the_child_is_claimed(
    place: Place, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = place.member("operator")
    user = place.ask("{ viewer { uuid } }", token)["data"]["viewer"]["uuid"]
    original = children.check_start

    async def checked_then_lost(*args: Any) -> Any:
        actor = await original(*args)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            connection.execute("UPDATE tenant_grants SET role = 'readonly' WHERE user_id = %s", (user,))
        return actor

    monkeypatch.setattr(children, "check_start", checked_then_lost)
    run = ended(place, begun(place, "tests.change", token=token))
    assert (run["result"]["outcome"], run["result"]["reason"]) == ("failed", "INITIATOR_NOT_PERMITTED")
    assert CARRIED == []


@pytest.mark.parametrize(
    ("start", "given", "reason", "said"),
    [
        pytest.param("tests.write", {}, "UNSUPPORTED", "is started by people", id="writes"),
        pytest.param("assignments.restore", {}, "UNSUPPORTED", "is started by people", id="restores"),
        pytest.param("tests.gone", {}, "UNKNOWN_OPERATION", "no installed plugin", id="unknown"),
        pytest.param("tests.count", {"count": "many"}, "INVALID_REQUEST", "not fit: count", id="bad value"),
        pytest.param("tests.count", {"amount": 1}, "INVALID_REQUEST", "not fit: amount", id="no such field"),
        pytest.param("tests.pair", {"least": -1}, "INVALID_REQUEST", "not fit: least", id="out of bounds"),
        pytest.param("tests.pair", {"least": 9}, "INVALID_REQUEST", "They are the same.", id="not together"),
        pytest.param("tests.pair", {"least": 10}, "INVALID_REQUEST", "the whole of it", id="refused whole"),
        pytest.param("tests.of_set", {}, "INVALID_REQUEST", "not fit: backup_set_id", id="missing"),
        pytest.param("tests.count", {"how": "a\0b"}, "INVALID_REQUEST", "no text can hold", id="NUL"),
        pytest.param("tests.count", {"how": "\ud800"}, "INVALID_REQUEST", "no text can hold", id="surrogate"),
        pytest.param("tests.count", {"count": 101}, "INVALID_REQUEST", "Not so many.", id="its check"),
        pytest.param("tests.of_set", {"backup_set_id": str(uuid4())}, "NOT_FOUND", "not there", id="no set"),
    ],
)
def test_what_cannot_be_started_says_why(
    place: Place, start: str, given: dict[str, Any], reason: str, said: str
) -> None:
    code, why, message = refusal(ended(place, begun(place, start, **given)))
    assert (code, why) == ("tests.parent.start_refused", reason)
    assert said in message


def test_a_target_is_of_the_parents_tenant(place: Place, pristine: object, simulator: Running) -> None:
    httpx.post(f"{simulator.url}/_simulator/load", json=pristine).raise_for_status()
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    key = other.ask("query K($id: ID!) { node(id: $id) { uuid } }", id=backed_up(other))["data"]["node"][
        "uuid"
    ]
    assert refusal(ended(place, begun(place, "tests.of_set", backup_set_id=key)))[1] == "NOT_FOUND"
    run = ended(other, begun(other, "tests.of_set", backup_set_id=key))
    assert run["result"]["outcome"] == "succeeded"


def test_what_does_not_fit_what_is_asked_for_fails_the_parent(place: Place) -> None:
    run = place.run("misreadIt", {"tenantId": place.tenant_id})
    assert [(f["code"], f["reasonCode"]) for f in run["failures"]] == [
        ("tests.misread.result_unreadable", "UNSUPPORTED")
    ]


def test_runs_that_start_each_other_come_to_an_end(place: Place) -> None:
    run = place.run("deepIt", {"tenantId": place.tenant_id})
    of_run = "... on OperationRun { result { ... on Deep { level message } } }"
    answer = place.ask(f"query D($id: ID!) {{ node(id: $id) {{ {of_run} }} }}", id=run["id"])
    assert answer["data"]["node"]["result"] == {
        "level": LONGEST_CHAIN,
        "message": f"tests.deep cannot be started: at most {LONGEST_CHAIN} runs start each other.",
    }
