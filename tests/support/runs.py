"""Runs made past the engine, for tests that need many, or one that stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from atlas_gql.db.ids import new_id
from atlas_gql.testing.installation import Installation, Place

_RUN = """
    INSERT INTO operation_runs (id, tenant_id, workspace_id, type, target, subject_kind, subject_id,
        input_hash, writes, status, outcome, total, processed, failed, initiator_kind, initiator_name,
        dispatch_after, not_before, finished_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, 'assignments.fetch', %(id)s::text, 'BackupSet', %(id)s,
        '', false, %(status)s,
        CASE %(status)s WHEN 'completed' THEN 'partially_succeeded' ELSE 'pending' END, 2, 1, 1,
        'user', 'a test', CASE %(status)s WHEN 'queued' THEN now() + interval '1 hour' END,
        now() + interval '1 hour', CASE %(status)s WHEN 'completed' THEN now() END)
"""
_ITEM = """
    INSERT INTO run_items (id, tenant_id, workspace_id, run_id, key, label, state, code, reason, message,
        attempt, finished_at)
    VALUES (gen_random_uuid(), %(tenant)s, %(workspace)s, %(id)s, %(state)s, 'an item', %(state)s,
        'assignments.fetch.item_failed', 'THROTTLED', 'a message', 1, now())
"""
_LINE = """
    INSERT INTO run_log (id, tenant_id, workspace_id, run_id, attempt, event, data, created_at)
    SELECT %(id)s, tenant_id, workspace_id, id, 1, %(event)s, %(data)s, '2026-11-01 09:00:05Z'
    FROM operation_runs WHERE id = %(run)s
"""


def quiet_place(atlas: Installation) -> Place:
    """A tenant that is no other workspace's: runs that stay running there keep nobody's runs waiting."""
    return atlas.new_place().add_tenant(str(new_id()), "quiet.example")


def add_run(connection: psycopg.Connection[Any], place: Place, *, status: str = "queued") -> UUID:
    """The id of a new run, in the connection's transaction; a running one is left alone by workers."""
    run_id = new_id()
    made = "queued" if status == "running" else status
    values = {"id": run_id, "tenant": place.tenant, "workspace": place.workspace, "status": made}
    connection.execute(_RUN, values)
    if status == "running":
        change(
            connection, run_id, status=status, lease_until="2100-01-01", dispatch_after=None,
            total=1000, processed=0, failed=0,
        )  # fmt: skip
    return run_id


def change(connection: psycopg.Connection[Any], run_id: UUID, **columns: Any) -> None:
    """Change a run, in the connection's transaction."""
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns
    )
    connection.execute(
        sql.SQL("UPDATE operation_runs SET {} WHERE id = {}").format(assignments, sql.Placeholder("run_id")),
        {**columns, "run_id": run_id},
    )


def belongs_to(admin_url: str, run_id: Any, schedule: Any) -> None:
    """Let a run, also one that has ended, be one that a schedule has started."""
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # past what makes ends final
        change(connection, run_id, schedule_id=schedule)


def end(connection: psycopg.Connection[Any], run_id: UUID) -> None:
    """End a run well, in the connection's transaction."""
    change(
        connection, run_id, status="completed", outcome="succeeded", finished_at=datetime.now(UTC),
        lease_until=None, dispatch_after=None,
    )  # fmt: skip


def add_runs(admin_url: str, place: Place, count: int, *, status: str = "completed") -> list[UUID]:
    """The ids of new runs of the place's tenant, each with one good and one failed item.

    Queued ones are due in an hour, so that no worker takes them up.
    """
    made = [new_id() for _ in range(count)]
    common = {"tenant": place.tenant, "workspace": place.workspace, "status": status}
    with psycopg.connect(admin_url) as connection, connection.cursor() as cursor:
        cursor.executemany(_RUN, [{**common, "id": run_id} for run_id in made])
        cursor.executemany(
            _ITEM,
            [{**common, "id": id_, "state": state} for id_ in made for state in ("succeeded", "failed")],
        )
    return made


def add_line(admin_url: str, run_id: UUID, event: str, data: dict[str, Any]) -> None:
    """Add a line to a run's log, as if its first attempt had logged it."""
    values = {"id": new_id(), "run": run_id, "event": event, "data": Jsonb(data)}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(_LINE, values)
