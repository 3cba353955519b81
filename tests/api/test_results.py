"""What a handler returns is kept with its run, and read with its type by whoever may do what the run did."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from atlas_gql.plugins import Operation, OperationFailure, Ref, RunContext, new
from atlas_gql.schema import ids
from atlas_gql.schema.maps import OPERATION_RUN
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR

KEY = UUID("0190f0a0-0000-7000-8000-000000000001")
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

RESULT = """
query Result($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      outcome
      result {
        __typename
        ... on Measured {
          count ratio at key setId kind words
          parts { name setId kind inner { name } }
          best { name setId kind }
        }
        json
      }
    }
  }
}
"""


class Kind(StrEnum):
    """A kind of part."""

    LARGE = "large"
    VERY_SMALL = "very small"


@dataclass(frozen=True, kw_only=True)
class Inner:
    """What is in a part."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of it."""

    name: str
    set_id: Annotated[UUID | None, Ref("BackupSet", "backups.view")] = None
    kind: Kind = Kind.LARGE
    inner: Inner | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured."""

    count: int
    ratio: float = 0.5
    at: datetime = AT
    key: UUID = KEY
    set_id: Annotated[UUID, Ref("BackupSet", "backups.view")] = KEY
    kind: Kind = Kind.VERY_SMALL
    words: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    best: Part | None = None


@dataclass(frozen=True, kw_only=True)
class MeasureInput:
    """What to measure, and how it ends."""

    how: str = "well"
    good: int = 0


SECRET = "atlas_" + secrets.token_urlsafe(32)
RETURNED: dict[str, Any] = {
    "well": Measured(
        count=3,
        words=("a", "b"),
        parts=(Part(name="x"), Part(name="y", set_id=KEY, kind=Kind.VERY_SMALL, inner=Inner(name="z"))),
        best=Part(name="y"),
    ),
    "secret": Measured(count=1, words=(f"Bearer {SECRET}", "nul\0", "half \ud800")),
    "nothing": None,
    "another class": Inner(name="x"),
    "a dict": {"count": 3},
    "wrong type": Measured(count="many"),  # type: ignore[arg-type] # what a plugin may get wrong
    "wrong part": Measured(count=1, parts=({"name": 1},)),  # type: ignore[arg-type] # as above
    "no number": Measured(count=1, ratio=math.nan),
    "infinite": Measured(count=1, ratio=math.inf),
    "too great": Measured(count=2**70),
    "no enum": Measured(count=1, kind="huge"),  # type: ignore[arg-type] # as above
    "an object": Measured(count=1, words=(object(),)),  # type: ignore[arg-type] # as above
    "too large": Measured(count=1, words=("x" * 1000,) * 1000),
}


async def measure(ctx: RunContext, given: MeasureInput) -> Any:
    for n in range(given.good):
        await ctx.succeeded(str(n))
    if given.how == "half":
        await ctx.failed("f", "", OperationFailure("No."))
        return Measured(count=given.good)
    if given.how == "raises":
        raise OperationFailure("No.")
    return RETURNED[given.how]


def operation(name: str, **more: Any) -> Operation[MeasureInput]:
    return Operation(
        type=f"tests.{name}", mutation=name, label="Measure", description="Measures.", input=MeasureInput,
        target=new(), handler=measure, **{"capability": "policies.view", "result": Measured, **more},
    )  # fmt: skip


OPERATIONS = {
    made.type: made
    for made in (
        operation("measure"),
        operation("change", capability="backups.create"),
        operation("silent", result=None),
    )
}


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    """A database of its own: other workers do not know these operations."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    with installation(database, simulator=simulator, operations=OPERATIONS) as running:
        yield running


@pytest.fixture(scope="module")
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def measured(place: Place, mutation: str = "measure", **given: Any) -> dict[str, Any]:
    return place.run(mutation, {"tenantId": place.tenant_id, **given})


def result(place: Place, run: dict[str, Any], token: str | None = None) -> Any:
    answer = place.ask(RESULT, token, id=run["id"])
    assert "errors" not in answer, answer
    return answer["data"]["node"]["result"]


def test_a_result_is_read_with_its_types(place: Place) -> None:
    run = measured(place)
    set_id = ids.encode("BackupSet", KEY)
    assert (run["outcome"], result(place, run)) == (
        "SUCCEEDED",
        {
            "__typename": "Measured",
            "count": 3,
            "ratio": 0.5,
            "at": "2026-03-04T05:06:07+00:00",
            "key": str(KEY),
            "setId": set_id,
            "kind": "VERY_SMALL",
            "words": ["a", "b"],
            "parts": [
                {"name": "x", "setId": None, "kind": "LARGE", "inner": None},
                {"name": "y", "setId": set_id, "kind": "VERY_SMALL", "inner": {"name": "z"}},
            ],
            "best": {"name": "y", "setId": None, "kind": "LARGE"},
            "json": {
                "count": 3,
                "ratio": 0.5,
                "at": "2026-03-04T05:06:07Z",
                "key": str(KEY),
                "set_id": str(KEY),
                "kind": "very small",
                "words": ["a", "b"],
                "parts": [
                    {"name": "x", "set_id": None, "kind": "large", "inner": None},
                    {"name": "y", "set_id": str(KEY), "kind": "very small", "inner": {"name": "z"}},
                ],
                "best": {"name": "y", "set_id": None, "kind": "large", "inner": None},
            },
        },
    )


def test_a_page_of_runs_shows_each_its_own(place: Place) -> None:
    measured(place)
    measured(place, "silent")
    page = "query P($id: ID!) { tenant(id: $id) { runs(first: 2) { nodes { type result { __typename } } } } }"
    assert place.ask(page, id=place.tenant_id)["data"]["tenant"]["runs"]["nodes"] == [
        {"type": "tests.silent", "result": None},
        {"type": "tests.measure", "result": {"__typename": "Measured"}},
    ]


def test_half_a_success_has_a_result_and_a_failure_has_none(place: Place) -> None:
    half, failed = measured(place, how="half", good=2), measured(place, how="raises", good=2)
    assert (half["outcome"], result(place, half)["count"]) == ("PARTIALLY_SUCCEEDED", 2)
    assert (failed["outcome"], result(place, failed)) == ("PARTIALLY_SUCCEEDED", None)


def test_no_secret_is_kept(place: Place) -> None:
    kept = result(place, measured(place, how="secret"))
    assert SECRET not in str(kept)
    assert kept["words"][1:] == ["nul", "half "]


@pytest.mark.parametrize("how", [how for how in RETURNED if how not in ("well", "secret")])
@pytest.mark.parametrize("good", [0, 1])
def test_what_is_not_as_declared_ends_the_run_with_a_code(place: Place, how: str, good: int) -> None:
    run = measured(place, how=how, good=good)
    code = "result_too_large" if how == "too large" else "result_refused"
    assert (run["outcome"], [(f["code"], f["reasonCode"]) for f in run["failures"]]) == (
        "PARTIALLY_SUCCEEDED" if good else "FAILED",
        [(f"tests.measure.{code}", "UNSUPPORTED")],
    )
    assert result(place, run) is None


def test_an_operation_that_declares_no_result_has_none(place: Place) -> None:
    run = measured(place, "silent")
    assert (run["outcome"], result(place, run)) == ("SUCCEEDED", None)


def test_whoever_may_not_do_it_may_not_see_what_it_returned(place: Place) -> None:
    readonly = place.member("readonly")
    allowed, refused = measured(place), measured(place, "change")
    assert result(place, allowed, readonly)["count"] == 3
    answer = place.ask(RESULT, readonly, id=refused["id"])
    (error,) = answer["errors"]
    assert (answer["data"]["node"], error["extensions"]["capability"]) == (
        {"outcome": "SUCCEEDED", "result": None},
        "backups.create",
    )


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({"type": "gone.away", "result": {"any": [1]}}, id="operation gone"),
        pytest.param({"type": "tests.measure", "result": {"amount": 3}}, id="operation changed"),
        pytest.param({"type": "tests.silent", "result": "text"}, id="no result any more"),
    ],
)
def test_what_cannot_be_read_is_shown_as_it_is(
    place: Place, database: TestDatabase, stored: dict[str, Any]
) -> None:
    run = measured(place)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # a run that has ended never changes
        connection.execute(
            "UPDATE operation_runs SET type = %s, result = %s WHERE id = %s",
            (stored["type"], Jsonb(stored["result"]), run["uuid"]),
        )
    answer = place.ask(RESULT, id=run["id"])["data"]["node"]["result"]
    assert answer == {"__typename": "UnknownOperationResult", "json": stored["result"]}


def test_only_who_asks_for_results_reads_them() -> None:
    others = OPERATION_RUN.fields.keys() - {"result", "returned"}
    assert "returned" not in OPERATION_RUN.needed(others)
    assert "returned" in OPERATION_RUN.needed({"result"})
