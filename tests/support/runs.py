"""Runs made past the engine, for tests that need many, or one that stays as it is."""

from __future__ import annotations

from uuid import UUID

import psycopg

from atlas_gql.db.ids import new_id
from atlas_gql.testing.installation import Place

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
