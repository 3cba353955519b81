"""How long backups are kept: what somebody said, what then goes, and what stays all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from atlas_gql.db.database import Database
from atlas_gql.db.ids import new_id
from atlas_gql.ops.retention import expire, expired
from atlas_gql.ops.upkeep import Upkeep
from atlas_gql.testing.installation import Place
from support.ages import LIVE_PLAN, add_set, sets_of, wait_until

KEEP = """
mutation Keep($id: ID!, $days: Int, $count: Int) {
  setBackupRetention(input: {tenantId: $id, days: $days, count: $count}) {
    __typename
    ... on TenantPayload { tenant { backupRetention { days count } } }
    ... on ValidationError { field message }
  }
}
"""
AUDIT = """
query Audit($id: ID!) {
  tenant(id: $id) {
    backupRetention { days count }
    auditEntries(filter: {actions: ["backup.deleted", "retention.changed"]}) {
      nodes { action details actor { kind name } }
    }
  }
}
"""
Made = Callable[..., UUID]


@pytest.fixture
def made(admin_url: str, place: Place) -> Made:
    """A function that makes a set of the place's tenant."""
    return lambda **values: add_set(admin_url, place, **values)


def keep(place: Place, days: int | None = None, count: int | None = None, token: str | None = None) -> Any:
    answer = place.ask(KEEP, token, id=place.tenant_id, days=days, count=count)
    return answer["data"]["setBackupRetention"] or answer["errors"][0]["extensions"]["code"]


def expire_now(database_url: str) -> None:
    async def work() -> None:
        database = Database(database_url, max_connections=1)
        await database.open()
        try:
            await expire(database)
            assert await expired(database) == []
        finally:
            await database.close()

    asyncio.run(work())


def test_the_setting_is_shown_audited_and_guarded(place: Place) -> None:
    assert keep(place, days=90)["tenant"] == {"backupRetention": {"days": 90, "count": None}}
    assert keep(place, count=30)["tenant"] == {"backupRetention": {"days": None, "count": 30}}
    shown = place.ask(AUDIT, id=place.tenant_id)["data"]["tenant"]
    assert shown["backupRetention"] == {"days": None, "count": 30}
    assert [entry["details"] for entry in shown["auditEntries"]["nodes"]] == [
        {"days": {"old": 90, "new": None}, "count": {"old": None, "new": 30}},
        {"days": {"old": None, "new": 90}, "count": {"old": None, "new": None}},
    ]
    assert {role: keep(place, 1, 1, place.member(role)) for role in ("operator", None)} == {
        "operator": "FORBIDDEN",
        None: "NOT_FOUND",
    }


@pytest.mark.parametrize(
    ("days", "count", "field"), [(0, None, "days"), (None, -1, "count"), (10**6, 1, "days")]
)
def test_a_number_that_makes_no_sense_changes_nothing(
    place: Place, days: int | None, count: int | None, field: str
) -> None:
    keep(place, days=7)
    result = keep(place, days=days, count=count)
    assert (result["__typename"], result["field"]) == ("ValidationError", field)
    assert place.ask(AUDIT, id=place.tenant_id)["data"]["tenant"]["backupRetention"] == {
        "days": 7,
        "count": None,
    }


def test_without_a_limit_everything_stays(
    place: Place, admin_url: str, database_url: str, made: Made
) -> None:
    kept = {made(days=days) for days in (0, 100, 10_000)}
    expire_now(database_url)
    assert sets_of(admin_url, place) == kept


def test_what_is_too_old_goes_once_each_audited(
    place: Place, admin_url: str, database_url: str, made: Made
) -> None:
    kept = {made(days=1), made(days=29)}
    for days in (31, 40):
        made(days=days)
    keep(place, days=30)
    expire_now(database_url)
    assert sets_of(admin_url, place) == kept
    entries = place.ask(AUDIT, id=place.tenant_id)["data"]["tenant"]["auditEntries"]["nodes"]
    deleted = [entry for entry in entries if entry["action"] == "backup.deleted"]
    assert len(deleted) == 2
    assert {entry["actor"]["kind"] for entry in deleted} == {"system"}
    assert [entry["details"]["retention"] for entry in deleted] == [{"days": 30, "count": None}] * 2


def test_what_is_too_many_goes_by_series(place: Place, admin_url: str, database_url: str, made: Made) -> None:
    kept = {
        made(days=1),
        made(days=2, state="partial"),
        made(days=3, policy_types=["mobileApps"]),
        made(days=90, policy_types=["mobileApps"]),
        made(days=100, origin="before_restore"),
    }
    made(days=5)
    made(days=6, state="failed")  # no use, and two newer ones are
    kept.add(made(days=1.5, state="failed"))  # only one newer one is
    keep(place, count=2)
    expire_now(database_url)
    assert sets_of(admin_url, place) == kept


def test_the_newest_complete_set_and_the_newest_that_holds_anything_stay(
    place: Place, admin_url: str, database_url: str, made: Made
) -> None:
    for days in (400, 500):
        made(days=days, state="partial")
    kept = {made(days=300, state="partial"), made(days=350)}
    made(days=360)
    made(days=200, state="failed")
    keep(place, days=30, count=1)
    expire_now(database_url)
    assert sets_of(admin_url, place) == kept


def test_what_something_needs_stays(place: Place, admin_url: str, database_url: str, made: Made) -> None:
    newest = made(days=1)
    planned, capturing = made(days=50), made(days=60, state="capturing")
    undo, older = made(days=20, origin="before_restore"), made(days=25, origin="before_restore")
    made(days=35, origin="before_restore")
    with psycopg.connect(admin_url) as connection:
        connection.execute(LIVE_PLAN, (new_id(), place.tenant, place.workspace, planned, place.tenant))
    keep(place, days=7, count=1)
    expire_now(database_url)
    assert sets_of(admin_url, place) == {newest, planned, capturing, undo, older}


def test_two_at_once_do_it_once(place: Place, admin_url: str, database_url: str, made: Made) -> None:
    kept = {made(days=1)}
    for n in range(12):
        made(days=40 + n)
    keep(place, days=30)

    async def work() -> None:
        database = Database(database_url, max_connections=4)
        await database.open()
        try:
            gone = await asyncio.gather(*(expire(database) for _ in range(3)))
        finally:
            await database.close()
        assert sum(gone) == 12

    asyncio.run(work())
    assert sets_of(admin_url, place) == kept


def test_a_worker_does_it_by_itself(place: Place, admin_url: str, database_url: str, made: Made) -> None:
    kept = {made(days=1)}
    made(days=31)
    keep(place, days=30)

    async def work() -> None:
        database = Database(database_url, max_connections=2)
        await database.open()
        upkeep = asyncio.create_task(Upkeep(database, purge_every=0.01, expire_every=0.01).run())
        try:
            async with asyncio.timeout(10):
                await asyncio.to_thread(wait_until, lambda: sets_of(admin_url, place) == kept)
        finally:
            upkeep.cancel()
            await asyncio.gather(upkeep, return_exceptions=True)
            await database.close()

    asyncio.run(work())
