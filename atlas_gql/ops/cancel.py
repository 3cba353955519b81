"""Cancelling a run: a queued one ends at once, a running one is asked to and ends between two items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from atlas_gql import audit
from atlas_gql.access.actors import Actor
from atlas_gql.db.database import Database
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import NotFound, RunFinished
from atlas_gql.ops.finish import finish

_ASK = (
    update(runs)
    .where(
        runs.c.id == bindparam("run_id"),
        runs.c.tenant_id == bindparam("of_tenant"),
        runs.c.status != "completed",
    )
    .values(cancel_requested_at=func.coalesce(runs.c.cancel_requested_at, func.clock_timestamp()))
    .returning(runs.c.status, runs.c.attempt)
)
_THERE = select(runs.c.status).where(
    runs.c.id == bindparam("run_id"), runs.c.tenant_id == bindparam("of_tenant")
)


async def cancel(
    database: Database,
    actor: Actor,
    *,
    run_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    request_id: str | None,
) -> Any | None:
    """Ask a run to end; gives its row when it has ended with that.

    Raises RunFinished for one that had ended before, NotFound for one that is not the tenant's.
    """
    async with database.scope(actor.scope).begin() as tx:
        row = await tx.one(_ASK, run_id=run_id, of_tenant=tenant_id)
        if row is None:
            if await tx.one(_THERE, run_id=run_id, of_tenant=tenant_id) is None:
                raise NotFound
            raise RunFinished(run_id)
        await audit.record(
            tx,
            by=actor.by(request_id),
            action="run.cancelled",
            workspace_id=workspace_id,
            tenant_id=tenant_id,
            run_id=run_id,
            resource=("OperationRun", str(run_id)),
        )
    if row.status != "queued":
        return None
    return await finish(database, run_id=run_id, attempt=row.attempt, from_status="queued", cancelled=True)


async def end_cancelled(database: Database, queued: Iterable[Any]) -> list[Any]:
    """Those of these queued runs (`id`, `attempt`) that end with this, after they were asked to stop.

    Others were taken up meanwhile; and whatever is left undone here, a worker does.
    """
    ended = [
        await finish(database, run_id=run.id, attempt=run.attempt, from_status="queued", cancelled=True)
        for run in queued
    ]
    return [run for run in ended if run is not None]
