"""Runs in numbers, compared with what is counted by hand; and tenants without a fresh backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from atlas_gql.db.ids import new_id
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_TENANT
from atlas_gql.testing.installation import Installation, Place
from support.runs import add_run, add_runs, change

MONDAY = datetime(2030, 1, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)

STATS = """
fragment Counts on RunCounts {
  total queued running succeeded partiallySucceeded failed cancelled successRate
}
query Stats(
  $id: ID!, $since: DateTime!, $until: DateTime, $bucket: RunStatsBucket!, $filter: OperationRunFilter
) {
  workspace(id: $id) {
    runStats(since: $since, until: $until, bucket: $bucket, filter: $filter) {
      counts { ...Counts }
      buckets { start counts { total failed } types { type counts { total } } }
      types { type counts { ...Counts } }
      reasonCodes { reasonCode total }
      waiting { p50 p95 p99 }
      working { p50 p95 p99 }
      queuedNow runningNow oldestQueuedSeconds oldestQueued { id }
    }
  }
}
"""


@pytest.fixture(scope="module")
def places(atlas: Installation, admin_url: str) -> tuple[Place, Place, str]:
    """Two tenants with runs of three days, and the key of the oldest that is queued."""
    place = atlas.new_place()
    other = place.add_tenant(str(new_id()), "other.example")
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for n in range(10):
            (run_id,) = add_runs(admin_url, (place, other)[n == 9], 1)
            created = MONDAY - timedelta(days=1) + 6 * n * HOUR  # from Sunday on, four a day
            change(
                connection, run_id, created_at=created, type="a.failed" if n % 4 == 0 else "a.good",
                outcome="failed" if n % 4 == 0 else "succeeded" if n < 8 else "partially_succeeded",
                failure_code="x" if n % 4 == 0 else None, failure_reason="TIMEOUT" if n % 4 == 0 else None,
                started_at=created + timedelta(seconds=n),
                finished_at=created + timedelta(seconds=11 * n),
            )  # fmt: skip
        waiting = [add_run(connection, place) for _ in range(2)]
        for run_id, hours in zip(waiting, (30, 31), strict=True):
            change(connection, run_id, created_at=MONDAY + hours * HOUR, type="a.queued")
        working = add_run(connection, other, status="running")
        change(connection, working, created_at=MONDAY + 32 * HOUR, type="a.working")
        connection.commit()
    return place, other, str(waiting[0])


def stats(place: Place, token: str | None = None, **asked: Any) -> dict[str, Any]:
    variables = {
        "since": MONDAY - timedelta(days=1),
        "until": MONDAY + timedelta(days=2),
        "bucket": "DAY",
        **asked,
    }
    sent = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in variables.items()}
    answer = place.ask(STATS, token, id=place.workspace_id, **sent)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["workspace"]["runStats"]
    return found


def counts(total: int, rate: float | None, **numbers: int) -> dict[str, Any]:
    names = ("queued", "running", "succeeded", "partiallySucceeded", "failed", "cancelled")
    return {"total": total, **{name: numbers.get(name, 0) for name in names}, "successRate": rate}


def test_runs_are_counted_by_time_type_and_outcome(places: tuple[Place, Place, str]):
    place, _, oldest = places
    found = stats(place)
    assert found["counts"] == counts(
        13, 0.6, queued=2, running=1, succeeded=6, partiallySucceeded=1, failed=3
    )
    assert found["types"] == [
        {"type": "a.failed", "counts": counts(3, 0.0, failed=3)},
        {"type": "a.good", "counts": counts(7, 6 / 7, succeeded=6, partiallySucceeded=1)},
        {"type": "a.queued", "counts": counts(2, None, queued=2)},
        {"type": "a.working", "counts": counts(1, None, running=1)},
    ]
    assert [(part["start"], part["counts"]) for part in found["buckets"]] == [
        ((MONDAY + timedelta(days=n)).isoformat(), {"total": total, "failed": 1})
        for n, total in ((-1, 4), (0, 4), (1, 5))
    ]
    assert [kind["type"] for kind in found["buckets"][2]["types"]] == [
        "a.failed", "a.good", "a.queued", "a.working",
    ]  # fmt: skip
    assert found["reasonCodes"] == [{"reasonCode": "TIMEOUT", "total": 3}]
    assert (found["waiting"]["p50"], found["working"]["p50"]) == (4.5, 45.0)
    assert found["waiting"]["p99"] == pytest.approx(8.91)
    assert (found["queuedNow"], found["runningNow"]) == (2, 1)
    assert found["oldestQueued"] == {"id": ids.encode("OperationRun", oldest)}


def test_a_time_is_cut_at_its_ends_and_its_empty_parts_are_there(places: tuple[Place, Place, str]):
    found = stats(places[0], since=MONDAY + 5 * HOUR, until=MONDAY + 7 * HOUR + HOUR / 2, bucket="HOUR")[
        "buckets"
    ]
    assert [(part["start"], part["counts"]["total"]) for part in found] == [
        ((MONDAY + 5 * HOUR).isoformat(), 0),
        ((MONDAY + 6 * HOUR).isoformat(), 1),
        ((MONDAY + 7 * HOUR).isoformat(), 0),
    ]
    weeks = stats(places[0], bucket="WEEK")["buckets"]
    assert [(part["start"], part["counts"]["total"]) for part in weeks] == [
        ((MONDAY - timedelta(days=7)).isoformat(), 4),
        (MONDAY.isoformat(), 9),
    ]
    assert stats(places[0], since=MONDAY, until=MONDAY)["buckets"] == []


def test_numbers_are_of_what_the_filter_leaves(places: tuple[Place, Place, str]):
    found = stats(places[0], filter={"type": ["a.failed"], "reasonCode": ["TIMEOUT", "THROTTLED"]})
    assert found["counts"] == counts(3, 0.0, failed=3)
    assert (found["queuedNow"], found["oldestQueued"], found["oldestQueuedSeconds"]) == (0, None, None)


def test_who_reaches_some_tenants_gets_their_numbers(places: tuple[Place, Place, str]):
    place, other, _ = places
    found = stats(place, other.member("readonly"))
    assert found["counts"] == counts(2, 0.0, running=1, partiallySucceeded=1)
    assert (found["queuedNow"], found["runningNow"], found["oldestQueued"]) == (0, 1, None)
    answer = place.ask(
        STATS, place.member(None), id=place.workspace_id, since=MONDAY.isoformat(), bucket="DAY"
    )
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_the_numbers_of_tenants_are_their_own(places: tuple[Place, Place, str]):
    query = """
    query T($id: ID!, $since: DateTime!) {
      workspace(id: $id) { tenants { nodes { name runStats(since: $since) { counts { total } } } } }
    }
    """
    since = (MONDAY - timedelta(days=1)).isoformat()
    until_now = 'runStats(since: $since, until: "2031-01-01T00:00:00Z")'
    answer = places[0].ask(
        query.replace("runStats(since: $since)", until_now), id=places[0].workspace_id, since=since
    )
    tenants = answer["data"]["workspace"]["tenants"]["nodes"]
    assert sorted(tenant["runStats"]["counts"]["total"] for tenant in tenants) == [2, 11]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        pytest.param({"until": "2040-01-01T00:00:00Z", "bucket": "DAY"}, "bucket", id="too many parts"),
        pytest.param({"until": "9999-12-31T23:00:00Z", "bucket": "WEEK"}, "bucket", id="the end of time"),
        pytest.param({"since": "0001-01-01T00:00:00+14:00", "bucket": "WEEK"}, "since", id="before all time"),
        pytest.param({"since": "2030-01-01T00:00:00", "bucket": "WEEK"}, "since", id="no time zone"),
        pytest.param({"until": "2030-01-01T00:00:00", "bucket": "WEEK"}, "until", id="an end without one"),
    ],
)
def test_a_time_that_cannot_be_told_is_refused_by_name(
    places: tuple[Place, Place, str], asked: dict[str, Any], field: str
):
    variables = {"since": MONDAY.isoformat(), **asked}
    answer = places[0].ask(STATS, id=places[0].workspace_id, **variables)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", field)


STALE = """
query Stale($id: ID!, $hours: Int!) {
  workspace(id: $id) { tenantsWithoutFreshBackup(hours: $hours) { totalCount nodes { name } } }
}
"""
SET = """
    INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, state, run_id, created_at, completed_at)
    VALUES (gen_random_uuid(), %s, %s, 'requested', %s, gen_random_uuid(), %s, %s)
"""


def test_tenants_without_a_fresh_backup_are_told(atlas: Installation, admin_url: str):
    place = atlas.new_place()
    fresh, partial, old, archived = (place.add_tenant(str(new_id()), f"{n}.example") for n in "abcd")
    now = datetime.now(UTC)
    with psycopg.connect(admin_url) as connection:
        for tenant, state, hours in ((fresh, "complete", 2), (partial, "partial", 1), (old, "complete", 9)):
            at = now - hours * HOUR
            connection.execute(SET, (tenant.tenant, tenant.workspace, state, at, at))
        connection.execute("UPDATE tenants SET archived_at = now() WHERE id = %s", (archived.tenant,))

    def told(hours: int, token: str | None = None) -> list[str]:
        answer = place.ask(STALE, token, id=place.workspace_id, hours=hours)
        page = answer["data"]["workspace"]["tenantsWithoutFreshBackup"]
        assert page["totalCount"] == len(page["nodes"])
        names = [tenant["name"] for tenant in page["nodes"]]
        assert names.pop(0) == DEMO_TENANT.name  # which has none at all
        return names

    assert (told(8), told(10), told(1)) == (
        ["b.example", "c.example"],
        ["b.example"],
        ["a.example", "b.example", "c.example"],
    )
    answer = place.ask(STALE, id=place.workspace_id, hours=0)
    assert answer["errors"][0]["extensions"]["argument"] == "hours"
