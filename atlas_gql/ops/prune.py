"""Forgetting ended runs after a while; what they did stays in the audit trail.

Kept whatever their age are the newest run of each target, unless it is a listener's or another run started
it, all runs of a plan that may still be executed (a retry asks them what is done), and every run that a kept
one retries or was started by. Backup sets, restore runs and audit entries do not depend on runs and are not
touched; a run's items, log and idempotency keys go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from atlas_gql.db.database import ENGINE, Database

# Newest first: a retry goes before the run that it retries, or with it; so does what a run started.
_PRUNABLE = text(
    """
    WITH RECURSIVE ranked AS (
        SELECT id, retry_of, parent_run_id, (internal OR parent_run_id IS NOT NULL OR row_number() OVER (
                PARTITION BY tenant_id, type, target ORDER BY created_at DESC, id DESC
            ) > 1)
            AND status = 'completed' AND finished_at < clock_timestamp() - :age
            AND NOT EXISTS (
                SELECT FROM restore_runs AS plan
                WHERE plan.id = run.subject_id AND plan.expires_at > clock_timestamp()
            ) AS old
        FROM operation_runs AS run
    ), kept AS (
        SELECT id, retry_of, parent_run_id FROM ranked WHERE NOT old
        UNION
        SELECT run.id, run.retry_of, run.parent_run_id FROM operation_runs AS run
        JOIN kept ON run.id IN (kept.retry_of, kept.parent_run_id)
    )
    SELECT id FROM operation_runs AS run
    WHERE NOT EXISTS (SELECT FROM kept WHERE kept.id = run.id)
    ORDER BY created_at DESC, id DESC
    """
)

# Whoever is about to retry a run holds its row; it then stays, with the retry that came in between.
_HOLD = text(
    "SELECT id FROM operation_runs WHERE id = ANY (:ids) FOR UPDATE SKIP LOCKED"
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))  # fmt: skip
_DELETE = text(
    """
    DELETE FROM operation_runs AS run
    WHERE id = ANY (:ids) AND NOT EXISTS (
        SELECT FROM operation_runs AS later WHERE later.retry_of = run.id OR later.parent_run_id = run.id
    )
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


async def prunable(database: Database, age: timedelta) -> list[UUID]:
    """The runs that ended longer ago than `age` and are needed no more, the newest first."""
    return [row.id for row in await database.scope(ENGINE).fetch(_PRUNABLE, age=age)]


async def prune(database: Database, run_ids: Sequence[UUID], *, batch: int) -> int:
    """Forget runs, so many in one transaction; gives how many went."""
    gone = 0
    for first in range(0, len(run_ids), batch):
        async with database.scope(ENGINE).begin() as tx:
            held = [row.id for row in await tx.fetch(_HOLD, ids=list(run_ids[first : first + batch]))]
            # Statements of their own: they see what was committed before the rows were held. Each takes
            # the runs that no other retries; one more goes for each retry in a row.
            while count := await tx.execute(_DELETE, ids=held):
                gone += count
    return gone
