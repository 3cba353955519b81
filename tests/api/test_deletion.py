"""Deleting backup sets: what is needed stays, what nothing else uses goes, a running backup loses nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.audit import ITSELF
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.errors import BackupSetInUse, NotFound
from atlas_gql.ops import backups
from atlas_gql.ops.deletion import UNDO_WINDOW, delete_backup_set
from atlas_gql.plugins.backups import CapturedPolicy
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Installation, Place
from support.ages import LIVE_PLAN, add_set, contents_of, sets_of
from support.archives import uuid_of
from support.steps import backed_up, damaged, faults, planned, restore_input

DELETE = """
mutation Delete($id: ID!) {
  deleteBackupSet(input: {backupSetId: $id}) {
    __typename
    ... on DeletePayload { deletedId }
    ... on Error { code message }
  }
}
"""
AUDIT = """
query Audit($id: ID!) {
  tenant(id: $id) {
    auditEntries(filter: {actions: ["backup.deleted"]}) {
      nodes { resource { kind id } details actor { kind } }
    }
  }
}
"""
PLAN = """
query Plan($id: ID!) { node(id: $id) { ... on RestoreRun { state backupSet { id } items { totalCount } } } }
"""


def delete(place: Place, set_id: str, token: str | None = None) -> Any:
    answer = place.ask(DELETE, token, id=set_id)
    return answer["data"]["deleteBackupSet"] or answer["errors"][0]["extensions"]["code"]


def id_of(set_id: UUID) -> str:
    return str(ids.encode("BackupSet", set_id))


def expire_plans(admin_url: str, place: Place) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE restore_runs SET expires_at = now() WHERE tenant_id = %s", (place.tenant,))


def test_a_set_goes_with_what_no_other_set_has_and_is_audited(place: Place, admin_url: str) -> None:
    first = add_set(admin_url, place, contents=(b"both", b"first"))
    second = add_set(admin_url, place, contents=(b"both", b"second"))
    other = add_set(admin_url, place.atlas.new_place(provider=False), contents=(b"first",))
    assert delete(place, id_of(first)) == {"__typename": "DeletePayload", "deletedId": id_of(first)}
    assert (sets_of(admin_url, place), contents_of(admin_url, place)) == ({second}, {b"both", b"second"})
    (entry,) = place.ask(AUDIT, id=place.tenant_id)["data"]["tenant"]["auditEntries"]["nodes"]
    assert entry["resource"] == {"kind": "BackupSet", "id": str(first)}
    assert (entry["details"]["items"], entry["details"]["contents"]) == (1, 1)
    assert entry["actor"] == {"kind": "user"}
    assert delete(place, id_of(first)) == "NOT_FOUND"
    assert delete(place, id_of(other)) == "NOT_FOUND"


def test_who_may(place: Place, admin_url: str) -> None:
    made = id_of(add_set(admin_url, place))
    refused = {role: delete(place, made, place.member(role)) for role in ("readonly", "operator", None)}
    assert refused == {"readonly": "FORBIDDEN", "operator": "FORBIDDEN", None: "NOT_FOUND"}
    assert delete(place, made, place.member("manager"))["__typename"] == "DeletePayload"


def test_a_set_that_is_captured_stays(place: Place, admin_url: str) -> None:
    made = add_set(admin_url, place, state="capturing")
    result = delete(place, id_of(made))
    assert (result["__typename"], result["code"]) == ("BackupSetInUse", "BACKUP_SET_IN_USE")
    assert "being captured" in result["message"]
    assert sets_of(admin_url, place) == {made}


def test_a_set_stays_while_a_plan_of_it_can_be_executed_and_the_plan_stays_after(
    place: Place, admin_url: str
) -> None:
    backup = backed_up(place)
    damaged(place)
    plan = planned(place, backup)
    assert "can still be executed" in delete(place, backup)["message"]
    expire_plans(admin_url, place)
    assert delete(place, backup)["__typename"] == "DeletePayload"
    shown = place.ask(PLAN, id=plan["id"])["data"]["node"]
    assert shown == {"state": "PLANNED", "backupSet": None, "items": {"totalCount": 63}}


def test_a_plan_that_was_executed_needs_its_set_no_more_but_undoing_needs_the_state_before(
    place: Place, admin_url: str
) -> None:
    backup = backed_up(place)
    damaged(place)
    plan = planned(place, backup)
    assert place.run("restoreAssignments", restore_input(plan))["outcome"] == "SUCCEEDED"
    assert delete(place, backup)["__typename"] == "DeletePayload"
    (before,) = sets_of(admin_url, place)
    assert "state before a restore" in delete(place, id_of(before))["message"]
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "UPDATE backup_sets SET created_at = now() - %s - interval '1 minute' WHERE id = %s",
            (UNDO_WINDOW, before),
        )
    assert delete(place, id_of(before))["__typename"] == "DeletePayload"
    assert contents_of(admin_url, place) == set()


def test_a_comparison_needs_its_sets_no_longer_than_it_takes(place: Place) -> None:
    one, other = backed_up(place), backed_up(place)
    run = place.run("compareBackup", {"tenantId": place.tenant_id, "backupSetId": one, "againstSetId": other})
    assert run["outcome"] == "SUCCEEDED", run
    assert [delete(place, set_id)["__typename"] for set_id in (one, other)] == ["DeletePayload"] * 2
    shown = place.ask(PLAN, id=run["subject"]["id"])["data"]["node"]
    assert (shown["state"], shown["backupSet"], shown["items"]["totalCount"]) == ("PLANNED", None, 63)


def test_a_plan_in_another_tenant_needs_it_too(place: Place) -> None:
    backup = backed_up(place)
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    planned(other, backup)
    assert delete(place, backup)["code"] == "BACKUP_SET_IN_USE"


def test_a_backup_whose_set_was_deleted_is_not_retried(place: Place) -> None:
    faults(place, {"path": "deviceHealthScripts", "status": 403})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    faults(place)
    assert delete(place, run["subject"]["id"])["__typename"] == "DeletePayload"
    answer = place.ask(
        "mutation R($id: ID!) { retryRun(input: {runId: $id}) { __typename ... on Error { code message } } }",
        id=run["id"],
    )["data"]["retryRun"]
    assert (answer["code"], answer["message"]) == (
        "NOTHING_TO_RETRY",
        "The backup set was deleted: make a new backup.",
    )


def test_contents_are_never_taken_from_under_a_backup_that_is_about_to_use_them(
    place: Place, admin_url: str, database_url: str
) -> None:
    """One transaction has found the content stored already, and has not pointed to it yet."""
    policy = CapturedPolicy(policy_type="deviceConfigurations", id="p", name="P")
    tenant = {"tenant_id": place.tenant, "workspace_id": place.workspace}
    old, new = add_set(admin_url, place, contents=()), add_set(admin_url, place, contents=())
    looked, go_on = threading.Event(), threading.Event()

    async def store(set_id: UUID, *, slowly: bool) -> None:
        database = Database(database_url, max_connections=1)
        await database.open()
        try:
            async with database.scope(ENGINE).begin() as tx:
                row = backups._row(policy, None)
                await backups.store_contents(tx, [row], **tenant)
                if slowly:
                    looked.set()
                    await asyncio.to_thread(go_on.wait, 10)
                await tx.execute(backups._ITEMS, rows=[row], backup_set_id=set_id, **tenant)
        finally:
            await database.close()

    asyncio.run(store(old, slowly=False))
    storing = threading.Thread(target=lambda: asyncio.run(store(new, slowly=True)))
    storing.start()
    assert looked.wait(10)
    deleting = threading.Thread(target=delete, args=(place, id_of(old)))
    deleting.start()
    deleting.join(0.3)
    assert deleting.is_alive()  # it waits for whoever stores
    go_on.set()
    storing.join(10)
    deleting.join(10)
    assert (sets_of(admin_url, place), len(contents_of(admin_url, place))) == ({new}, 1)


def test_backups_and_deletions_beside_each_other_lose_nothing(place: Place, admin_url: str) -> None:
    """The same contents again and again, taken up and let go at the same time."""
    given = {"tenantId": place.tenant_id, "policyTypes": ["deviceConfigurations"]}
    made = [place.run("fetchAssignments", given)["subject"]["id"]]
    for _ in range(4):
        started = place.start("fetchAssignments", given)
        assert delete(place, made.pop())["__typename"] == "DeletePayload"
        run = place.wait(started["run"]["id"])
        assert run["outcome"] == "SUCCEEDED", run
        made.append(run["subject"]["id"])
    with psycopg.connect(admin_url) as connection:
        left = connection.execute(
            "SELECT count(*) FILTER (WHERE kept.hash IS NULL), count(*) FROM backup_items AS item"
            " LEFT JOIN backup_contents AS kept ON kept.tenant_id = item.tenant_id"
            " AND kept.hash = item.content_hash WHERE item.backup_set_id = %s",
            (uuid_of(made[0]),),
        ).fetchone()
    assert left is not None
    assert left[0] == 0
    assert left[1] > 5


def test_a_plan_that_is_made_at_this_moment_is_waited_for(
    place: Place, atlas: Installation, admin_url: str
) -> None:
    """Whoever plans holds the set; the deletion then sees the plan."""
    made = add_set(admin_url, place)
    with psycopg.connect(admin_url) as connection:
        connection.execute("SELECT FROM backup_sets WHERE id = %s FOR KEY SHARE", (made,))
        connection.execute(LIVE_PLAN, (uuid4(), place.tenant, place.workspace, made, place.tenant))
        results: list[Any] = []
        deleting = threading.Thread(target=lambda: results.append(delete(place, id_of(made))))
        deleting.start()
        deleting.join(0.3)
        assert deleting.is_alive()
    deleting.join(10)
    assert [result["code"] for result in results] == ["BACKUP_SET_IN_USE"]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_service_asks_for_the_tenant_too(
    place: Place, atlas: Installation, admin_url: str, elsewhere: bool
) -> None:
    made = add_set(admin_url, place, state="capturing")
    tenant_id = uuid4() if elsewhere else place.tenant
    with pytest.raises(NotFound if elsewhere else BackupSetInUse):
        atlas.call(lambda tx: delete_backup_set(tx, ITSELF, set_id=made, tenant_id=tenant_id))
