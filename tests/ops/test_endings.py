"""However a handler behaves, and whatever meets it, its run ends - and says the truth."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import pytest

from atlas_gql.ops.control import RunReleased
from atlas_gql.plugins import Doc, Operation, OperationFailure, ReasonCode, RunContext, new
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR

CANCEL = "mutation M($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }"
SECRET = "Q1w~" + secrets.token_urlsafe(20)


@dataclass(frozen=True, kw_only=True)
class BehaveInput:
    """How to behave."""

    how: Annotated[str, Doc("Which way.")]


async def behave(ctx: RunContext, given: BehaveInput) -> None:
    match given.how:
        case "await something cancelled":
            task = asyncio.create_task(asyncio.sleep(10))
            task.cancel()
            await task
        case "tell":
            detail = f"token={SECRET}"
            raise OperationFailure("No.", reason=ReasonCode.EXTENSION, detail=detail, code=detail)
        case "tell in an item":
            await ctx.succeeded(f"one\x00{SECRET[:0]}", f"password={SECRET}\x00", result=f"secret={SECRET}")
        case "wait":
            for _ in range(1000):
                await asyncio.sleep(0.02)
                await ctx.check()
        case "release":
            # A worker that stops does this at the moment somebody cancels.
            await asyncio.sleep(0.5)
            raise RunReleased(600)


BEHAVE = Operation(
    type="tests.behave", mutation="behave", label="Behave", description="As asked.", input=BehaveInput,
    target=new(), capability="policies.view", handler=behave,
)  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    # A short lease, so that what is left over is soon looked for.
    with installation(database, operations={BEHAVE.type: BEHAVE}, tenant_runs=8, lease_seconds=6) as running:
        yield running


@pytest.fixture(scope="module")
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def started(place: Place, how: str) -> str:
    run_id: str = place.start("behave", {"tenantId": place.tenant_id, "how": how})["run"]["id"]
    return run_id


def test_a_handler_that_awaits_something_cancelled_has_failed(place: Place) -> None:
    run = place.wait(started(place, "await something cancelled"))
    assert (run["outcome"], run["attempt"], len(run["failures"])) == ("FAILED", 1, 1)


def test_what_is_no_name_is_shown_neither_as_detail_nor_as_code(place: Place) -> None:
    run = place.wait(started(place, "tell"))
    (failure,) = run["failures"]
    assert (failure["code"], failure["reasonDetail"], SECRET in str(run)) == (
        "tests.behave.failed", None, False,
    )  # fmt: skip


def test_an_items_texts_are_cleaned(place: Place) -> None:
    run = place.wait(started(place, "tell in an item"))
    items = place.ask(
        "query Q($id: ID!) { node(id: $id) { ... on OperationRun { items { nodes { label result } } } } }",
        id=run["id"],
    )
    assert (run["outcome"], SECRET in str(items)) == ("SUCCEEDED", False)


def test_a_running_run_is_cancelled_between_two_steps(place: Place) -> None:
    run_id = started(place, "wait")
    while (
        place.ask("query Q($id: ID!) { node(id: $id) { ... on OperationRun { status } } }", id=run_id)[
            "data"
        ]["node"]["status"]
        != "RUNNING"
    ):
        pass
    place.ask(CANCEL, id=run_id)
    assert place.wait(run_id)["outcome"] == "CANCELLED"


def test_a_cancel_that_meets_a_release_still_ends_the_run(place: Place) -> None:
    run_id = started(place, "release")
    place.ask(CANCEL, id=run_id)
    assert place.wait(run_id)["outcome"] == "CANCELLED"


def test_without_a_worker_a_queued_run_is_cancelled_at_once_and_a_conflict_is_told() -> None:
    with fresh_database(DATA_DIR) as database, installation(database, worker=False) as atlas:
        place = atlas.new_place()
        first = place.start("fetchAssignments", {"tenantId": place.tenant_id, "idempotencyKey": "one"})
        same = place.start("fetchAssignments", {"tenantId": place.tenant_id, "idempotencyKey": "two"})
        assert (first["run"]["id"], same["deduplicated"]) == (same["run"]["id"], True)
        place.ask(CANCEL, id=first["run"]["id"])
        run = place.wait(first["run"]["id"])
        assert (run["outcome"], run["attempt"]) == ("CANCELLED", 0)
