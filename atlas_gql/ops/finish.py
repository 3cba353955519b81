"""The end of a run: one function writes the terminal state, its audit entry and the end of its subject.

All three are one transaction, in the run's own scope; what concerns others who hold the same real tenant
is the engine's. Terminal is final: PostgreSQL refuses any later change of the row.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql import audit
from atlas_gql.db.database import Database, Transaction
from atlas_gql.db.tables import backup_items, backup_sets, restore_runs, run_ends, run_items, tenants
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.ops.crash import INSIDE_FINISH, crash_here
from atlas_gql.ops.failures import Failure
from atlas_gql.ops.leases import scope_of
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

_some_good = runs.c.processed > 0
_failed = runs.c.failed + bindparam("doubtful", type_=Integer)

_OUTCOME = case(
    (bindparam("cancelled"), "cancelled"),
    (and_(bindparam("broken"), _some_good), "partially_succeeded"),
    (bindparam("broken"), "failed"),
    (and_(_failed > 0, _some_good), "partially_succeeded"),
    (_failed > 0, "failed"),
    else_="succeeded",
)

_still = (
    runs.c.id == bindparam("run_id"),
    runs.c.attempt == bindparam("at_attempt"),
    runs.c.status == bindparam("from_status"),
    # The reaper's: only while the lease has run out.
    or_(bindparam("any_lease"), runs.c.lease_until < func.clock_timestamp()),
)
_HOLD = select(runs.c.id, runs.c.type).where(*_still).with_for_update()
_ENDED = select(*runs.c).where(
    runs.c.id == bindparam("run_id"),
    runs.c.attempt == bindparam("at_attempt"),
    runs.c.status == "completed",
)

# A write that was begun and has no result: nobody will look any more, and nobody may be told it went well.
_DOUBT = (
    update(run_items)
    .where(run_items.c.run_id == bindparam("of_run"), run_items.c.state == "intent")
    .values(
        state="failed",
        result="uncertain",
        code=bindparam("doubt_code"),
        reason=ReasonCode.WRITE_UNCERTAIN.value,
        message=DESCRIPTIONS[ReasonCode.WRITE_UNCERTAIN],
        finished_at=func.clock_timestamp(),
    )
)

_FINISH = (
    update(runs)
    .where(*_still)
    .values(
        failed=_failed,
        total=case(
            (
                bindparam("doubtful", type_=Integer) > 0,
                func.greatest(func.coalesce(runs.c.total, 0), runs.c.processed + _failed),
            ),
            else_=runs.c.total,
        ),
        status="completed",
        outcome=_OUTCOME,
        finished_at=func.clock_timestamp(),
        lease_until=None,
        dispatch_after=None,
        not_before=None,
        failure_code=bindparam("code"),
        failure_reason=bindparam("why"),
        failure_detail=bindparam("detail"),
        failure_message=bindparam("message"),
        result=bindparam("returned", type_=JSONB),
    )
    .returning(*runs.c)
)

_writing, _theirs, _ours = runs.alias("writing"), tenants.alias("theirs"), tenants.alias("ours")
_WRITTEN_MEANWHILE = exists().where(
    _ours.c.id == backup_sets.c.tenant_id,
    _theirs.c.entra_tenant_id == _ours.c.entra_tenant_id,
    _writing.c.tenant_id == _theirs.c.id,
    _writing.c.writes,
    _writing.c.id != bindparam("of_run"),
    _writing.c.started_at.is_not(None),
    or_(_writing.c.finished_at.is_(None), _writing.c.finished_at >= bindparam("since")),
)

_CAPTURED = exists().where(
    backup_items.c.backup_set_id == backup_sets.c.id, backup_items.c.assignments_state == "fetched"
)

# The set that the run made, or the one that it goes on with.
_CLOSE_BACKUP = (
    update(backup_sets)
    .where(
        or_(backup_sets.c.run_id == bindparam("of_run"), backup_sets.c.id == bindparam("subject_id")),
        backup_sets.c.state == "capturing",
    )
    .values(
        state=case(
            # The state before a restore holds what was about to be written, however that went on.
            (backup_sets.c.origin == "before_restore", "complete"),
            (bindparam("succeeded"), "complete"),
            (_CAPTURED, "partial"),
            else_="failed",
        ),
        completed_at=func.clock_timestamp(),
        item_count=select(func.count())
        .where(backup_items.c.backup_set_id == backup_sets.c.id)
        .scalar_subquery(),
        failed_count=select(func.count())
        .where(backup_items.c.backup_set_id == backup_sets.c.id, backup_items.c.assignments_state == "failed")
        .scalar_subquery(),
    )
    .returning(backup_sets.c.id)
)  # fmt: skip

# The engine's: whoever else holds the real tenant may have written to it, in another workspace as well.
_MARK_OVERLAPPED = (
    update(backup_sets)
    .where(backup_sets.c.id == any_(bindparam("closed", type_=ARRAY(Uuid))), _WRITTEN_MEANWHILE)
    .values(overlapped_write=True)
)

_CLOSE_PLAN = (
    update(restore_runs)
    .where(restore_runs.c.id == bindparam("subject_id"), restore_runs.c.state == "planning")
    .values(state="failed")
)

# The end of a run makes room in its tenant: whoever waits longest there is due now. What it started, and does
# not wait for any more, is asked to stop.
_WAKE_NEXT = text(
    """
    WITH children AS (
        UPDATE operation_runs SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
        WHERE parent_run_id = :run_id AND status <> 'completed'
    )
    UPDATE operation_runs SET dispatch_after = clock_timestamp()
    WHERE id IN (
        SELECT waiting.id FROM operation_runs AS waiting
        JOIN tenants AS theirs ON theirs.id = waiting.tenant_id
        JOIN tenants AS ours ON ours.entra_tenant_id = theirs.entra_tenant_id
        WHERE ours.id = :tenant_id AND waiting.status = 'queued' AND waiting.internal = :internal
            AND waiting.parent_run_id IS DISTINCT FROM :run_id
            AND (waiting.not_before IS NULL OR waiting.not_before <= clock_timestamp())
        ORDER BY waiting.created_at LIMIT 2
        FOR UPDATE OF waiting SKIP LOCKED
    )
    """
)

# For the listeners. They hear of it once this is committed, and no end waits for them.
_TELL = insert(run_ends).values(
    {name: bindparam(name, type_=run_ends.c[name].type) for name in ("run_id", "tenant_id", "workspace_id")}
)


async def finish(
    database: Database,
    *,
    run_id: UUID,
    attempt: int,
    from_status: str = "running",
    cancelled: bool = False,
    failure: Failure | None = None,
    returned: Any = None,
    only_if_expired: bool = False,
) -> Any | None:
    """End a run, and give its row; None when it was not in that state and attempt any more.

    The outcome follows from the counters: succeeded, partially_succeeded, failed; a failure of the whole
    run beside good items is partial, and a cancelled run is cancelled. `returned` is its result.
    """
    which = {
        "run_id": run_id,
        "at_attempt": attempt,
        "from_status": from_status,
        "any_lease": not only_if_expired,
    }
    tries = 0

    async def end(tx: Transaction) -> Any | None:
        nonlocal tries
        tries += 1
        held = await tx.one(_HOLD, **which)
        if held is None:
            # Where the answer to a commit was lost, it may have been this very call that ended it.
            return await tx.one(_ENDED, run_id=run_id, at_attempt=attempt) if tries > 1 else None
        doubtful = await tx.execute(_DOUBT, of_run=run_id, doubt_code=f"{held.type}.item_uncertain")
        row = await tx.one(
            _FINISH,
            **which,
            doubtful=doubtful,
            cancelled=cancelled,
            broken=failure is not None,
            code=failure.code if failure else None,
            why=failure.reason if failure else None,
            detail=failure.detail if failure else None,
            message=failure.message if failure else None,
            returned=returned,
        )
        assert row is not None  # it was held
        closed = await _close_subject(tx, row)
        if row.audit is not None:
            await _audit(tx, row)
        tx.become_engine()
        if closed:
            await tx.execute(
                _MARK_OVERLAPPED, closed=closed, of_run=run_id, since=row.started_at or row.finished_at
            )
        await tx.execute(_WAKE_NEXT, tenant_id=row.tenant_id, internal=row.internal, run_id=row.id)
        if not row.internal:
            await tx.execute(_TELL, run_id=run_id, tenant_id=row.tenant_id, workspace_id=row.workspace_id)
        crash_here(INSIDE_FINISH)
        return row

    return await database.scope(scope_of(run_id)).step(end)


async def _close_subject(tx: Transaction, row: Any) -> list[UUID]:
    """End what the run worked on; gives the backup sets that ended with it."""
    closed = await tx.fetch(
        _CLOSE_BACKUP, of_run=row.id, subject_id=row.subject_id, succeeded=row.outcome == "succeeded"
    )
    if row.subject_kind == "RestoreRun":
        await tx.execute(_CLOSE_PLAN, subject_id=row.subject_id)
    return [each.id for each in closed]


async def _audit(tx: Transaction, row: Any) -> None:
    counts = {
        "total": row.total or 0,
        "processed": row.processed,
        "failed": row.failed,
        "skipped": row.skipped,
    }
    await audit.record(
        tx,
        by=audit.By(
            kind=row.initiator_kind,
            name=row.initiator_name,
            user_id=row.initiator_id,
            token_id=row.token_id,
            request_id=row.request_id,
        ),
        action=row.audit["action"],
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        run_id=row.id,
        resource=(row.subject_kind, str(row.subject_id)) if row.subject_kind else None,
        outcome=row.outcome,
        reason=row.reason,
        details={**row.audit["details"], "counts": counts, "failureReason": row.failure_reason},
    )
