"""What PostgreSQL itself refuses, whatever the application does (`make test-pgsql`).

Everything here is raw SQL as `atlas_app`, the role that the service connects as.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import ForeignKeyConstraint

from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import metadata
from atlas_gql.ops import start as starting

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Place:
    """A tenant with one row of everything in it."""

    workspace: UUID
    tenant: UUID
    rows: dict[str, UUID]


def insert(connection: Connection, table: str, **values: Any) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        ),
        values,
    )


def required_values(table: str, place: Place) -> dict[str, Any]:
    """A row of the table that fits in the place."""
    owner = {"workspace_id": place.workspace, "tenant_id": place.tenant}
    run = {
        **owner,
        "id": new_id(),
        "type": "test.run",
        "target": str(new_id()),
        "input_hash": b"x",
        "writes": False,
        "initiator_kind": "user",
        "initiator_name": "somebody",
    }
    rows = place.rows
    return {
        "tenant_grants": {**owner, "user_id": rows.get("users"), "role": "readonly"},
        "credentials": {
            "id": new_id(),
            "workspace_id": place.workspace,
            "name": str(new_id()),
            "kind": "secret",
            "sealed": b"x",
            "key_id": "k",
        },
        "api_tokens": {
            "id": new_id(),
            "workspace_id": place.workspace,
            "user_id": rows.get("users"),
            "name": "t",
            "hash": new_id().bytes,
            "expires_at": "now",
        },
        "providers": {
            **owner,
            "id": new_id(),
            "cloud": "simulator",
            "client_id": "c",
            "credential_id": rows.get("credentials"),
        },
        "policies": {
            **owner,
            "id": new_id(),
            "policy_type": "mobileApps",
            "external_id": str(new_id()),
            "name": "p",
            "last_seen_at": "now",
        },
        "backup_sets": {**owner, "id": new_id(), "origin": "requested", "run_id": new_id()},
        "backup_contents": {**owner, "hash": new_id().bytes},
        "backup_items": {
            **owner,
            "id": new_id(),
            "backup_set_id": rows.get("backup_sets"),
            "policy_type": "mobileApps",
            "external_id": str(new_id()),
            "name": "p",
            "assignments_state": "fetched",
        },
        "restore_runs": {
            **owner,
            "id": new_id(),
            "backup_set_id": rows.get("backup_sets"),
            "source_tenant_id": place.tenant,
            "mode": "replace",
            "created_by": "somebody",
        },
        "restore_items": {
            **owner,
            "id": new_id(),
            "restore_run_id": rows.get("restore_runs"),
            "position": new_id().int % 10**9,
            "policy_type": "mobileApps",
            "source_id": "s",
            "source_name": "s",
            "assignments_state": "fetched",
        },
        "operation_runs": {**run, "dispatch_after": "now"},
        "run_items": {
            **owner,
            "id": new_id(),
            "run_id": rows.get("operation_runs"),
            "key": str(new_id()),
            "label": "l",
            "state": "intent",
            "attempt": 1,
        },
        "idempotency_keys": {
            **owner,
            "mutation": "m",
            "key": str(new_id()),
            "input_hash": b"x",
            "run_id": rows.get("operation_runs"),
        },
        "audit_entries": {
            **owner,
            "id": new_id(),
            "action": "test.done",
            "actor_kind": "user",
            "actor_name": "somebody",
        },
    }[table]


ORDER = (
    "api_tokens",
    "credentials",
    "providers",
    "policies",
    "backup_sets",
    "backup_contents",
    "backup_items",
    "restore_runs",
    "restore_items",
    "operation_runs",
    "run_items",
    "idempotency_keys",
    "audit_entries",
    "tenant_grants",
)

ONE_PER_TENANT = ("providers", "tenant_grants")
"""Nobody's parents; left to the tests, that a row of theirs is refused for its links alone."""


def make_place(connection: Connection) -> Place:
    place = Place(workspace=new_id(), tenant=new_id(), rows={})
    user = place.rows["users"] = new_id()
    insert(connection, "workspaces", id=place.workspace, name=str(place.workspace))
    insert(connection, "users", id=user, name=str(user))
    insert(connection, "memberships", workspace_id=place.workspace, user_id=user, role="member")
    insert(
        connection,
        "tenants",
        id=place.tenant,
        workspace_id=place.workspace,
        name="t",
        entra_tenant_id=new_id(),
        primary_domain="t.example",
    )
    for table in ORDER:
        if table in ONE_PER_TENANT:
            continue
        values = required_values(table, place)
        insert(connection, table, **values)
        place.rows[table] = values.get("id", user)
    return place


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def here(connection: Connection) -> Place:
    return make_place(connection)


@pytest.fixture(scope="module")
def elsewhere(connection: Connection) -> Place:
    return make_place(connection)


def tenant_owned() -> list[str]:
    return [table.name for table in metadata.sorted_tables if "tenant_id" in table.c]


def test_every_tenant_owned_table_is_covered() -> None:
    assert set(tenant_owned()) <= set(ORDER)


@pytest.mark.parametrize("table", tenant_owned())
def test_a_row_cannot_name_the_tenant_of_one_workspace_and_another_workspace(
    connection: Connection, here: Place, elsewhere: Place, table: str
) -> None:
    values = required_values(table, here) | {"workspace_id": elsewhere.workspace}
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(connection, table, **values)


def parent_links() -> list[Any]:
    """Every foreign key from a tenant-owned row to a parent that is not the tenant itself."""
    return [
        pytest.param(
            table.name, key.column_keys[0], key.referred_table.name, id=f"{table.name}.{key.column_keys[0]}"
        )
        for table in metadata.sorted_tables
        if "workspace_id" in table.c
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name))
        if isinstance(key, ForeignKeyConstraint)
        and key.referred_table.name not in ("tenants", "workspaces", "users")
    ]


@pytest.mark.parametrize(("table", "column", "parent"), parent_links())
def test_a_child_cannot_have_a_parent_elsewhere(
    connection: Connection, here: Place, elsewhere: Place, table: str, column: str, parent: str
) -> None:
    foreign = elsewhere.rows["users"] if parent == "memberships" else elsewhere.rows[parent]
    if parent == "backup_contents":
        foreign_value: Any = connection.execute(
            "SELECT hash FROM backup_contents WHERE tenant_id = %s", (elsewhere.tenant,)
        ).fetchone()[0]  # type: ignore[index]
    else:
        foreign_value = foreign
    values = required_values(table, here)
    values["user_id" if parent == "memberships" else column] = foreign_value
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(connection, table, **values)


def test_a_source_tenant_must_be_of_the_same_workspace(
    connection: Connection, here: Place, elsewhere: Place
) -> None:
    values = required_values("restore_runs", here) | {"source_tenant_id": elsewhere.tenant}
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(connection, "restore_runs", **values)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE audit_entries SET actor_name = 'nobody'", id="update"),
        pytest.param("DELETE FROM audit_entries", id="delete"),
        pytest.param("TRUNCATE audit_entries", id="truncate"),
    ],
)
@pytest.mark.parametrize("role", ["application", "owner"])
def test_audit_entries_cannot_be_changed_by_anyone(
    here: Place, database_url: str, admin_url: str, statement: str, role: str
) -> None:
    url = database_url if role == "application" else admin_url
    expected = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)
    with psycopg.connect(url) as connection:
        if role == "owner":
            connection.execute("SET ROLE atlas_owner")
        with pytest.raises(expected):
            connection.execute(statement)


def test_a_run_has_one_entry_of_each_action(connection: Connection, here: Place) -> None:
    run = new_id()
    values = required_values("audit_entries", here) | {"run_id": run}
    insert(connection, "audit_entries", **values)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(connection, "audit_entries", **values | {"id": new_id()})


def test_a_completed_run_does_not_change(connection: Connection, here: Place) -> None:
    values = required_values("operation_runs", here) | {
        "status": "completed",
        "outcome": "succeeded",
        "finished_at": "now",
        "dispatch_after": None,
    }
    insert(connection, "operation_runs", **values)
    with pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE operation_runs SET outcome = 'failed' WHERE id = %s", (values["id"],))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"status": "asleep"}, id="unknown status"),
        pytest.param({"outcome": "succeeded"}, id="outcome of an unfinished run"),
        pytest.param({"status": "running", "dispatch_after": None}, id="running without a lease"),
        pytest.param({"dispatch_after": None}, id="queued and never due"),
        pytest.param({"status": "completed", "dispatch_after": None}, id="completed without an outcome"),
        pytest.param({"total": 1, "processed": 1, "failed": 1}, id="more items than there are"),
        pytest.param({"processed": 1}, id="items before the total"),
        pytest.param({"total": 1, "processed": -1}, id="negative counter"),
    ],
)
def test_a_run_cannot_contradict_itself(connection: Connection, here: Place, change: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        insert(connection, "operation_runs", **required_values("operation_runs", here) | change)


def test_two_active_runs_of_one_identity_are_refused(connection: Connection, here: Place) -> None:
    values = required_values("operation_runs", here)
    insert(connection, "operation_runs", **values)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(connection, "operation_runs", **values | {"id": new_id()})


def test_the_application_is_no_superuser_and_cannot_bypass_row_level_security(connection: Connection) -> None:
    row = connection.execute(
        "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = current_user"
    ).fetchone()
    assert row == ("atlas_app", False, False, False, False)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (x int)",
        "CREATE TEMPORARY TABLE t (x int)",
        "DROP TABLE audit_entries",
        "ALTER TABLE operation_runs DISABLE TRIGGER ALL",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE r",
        "CREATE SCHEMA s",
        "UPDATE alembic_version SET version_num = 'x'",
        "SET ROLE atlas_owner",
    ],
)
def test_the_application_cannot_change_the_schema(connection: Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_twenty_five_starts_on_one_connection(database_url: str, here: Place) -> None:
    """A bound predicate would work ten times, then fail for ever (the generic plan)."""

    async def starts() -> list[bool]:
        database = Database(database_url, max_connections=1)
        await database.open()
        values = required_values("operation_runs", here) | {"input": {}}
        parameters = {name: values.get(name) for name in starting.RUN_COLUMNS}
        try:
            fresh = []
            for _ in range(25):
                async with database.scope(ENGINE).begin() as tx:
                    parameters["id"] = new_id()
                    row = await tx.one(starting.START, **parameters, grace=starting.FIRST_RING_GRACE)
                    fresh.append(row.fresh)
            return fresh
        finally:
            await database.close()

    assert asyncio.run(starts()) == [True] + [False] * 24


def test_the_migrations_make_exactly_the_tables_of_the_code(admin_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import create_engine

    from atlas_gql.db.migrate import sqlalchemy_url

    engine = create_engine(sqlalchemy_url(admin_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _o, name, kind, *_: (
                    not (kind == "table" and name.startswith("huey_"))
                )
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()
