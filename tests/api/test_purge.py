"""Purging a tenant whose customer left: nothing of it is found any more but in the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from atlas_gql.db.database import Database
from atlas_gql.db.tables import metadata
from atlas_gql.ops.purge import PARTS, purge, purge_some
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.ages import LIVE_PLAN, add_set, wait_until
from support.archives import exported, facts, imported, record, written
from support.dump import dump_of
from support.paths import DATA_DIR
from support.runs import add_runs
from support.schedules import made, shown
from support.steps import backed_up, damaged, planned, restore_input

PURGE = """
mutation Purge($input: PurgeTenantInput!) {
  purgeTenant(input: $input) {
    __typename
    ... on TenantPayload { tenant { id archivedAt purgeStartedAt } }
    ... on Error { code message }
    ... on ValidationError { field }
  }
}
"""
TENANT = "query T($id: ID!) { tenant(id: $id) { name } }"
PLAN = """
mutation P($id: ID!, $set: ID!) {
  planAssignmentRestore(input: {tenantId: $id, backupSetId: $set}) { __typename }
}
"""
TRAIL = """
query Trail($id: ID!, $tenant: String!) {
  workspace(id: $id) {
    auditEntries(first: 100, filter: {tenantUuid: [$tenant]}) {
      nodes { action outcome reason actor { name } tenantUuid resource { id } details }
    }
  }
}
"""


@pytest.fixture
def quiet(simulator: Running) -> Iterator[tuple[Place, TestDatabase]]:
    """A place in a database that nobody else uses, and no worker that would go on with what is begun."""
    with (
        fresh_database(DATA_DIR) as database,
        installation(database, simulator=simulator, worker=False) as running,
    ):
        yield running.new_place(), database


@pytest.fixture
def alone(simulator: Running) -> Iterator[tuple[Place, str]]:
    """The same with a worker, and the database as the superuser."""
    with fresh_database(DATA_DIR) as database, installation(database, simulator=simulator) as running:
        yield running.new_place(), database.admin_url


def ask(place: Place, token: str | None = None, **changes: Any) -> Any:
    given = {
        "tenantId": place.tenant_id,
        "confirmation": DEMO_TENANT.domain.upper(),
        "reason": "They left",
        **changes,
    }
    answer = place.ask(PURGE, token, input=given)
    return answer["data"]["purgeTenant"] or answer["errors"][0]["extensions"]["code"]


def is_gone(admin_url: str, place: Place) -> bool:
    with psycopg.connect(admin_url) as connection:
        return connection.execute("SELECT FROM tenants WHERE id = %s", (place.tenant,)).fetchone() is None


def rows_of(admin_url: str, tenant: UUID) -> dict[str, int]:
    """How many rows each table holds that belong to the tenant; only tables that hold any."""
    counts = {}
    with psycopg.connect(admin_url) as connection:
        for table in metadata.sorted_tables:
            if "tenant_id" in table.c:
                row = connection.execute(
                    sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(
                        sql.Identifier(table.name)
                    ),
                    (tenant,),
                ).fetchone()
                assert row is not None
                counts[table.name] = row[0]
    return {name: count for name, count in counts.items() if count}


def test_every_table_of_tenants_goes_with_one_of_the_parts() -> None:
    covered = {table.name for table, _ in PARTS}
    for table in metadata.sorted_tables:
        if any(
            key.ondelete == "CASCADE" and key.referred_table.name in covered
            for key in table.foreign_key_constraints
        ):
            covered.add(table.name)
    owned = {table.name for table in metadata.sorted_tables if "tenant_id" in table.c}
    assert owned - covered == {"audit_entries"}


def test_nothing_is_found_any_more_but_in_the_audit_trail(alone: tuple[Place, str]) -> None:
    place, admin_url = alone
    atlas = place.atlas
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    token = place.member("operator")
    backup = backed_up(place)
    damaged(place)
    assert place.run("restoreAssignments", restore_input(planned(place, backup)))["outcome"] == "SUCCEEDED"
    elsewhere = planned(other, backup)
    theirs = backed_up(other)
    about = {str(place.tenant), DEMO_TENANT.name, DEMO_TENANT.id, DEMO_TENANT.domain}
    theirs_too = "\n".join(names_of(admin_url, other))
    before = dump_of(admin_url)
    looked_for = {
        text for text in about | names_of(admin_url, place) if text in before and text not in theirs_too
    }
    assert about < looked_for
    assert len(looked_for) > 50
    assert ask(place)["tenant"]["purgeStartedAt"]
    wait_until(lambda: is_gone(admin_url, place))

    dump = dump_of(admin_url, leave_out=("audit_entries",))
    assert {text for text in looked_for if text in dump} == set()
    assert place.ask(TENANT, id=place.tenant_id)["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert atlas.post("{ viewer { name } }", token=token).status_code == 200

    # The other tenant keeps what is its own; its plan that was made of the other's backup is gone.
    node = "query N($id: ID!) { node(id: $id) { id } }"
    assert place.ask(node, id=theirs)["data"]["node"] == {"id": theirs}
    assert place.ask(node, id=elsewhere["id"])["data"]["node"] is None

    trail = place.ask(TRAIL, id=place.workspace_id, tenant=str(place.tenant))["data"]["workspace"][
        "auditEntries"
    ]["nodes"]
    assert [entry["action"] for entry in trail] == [
        "tenant.purged",
        "tenant.purge_started",
        "restore.executed",
        "backup.started",
    ]
    end = trail[0]
    assert (end["reason"], end["actor"]["name"]) == ("They left", f"owner {place.user}")
    known = {"name", "primaryDomain", "entraTenantId", "deleteCredentials", "removed"}
    assert end["details"].keys() == known
    assert end["details"]["removed"]["backup_sets"] == 2
    assert end["details"]["removed"]["plans_elsewhere"] == 1


def names_of(admin_url: str, place: Place) -> set[str]:
    """What the tenant's rows call things: names and ids of policies, groups and filters."""
    with psycopg.connect(admin_url) as connection:
        names = connection.execute(
            "SELECT name, external_id FROM backup_items WHERE tenant_id = %s", (place.tenant,)
        ).fetchall()
        known = connection.execute(
            "SELECT g.key, g.value ->> 'name' FROM backup_contents, jsonb_each(content -> 'groups') AS g"
            " WHERE tenant_id = %s",
            (place.tenant,),
        ).fetchall()
    return {text for row in (*names, *known) for text in row if text}


def test_the_same_entra_tenant_can_be_added_again(place: Place, admin_url: str) -> None:
    assert ask(place)["__typename"] == "TenantPayload"
    wait_until(lambda: is_gone(admin_url, place))
    again = place.add_tenant(DEMO_TENANT.id, DEMO_TENANT.domain)
    assert backed_up(again)


def test_schedules_name_it_no_more(quiet: tuple[Place, TestDatabase]) -> None:
    place, database = quiet
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    both = made(place, name="Both", tenantIds=[place.tenant_id, other.tenant_id])
    one, all_ = made(place, name="One", tenantIds=[place.tenant_id]), made(place, name="All")
    assert ask(place)["__typename"] == "TenantPayload"
    while step(database.url, place.tenant):
        continue
    left = [[node["id"] for node in shown(place, of)["tenants"]["nodes"]] for of in (both, one, all_)]
    assert left == [[other.tenant_id], [], [other.tenant_id]]
    assert [shown(place, of)["allTenants"] for of in (both, one, all_)] == [False, False, True]
    assert str(place.tenant) not in dump_of(database.admin_url, leave_out=("audit_entries",))


class TestRefused:
    def test_by_role(self, place: Place, admin_url: str) -> None:
        refused = {role: ask(place, place.member(role)) for role in ("manager", "operator", "readonly", None)}
        assert refused == {
            "manager": "FORBIDDEN",
            "operator": "FORBIDDEN",
            "readonly": "FORBIDDEN",
            None: "NOT_FOUND",
        }
        assert not is_gone(admin_url, place)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            pytest.param({"confirmation": "elsewhere.example"}, "confirmation", id="another domain"),
            pytest.param({"confirmation": ""}, "confirmation", id="nothing typed"),
            pytest.param({"reason": " "}, "reason", id="no reason"),
        ],
    )
    def test_without_a_person_s_word(self, place: Place, change: dict[str, str], field: str) -> None:
        result = ask(place, **change)
        assert (result["__typename"], result["field"]) == ("ValidationError", field)

    def test_while_a_run_is_active(self, place: Place, admin_url: str) -> None:
        add_runs(admin_url, place, 1, status="queued")
        assert ask(place)["code"] == "TENANT_IN_USE"

    def test_while_a_restore_of_its_backup_into_another_tenant_is_active(
        self, place: Place, admin_url: str
    ) -> None:
        other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
        backup_set = add_set(admin_url, place)
        (run,) = add_runs(admin_url, other, 1, status="queued")
        with psycopg.connect(admin_url) as connection:
            connection.execute(LIVE_PLAN, (run, other.tenant, other.workspace, backup_set, place.tenant))
        assert ask(place)["code"] == "TENANT_IN_USE"

    def test_while_another_tenant_holds_a_copy_of_its_backups(self, place: Place) -> None:
        other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
        assert imported(other, exported(place, backed_up(place)).content).status_code == 201
        result = ask(place)
        assert (result["code"], "imported backups" in result["message"]) == ("TENANT_IN_USE", True)


def step(database_url: str, tenant: UUID) -> bool | None:
    """One step of a worker that dies right after it."""

    async def work() -> bool | None:
        database = Database(database_url, max_connections=1)
        await database.open()
        try:
            return await purge_some(database, tenant)
        finally:
            await database.close()

    return asyncio.run(work())


def test_what_was_begun_can_be_looked_at_and_nothing_else(quiet: tuple[Place, TestDatabase]) -> None:
    place, database = quiet
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    backup_set = ids.encode("BackupSet", add_set(database.admin_url, place))
    assert ask(place)["__typename"] == "TenantPayload"
    assert place.ask(TENANT, id=place.tenant_id)["data"]["tenant"] == {"name": DEMO_TENANT.name}
    started = place.start("fetchAssignments", {"tenantId": place.tenant_id})
    assert (started["__typename"], started["code"]) == ("TenantArchived", "TENANT_ARCHIVED")
    assert imported(place, written(facts(), [], [record()])).status_code == 409
    plan = place.ask(PLAN, id=other.tenant_id, set=backup_set)
    assert plan["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_worker_that_dies_after_any_step_is_followed_by_another(
    quiet: tuple[Place, TestDatabase],
) -> None:
    place, database = quiet
    for n in range(12):
        add_set(database.admin_url, place, contents=tuple(b"%d %d" % (n, item) for item in range(3)))
    made = add_runs(database.admin_url, place, 25)
    retry(database.admin_url, made[0], made[1])
    assert ask(place)["__typename"] == "TenantPayload"
    before, steps = rows_of(database.admin_url, place.tenant), 0
    while step(database.url, place.tenant):
        steps += 1
        now = rows_of(database.admin_url, place.tenant)
        assert sum(before.values()) > sum(now.values())
        before = now
    assert 5 < steps < 30
    assert is_gone(database.admin_url, place)
    assert rows_of(database.admin_url, place.tenant).keys() == {"audit_entries"}


def retry(admin_url: str, run: UUID, of: UUID) -> None:
    """Let one run be the retry of one that has a greater id: clocks of machines differ."""
    with psycopg.connect(admin_url) as connection:
        connection.execute("ALTER TABLE operation_runs DISABLE TRIGGER terminal_is_final")
        connection.execute("UPDATE operation_runs SET retry_of = %s WHERE id = %s", (of, run))
        connection.execute("ALTER TABLE operation_runs ENABLE TRIGGER terminal_is_final")


def test_workers_at_once_do_it_once(quiet: tuple[Place, TestDatabase]) -> None:
    place, database = quiet
    for n in range(8):
        add_set(database.admin_url, place, contents=(b"%d" % n,))
    first, again = ask(place, reason="first"), ask(place, reason="second")
    assert again == first

    async def work() -> list[int]:
        opened = Database(database.url, max_connections=4)
        await opened.open()
        try:
            # Whoever finds another at it leaves the tenant to that one.
            return list(await asyncio.gather(*(purge(opened) for _ in range(3))))
        finally:
            await opened.close()

    assert sum(asyncio.run(work())) <= 1
    while step(database.url, place.tenant):
        continue
    trail = place.ask(TRAIL, id=place.workspace_id, tenant=str(place.tenant))["data"]["workspace"]
    assert [(entry["action"], entry["reason"]) for entry in trail["auditEntries"]["nodes"]] == [
        ("tenant.purged", "first"),
        ("tenant.purge_started", "first"),
    ]


@pytest.mark.parametrize("used_elsewhere", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_credentials_go_when_that_is_wanted_and_nobody_else_uses_them(
    place: Place, admin_url: str, atlas: Installation, wanted: bool, used_elsewhere: bool
) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    query = "SELECT credential_id FROM providers WHERE tenant_id = %s"
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(query, (place.tenant,)).fetchone()
        assert row is not None
        if used_elsewhere:
            connection.execute(
                "UPDATE providers SET write_credential_id = %s WHERE tenant_id = %s", (row[0], other.tenant)
            )
    assert ask(place, deleteCredentials=wanted)["__typename"] == "TenantPayload"
    wait_until(lambda: is_gone(admin_url, place))
    with psycopg.connect(admin_url) as connection:
        left = connection.execute("SELECT FROM credentials WHERE id = %s", (row[0],)).fetchone()
        entry = connection.execute(
            "SELECT FROM audit_entries WHERE action = 'credential.deleted' AND resource_id = %s",
            (str(row[0]),),
        ).fetchone()
    goes = wanted and not used_elsewhere
    assert (left is None, entry is not None) == (goes, goes)
