"""A row of everything that a workspace can hold, written as the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from atlas_gql.db.ids import new_id

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
            "expires_at": "2100-01-01",
        },
        "invitations": {
            "id": new_id(),
            "workspace_id": place.workspace,
            "email": f"{new_id()}@a.example",
            "role": "manager",
            "invited_by": rows.get("users"),
            "expires_at": "2100-01-01",
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
        "run_log": {
            **owner,
            "id": new_id(),
            "run_id": rows.get("operation_runs"),
            "attempt": 1,
            "event": "e",
        },
        "run_ends": {**owner, "run_id": rows.get("operation_runs")},
        "plugin_tenant_settings": {**owner, "id": new_id(), "plugin": str(new_id())},
        "plugin_documents": {**owner, "plugin": "test", "key": str(new_id())},
        "schedules": {
            "id": new_id(),
            "workspace_id": place.workspace,
            "name": str(new_id()),
            "operation_type": "test.run",
            "cron": "0 1 * * *",
            "time_zone": "UTC",
            "owner_id": rows.get("users"),
            "next_at": "2100-01-01",
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
    "invitations",
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
    "run_log",
    "run_ends",
    "plugin_tenant_settings",
    "plugin_documents",
    "schedules",
    "idempotency_keys",
    "audit_entries",
    "tenant_grants",
)

ONE_PER_TENANT = ("providers", "tenant_grants", "run_ends")
"""Nobody's parents; left to the tests, that a row of theirs is refused for its links alone."""


def make_place(connection: Connection, *, workspace: UUID | None = None) -> Place:
    """A tenant with a row of everything, and a member; in a workspace of its own unless one is given."""
    place = Place(workspace=workspace or new_id(), tenant=new_id(), rows={})
    user = place.rows["users"] = new_id()
    if workspace is None:
        insert(connection, "workspaces", id=place.workspace, name=str(place.workspace))
    insert(connection, "users", id=user, name=str(user))
    member = place.rows["memberships"] = new_id()
    insert(connection, "memberships", id=member, workspace_id=place.workspace, user_id=user, role="member")
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
