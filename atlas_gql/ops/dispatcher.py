"""Ringing again for queued runs that are due, and finishing what no worker will finish.

Every worker process does this; there is no leader, and doing it twice at once does no harm: rows are
taken with SKIP LOCKED, and each change is conditional on what was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import bindparam, delete, func, select, text, update

from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.db.tables import workers
from atlas_gql.metrics import Meter
from atlas_gql.ops.failures import Failure
from atlas_gql.ops.finish import finish
from atlas_gql.ops.leases import CRASHES_ALLOWED, after_crash
from atlas_gql.plugins.api import Operation
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

log = structlog.get_logger("atlas.dispatcher")

_now = func.clock_timestamp()

# Fair: tenants with few running runs first, then each tenant's oldest. The interval grows with each ring.
# What this worker cannot carry is left to those that can: its ring would count for nothing.
_DUE = text(
    """
    WITH due AS (
        SELECT id, tenant_id, created_at,
            row_number() OVER (PARTITION BY tenant_id ORDER BY created_at, id) AS place
        FROM operation_runs
        WHERE status = 'queued' AND dispatch_after <= clock_timestamp() AND type = ANY (:types)
    ), chosen AS (
        SELECT due.id FROM due
        LEFT JOIN LATERAL (
            SELECT count(*) AS running FROM operation_runs AS other
            WHERE other.tenant_id = due.tenant_id AND other.status = 'running' AND other.type = ANY (:types)
        ) AS busy ON true
        ORDER BY busy.running + due.place, due.created_at
        LIMIT :most
    ), locked AS (
        SELECT id FROM operation_runs WHERE id IN (SELECT id FROM chosen) AND status = 'queued'
            AND dispatch_after <= clock_timestamp()
        FOR UPDATE SKIP LOCKED
    )
    UPDATE operation_runs AS run SET
        dispatches = run.dispatches + 1,
        dispatch_after = clock_timestamp() + least(60, 2 ^ least(run.dispatches, 6)) * interval '1 second'
    FROM locked WHERE run.id = locked.id
    RETURNING run.id, run.type, run.crashes
    """
)

_EXPIRED = select(
    runs.c.id,
    runs.c.attempt,
    after_crash.label("crashes"),
    runs.c.type,
    runs.c.tenant_id,
    runs.c.request_id,
    runs.c.cancel_requested_at,
).where(runs.c.status == "running", runs.c.lease_until < _now)

_REQUEUE = (
    update(runs)
    .where(
        runs.c.id == bindparam("run_id"),
        runs.c.attempt == bindparam("at_attempt"),
        runs.c.status == "running",
        runs.c.lease_until < _now,
    )
    .values(
        status="queued",
        lease_until=None,
        worker=None,
        crashes=after_crash,
        dispatch_after=_now,
    )
)

# Asked for, and nobody ended it: the asker's process died, or the worker gave the run back at that moment.
_CANCELLED = select(runs.c.id, runs.c.attempt, runs.c.type, runs.c.tenant_id, runs.c.request_id).where(
    runs.c.status == "queued", runs.c.cancel_requested_at.is_not(None)
)

# A worker that was not heard of for a while no longer counts; its row goes after a day.
_REGISTER = text(
    """
    WITH gone AS (DELETE FROM workers WHERE seen_at < clock_timestamp() - interval '1 day')
    INSERT INTO workers (name, operations, threads, seen_at)
    VALUES (:name, :operations, :threads, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        operations = excluded.operations, threads = excluded.threads, seen_at = excluded.seen_at
    """
)
_LEAVE = delete(workers).where(workers.c.name == bindparam("name"))

# No living worker can carry it: not the same as "this one cannot".
_ORPHANS = text(
    """
    SELECT id, attempt, type, tenant_id, request_id FROM operation_runs AS run
    WHERE status = 'queued' AND created_at < clock_timestamp() - make_interval(secs => :grace)
        AND NOT EXISTS (
        SELECT FROM workers WHERE run.type = ANY (operations)
            AND seen_at > clock_timestamp() - interval '2 minutes'
    )
    """
)


async def due(database: Database, *, types: Collection[str], most: int) -> list[Any]:
    """The queued runs of these types that are due: `id`, `type`, `crashes` of `most`, for whom asks first."""
    async with database.scope(ENGINE).begin() as tx:
        return await tx.fetch(_DUE, most=most, types=list(types))


class Dispatcher:
    """Rings, reaps, and ends runs of operations that are gone."""

    def __init__(
        self,
        database: Database,
        operations: Mapping[str, Operation[Any]],
        ring: Callable[[UUID, str], Awaitable[None]],
        *,
        ring_every: float = 2.0,
        reap_every: float = 10.0,
        at_once: int = 64,
        worker: str,
        threads: int,
        meter: Meter | None = None,
        orphan_grace: float = 120.0,
        listeners: Collection[str] = (),
    ) -> None:
        """`orphan_grace`: seconds that a run waits for a worker that can carry it, as in an upgrade.

        `listeners` are the types that this worker carries beside its operations, and that nobody rings for.
        """
        self._listeners = listeners
        self._database = database
        self._orphan_grace = orphan_grace
        self._meter = meter or Meter()
        self._worker = worker
        self._threads = threads
        self._operations = operations
        self._ring = ring
        self._ring_every = ring_every
        self._reap_every = reap_every
        self._at_once = at_once
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at once: a run has ended, and another may wait for its place."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. A database that cannot be reached is waited for."""
        loop = asyncio.get_running_loop()
        next_reap = loop.time()
        while True:
            try:
                if loop.time() >= next_reap:
                    next_reap = loop.time() + self._reap_every
                    await self.reap()
                await self.dispatch()
            except Exception as exc:
                log.warning("dispatcher could not work", error=type(exc).__name__)
            try:
                await asyncio.wait_for(self._wake.wait(), self._ring_every)
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def register(self) -> None:
        """Say that this worker lives, and what it can carry."""
        await self._database.scope(ENGINE).execute(
            _REGISTER,
            name=self._worker,
            operations=[*self._operations, *self._listeners],
            threads=self._threads,
        )

    async def leave(self) -> None:
        """Say that this worker is going."""
        await self._database.scope(ENGINE).execute(_LEAVE, name=self._worker)

    async def dispatch(self) -> int:
        """Ring for the queued runs that are due; gives how many."""
        rows = await due(self._database, types=list(self._operations), most=self._at_once)
        for row in rows:
            # After the commit: no lock is held while the queue is told.
            await self._ring(row.id, row.type)
        return len(rows)

    async def reap(self) -> int:
        """Take back runs whose lease ran out, and end those that nobody can carry; gives how many."""
        done = 0
        await self.register()
        for rows, parameters, take in (
            (_EXPIRED, {}, self._reap),
            (_CANCELLED, {}, self._cancel),
            (_ORPHANS, {"grace": self._orphan_grace}, self._end_orphan),
        ):
            for row in await self._database.scope(ENGINE).fetch(rows, **parameters):
                try:
                    done += await take(row)
                except Exception as exc:
                    # One run that cannot be ended must not keep the others.
                    _of(row).exception("run could not be reaped", exc_info=exc)
        return done

    async def _reap(self, row: Any) -> bool:
        if row.cancel_requested_at is not None:
            ended = await finish(
                self._database, run_id=row.id, attempt=row.attempt, cancelled=True, only_if_expired=True
            )
            return self._has_ended(row, ended)
        if row.crashes >= CRASHES_ALLOWED:
            return await self._end(row, ReasonCode.WORKER_LOST, from_status="running")
        async with self._database.scope(ENGINE).begin() as tx:
            taken = await tx.execute(_REQUEUE, run_id=row.id, at_attempt=row.attempt)
        if taken:
            self._meter.reaped.add("requeued")
            _of(row).warning("run taken back from a lost worker", crashes=row.crashes)
        return bool(taken)

    async def _cancel(self, row: Any) -> bool:
        ended = await finish(
            self._database, run_id=row.id, attempt=row.attempt, from_status="queued", cancelled=True
        )
        return self._has_ended(row, ended)

    async def _end_orphan(self, row: Any) -> bool:
        return await self._end(row, ReasonCode.UNKNOWN_OPERATION, from_status="queued")

    async def _end(self, row: Any, reason: ReasonCode, *, from_status: str) -> bool:
        ended = await finish(
            self._database,
            run_id=row.id,
            attempt=row.attempt,
            from_status=from_status,
            failure=Failure(
                code=f"{row.type}.{reason.value.lower()}", reason=reason, message=DESCRIPTIONS[reason]
            ),
            only_if_expired=from_status == "running",
        )
        return self._has_ended(row, ended)

    def _has_ended(self, row: Any, ended: Any | None) -> bool:
        if ended is None:
            return False
        self._meter.reaped.add("ended")
        self._meter.ended.add(ended.type, ended.outcome)
        began = ended.started_at or ended.created_at
        _of(row).warning(
            "run ended by the reaper",
            outcome=ended.outcome,
            reason=ended.failure_reason,
            seconds=round((ended.finished_at - began).total_seconds(), 3),
        )
        return True


def _of(row: Any) -> Any:
    """The log, with what every line of a run's life tells."""
    return log.bind(
        run=str(row.id),
        operation=row.type,
        tenant=str(row.tenant_id),
        attempt=row.attempt,
        request=row.request_id,
    )
