"""Which changes of a run are told: what the API shows of it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.schema.maps import OPERATION_RUN
from support.runs import add_run, change, quiet_place

FIXED = ("tenant_id", "workspace_id", "input", "internal", "parent_run_id", "schedule_id")
"""What a run is made with, for good."""
SHOWN = {
    column.name
    for name in OPERATION_RUN.columns
    if (column := OPERATION_RUN.columns[name]) in set(runs.c) and column.name not in FIXED
}
OTHER = {
    str: "other",
    int: 7,
    object: Jsonb({"a": 7}),
    UUID: UUID(int=7),
    datetime: datetime(2100, 1, 1, tzinfo=UTC),
}
SILENT = ("lease_until", "dispatch_after", "not_before", "dispatches", "worker", "crashes", "alone")
CHANGED_IN = "SELECT changed_in::text FROM operation_runs WHERE id = %s"


@pytest.fixture
def connection(admin_url: str) -> Iterator[psycopg.Connection]:
    """As the superuser, who takes the constraints away for a while: only what the trigger does matters."""
    with psycopg.connect(admin_url) as made:
        yield made
        made.rollback()


def told(connection: psycopg.Connection, place, column: str, value: object) -> bool:
    """Whether a change of this column alone is a change of the run."""
    run = add_run(connection, place, status="running")
    connection.execute("UPDATE operation_runs SET changed_in = '3' WHERE id = %s", (run,))
    for (check,) in connection.execute(
        "SELECT conname FROM pg_constraint"
        " WHERE conrelid = 'operation_runs'::regclass AND contype IN ('c', 'f')"
    ).fetchall():
        connection.execute(f'ALTER TABLE operation_runs DROP CONSTRAINT "{check}"'.encode())
    change(connection, run, **{column: value})
    found = connection.execute(CHANGED_IN, (run,)).fetchone()
    return found != ("3",)


@pytest.mark.parametrize("column", sorted(SHOWN))
def test_a_change_of_what_the_api_shows_is_told(connection, atlas, column):
    assert told(connection, quiet_place(atlas), column, OTHER[runs.c[column].type.python_type])


@pytest.mark.parametrize("column", SILENT)
def test_what_workers_do_among_themselves_is_not(connection, atlas, column):
    values = {"dispatches": 7, "crashes": 1, "worker": "w", "alone": True}
    assert not told(connection, quiet_place(atlas), column, values.get(column, "2100-01-01"))


def test_no_index_holds_what_changes_often(connection):
    """PostgreSQL then updates a run in place, without touching any index (HOT)."""
    indexed = connection.execute(
        """
        SELECT DISTINCT attname FROM pg_index JOIN pg_depend ON objid = indexrelid
        JOIN pg_attribute ON attrelid = indrelid AND attnum = refobjsubid
        WHERE indrelid = 'operation_runs'::regclass AND refobjid = indrelid
        """
    ).fetchall()
    often = {"changed_in", "lease_until", "attempt", "total", "processed", "failed", "skipped"}
    assert {name for (name,) in indexed} & often == set()
    assert ("ended_in",) in indexed
