"""What handlers log is kept with their runs: cleaned, bounded, readable - and never at the runs' expense."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import psycopg
import pytest

from atlas_gql.ops import run_log
from atlas_gql.plugins import Doc, Operation, OperationFailure, ReasonCode, RunContext, new
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.dump import dump_of
from support.paths import DATA_DIR

TOKEN = "eyJ" + ".".join(secrets.token_urlsafe(24) for _ in range(3))
LOG = """
query Log($id: ID!, $first: Int!, $after: String) {
  node(id: $id) { ... on OperationRun { log(first: $first, after: $after) {
    nodes { at event data attempt } totalCount pageInfo { hasNextPage endCursor }
  } } }
}
"""


@dataclass(frozen=True, kw_only=True)
class TalkInput:
    """What to say."""

    how: Annotated[str, Doc("Which way.")]


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError(TOKEN)

    __str__ = __repr__


def endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


async def talk(ctx: RunContext, given: TalkInput) -> None:
    match given.how:
        case "plainly":
            ctx.log("begun", policies=3, domain=ctx.tenant.primary_domain)
            await ctx.succeeded("one")
            await ctx.in_thread(lambda: ctx.log("from a thread", none=None, some=[1, 2.5, True]))
        case "odd":
            ctx.log(
                "odd\x00\ud800", odd=Odd(), endless=endless(), nan=float("nan"), big=10**5000, key={Odd(): 1}
            )
            ctx.log(Odd(), event="mine", run="mine", exc_info=True, **{"a\x00b": "\ud800c"})  # type: ignore[arg-type] # it may be anything
        case "secrets":
            ctx.log(f"Bearer {TOKEN}", token=TOKEN, header=f"Bearer {TOKEN}", deep=[{"client_secret": "q"}])
        case "long":
            ctx.log("e" * 5_000_000, text="x" * 5_000_000, many={str(n): "y" * 3000 for n in range(1000)})
        case "many":
            for n in range(3000):
                ctx.log("line", n=n)
        case "much":
            for n in range(200):
                ctx.log("line", n=n, text=" ".join(["word"] * 700))
        case "wait":
            ctx.log("waiting")
            for _ in range(1000):
                await asyncio.sleep(0.02)
                await ctx.check()
        case "then fail":
            ctx.log("about to fail")
            raise OperationFailure("No.", reason=ReasonCode.CONFLICT)
        case "again":
            ctx.log("here", n=ctx.run.attempt)
            if ctx.run.attempt == 1:
                for n in range(run_log.LINES - 2):
                    ctx.log("line", n=n)
            if ctx.run.attempt < 3:
                await ctx.later(timedelta(seconds=1))
        case "later, badly":
            await ctx.later(timedelta(days=2))


TALK = Operation(
    type="tests.talk", mutation="talk", label="Talk", description="As asked.", input=TalkInput,
    target=new(), capability="policies.view", handler=talk,
)  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    with installation(database, operations={TALK.type: TALK}, tenant_runs=8) as running:
        yield running


@pytest.fixture(scope="module")
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def talked(place: Place, how: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The ended run, and its log."""
    run = place.run("talk", {"tenantId": place.tenant_id, "how": how})
    return run, lines_of(place, run["id"])


def lines_of(place: Place, run_id: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after = None
    while True:
        page = place.ask(LOG, id=run_id, first=100, after=after)["data"]["node"]["log"]
        lines += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            assert page["totalCount"] == len(lines)
            return lines
        after = page["pageInfo"]["endCursor"]


def said(lines: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(line["event"], line["data"]) for line in lines]


def test_a_log_is_read_in_order(place: Place) -> None:
    run, lines = talked(place, "plainly")
    assert run["outcome"] == "SUCCEEDED"
    assert said(lines) == [
        ("begun", {"policies": 3, "domain": "larkspur.example"}),
        ("from a thread", {"none": None, "some": [1, 2.5, True]}),
    ]
    assert [line["attempt"] for line in lines] == [1, 1]
    assert lines[0]["at"] <= lines[1]["at"]


def test_odd_values_do_no_harm(place: Place) -> None:
    run, ((first, odd), (_, names)) = (lambda run, lines: (run, said(lines)))(*talked(place, "odd"))
    assert run["outcome"] == "SUCCEEDED"
    assert first == "odd"
    assert (odd["odd"], odd["nan"]) == ("[unprintable]", "nan")
    assert (names["event"], names["run"], names["ab"]) == ("mine", "mine", "c")


def test_secrets_are_taken_out(place: Place, database: TestDatabase) -> None:
    run, lines = talked(place, "secrets")
    assert (run["outcome"], len(lines)) == ("SUCCEEDED", 1)
    assert TOKEN not in dump_of(database.admin_url)
    assert lines[0]["data"]["deep"] != [{"client_secret": "q"}]


def test_a_line_is_cut(place: Place) -> None:
    run, ((event, data),) = (lambda run, lines: (run, said(lines)))(*talked(place, "long"))
    assert run["outcome"] == "SUCCEEDED"
    assert (len(event), len(data["text"]), data["many"]) == (run_log.EVENT_SIZE, 4000, "[cut]")


@pytest.mark.parametrize(("how", "kept"), [("many", 1000), ("much", 74)])
def test_a_log_is_cut_and_says_so(place: Place, how: str, kept: int) -> None:
    run, lines = talked(place, how)
    assert run["outcome"] == "SUCCEEDED"
    assert [line["data"].get("n") for line in lines] == [*range(kept), None]
    assert lines[-1]["event"] == run_log.THE_REST


def test_a_log_is_read_while_its_run_goes_on(place: Place) -> None:
    run_id = place.start("talk", {"tenantId": place.tenant_id, "how": "wait"})["run"]["id"]
    end = time.monotonic() + 20
    while not (lines := lines_of(place, run_id)) and time.monotonic() < end:
        time.sleep(0.05)
    place.ask("mutation M($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }", id=run_id)
    assert (said(lines), place.wait(run_id)["outcome"]) == ([("waiting", {})], "CANCELLED")


def test_what_was_logged_before_a_failure_is_kept(place: Place) -> None:
    run, lines = talked(place, "then fail")
    assert (run["outcome"], said(lines)) == ("FAILED", [("about to fail", {})])


def test_a_run_given_back_is_called_again_and_its_log_goes_on_as_far_as_there_is_room(place: Place) -> None:
    run, lines = talked(place, "again")
    assert (run["outcome"], run["attempt"]) == ("SUCCEEDED", 3)
    assert [(line["event"], line["attempt"]) for line in (lines[0], *lines[-2:])] == [
        ("here", 1), ("here", 2), (run_log.THE_REST, 3),
    ]  # fmt: skip
    assert len(lines) == run_log.LINES + 1


def test_a_run_is_given_back_for_a_day_at_most(place: Place) -> None:
    run, _ = talked(place, "later, badly")
    assert (run["outcome"], run["failures"][0]["reasonDetail"]) == ("FAILED", "ValueError")


def test_a_log_that_cannot_be_kept_harms_no_run(place: Place, database: TestDatabase) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE run_log ADD CONSTRAINT nothing CHECK (false) NOT VALID")
        try:
            run, lines = talked(place, "then fail")
        finally:
            admin.execute("ALTER TABLE run_log DROP CONSTRAINT nothing")
    assert (run["outcome"], run["failures"][0]["reasonCode"], lines) == ("FAILED", "CONFLICT", [])
