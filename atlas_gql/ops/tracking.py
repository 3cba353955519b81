"""The one wrapper around every handler: claim, rights, context, handler, end.

Whatever a handler does, its run ends in a state that tells the truth, or goes back to the queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from sqlalchemy import bindparam, select

from atlas_gql.db.database import Database, Scope, ScopedDatabase
from atlas_gql.db.tables import tenants
from atlas_gql.errors import OperationFailure
from atlas_gql.graph import GraphClient
from atlas_gql.metrics import Meter
from atlas_gql.ops.apply import RestoreWriter
from atlas_gql.ops.carry import carry_out
from atlas_gql.ops.children import Children
from atlas_gql.ops.context import Context
from atlas_gql.ops.control import LeaseLost, RunCancelled, RunReleased, meant
from atlas_gql.ops.crash import AFTER_CLAIM, BEFORE_FINISH, crash_here
from atlas_gql.ops.failures import Failure, classify
from atlas_gql.ops.finish import finish
from atlas_gql.ops.inputs import load
from atlas_gql.ops.leases import Claim, MustBeAlone, claim, release
from atlas_gql.ops.plugin_settings import RunSettings
from atlas_gql.ops.providers import RunProvider
from atlas_gql.ops.results import to_keep
from atlas_gql.ops.retries import NOTHING_BEFORE, Left, left_by
from atlas_gql.ops.rights import check_rights
from atlas_gql.ops.room import Room
from atlas_gql.ops.run_log import RunLog
from atlas_gql.plugins.api import Operation, Tenant
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

log = structlog.get_logger("atlas.runs")

_TENANT = select(
    tenants.c.id, tenants.c.name, tenants.c.primary_domain, tenants.c.entra_tenant_id, tenants.c.archived_at
).where(tenants.c.id == bindparam("tenant_id"))


FINISH_AGAIN = (0.2, 1.0, 3.0, 5.0, 10.0)
"""Seconds before each further try to end a run when the database fails."""


def _is_cancelled() -> bool:
    """Whether somebody cancelled the task that runs here."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class GraphClients(Protocol):
    """Where a tenant's Graph client comes from."""

    async def client(
        self, tenant_id: UUID, *, scope: Scope, writing: bool = False, looking: bool = False
    ) -> GraphClient: ...


class Watch(Protocol):
    """What keeps claims alive while their runs are carried."""

    def add(self, held: Claim) -> None: ...

    def remove(self, held: Claim) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How this worker claims."""

    worker: str
    lease: timedelta
    per_tenant: int
    plan_life: timedelta


class Tracker:
    """Carries runs, one call of `carry` each, on the event loop of the worker process."""

    def __init__(
        self,
        database: Database,
        operations: Mapping[str, Operation[Any]],
        clients: GraphClients,
        watch: Watch,
        *,
        limits: Limits,
        executor: Executor,
        settings: RunSettings,
        meter: Meter | None = None,
        listeners: Mapping[str, Operation[Any]] | None = None,
    ) -> None:
        """`listeners` are by type, as `listening.carried` makes operations of them."""
        self._database = database
        self._operations = operations
        self._listeners = listeners or {}
        self._clients = clients
        self._watch = watch
        self._limits = limits
        self._executor = executor
        self._settings = settings
        self._meter = meter or Meter()
        self._room = Room()

    async def carry(self, run_id: UUID, *, inside: UUID | None = None) -> None:
        """Claim a run and carry it to its end; a run that cannot be claimed is left alone.

        `inside` is the run of this process that started it and waits for it.
        """
        if not self._room.enter(run_id, inside=inside):
            return
        try:
            held = await self._claim(run_id)
            if held is not None:
                await self._carry_held(held)
        finally:
            self._room.leave(run_id)

    async def _claim(self, run_id: UUID) -> Claim | None:
        limits = self._limits
        try:
            held = await claim(
                self._database,
                run_id,
                worker=limits.worker,
                ttl=limits.lease,
                tenant_limit=limits.per_tenant,
                alone=self._room.is_alone(run_id),
            )
        except MustBeAlone:
            self._room.reserve(run_id)
            return None
        if held is not None and held.row.crashes:
            self._room.reserve(run_id)
        return held

    async def _carry_held(self, held: Claim) -> None:
        say = log.bind(
            run=str(held.run_id),
            operation=held.type,
            tenant=str(held.tenant_id),
            attempt=held.attempt,
            request=held.row.request_id,
        )
        age = datetime.now(UTC) - held.row.created_at
        say.info("run claimed", age=round(age.total_seconds(), 3))
        self._meter.claimed.add(held.type)
        self._watch.add(held)
        crash_here(AFTER_CLAIM)
        children = Children(
            self._database, held, self._operations, lambda run_id: self.carry(run_id, inside=held.run_id)
        )
        try:
            await self._carry(held, children, say)
        finally:
            self._watch.remove(held)
            await children.settled()

    async def _carry(self, held: Claim, children: Children, say: Any) -> None:
        failure: Failure | None = None
        returned: Any = None
        cancelled = False
        begun = time.monotonic()

        def seconds() -> float:
            return round(time.monotonic() - begun, 3)

        try:
            returned = await self._handle(held, children)
        except LeaseLost:
            say.warning("lease lost, run left to its next attempt", seconds=seconds())
            self._meter.lost.add()
            return
        except RunReleased as exc:
            await release(self._database, held, after=timedelta(seconds=exc.after))
            say.info("run released", after=exc.after, seconds=seconds())
            return
        except RunCancelled:
            cancelled = True
        except BaseException as exc:
            if isinstance(exc, asyncio.CancelledError) and _is_cancelled():
                # The process is going away: the run goes back to the queue at once. Any other
                # CancelledError is the handler's own doing: it awaited something that was cancelled.
                await release(self._database, held)
                say.info("run released", after=0, seconds=seconds())
                raise
            failure = classify(exc, held.type)
            if not isinstance(exc, OperationFailure):
                say.error("handler failed", exc_info=exc)
        crash_here(BEFORE_FINISH)
        row = await self._finish(held, cancelled=cancelled, failure=failure, returned=returned)
        if row is None:
            say.warning("run had ended or moved on already", seconds=seconds())
            self._meter.lost.add()
            return
        self._meter.ended.add(row.type, row.outcome)
        say.info(
            "run completed",
            outcome=row.outcome,
            processed=row.processed,
            failed=row.failed,
            skipped=row.skipped,
            seconds=seconds(),
            reason=failure.reason if failure else None,
        )

    async def _finish(self, held: Claim, **end: Any) -> Any | None:
        """End the run. A commit that may or may not have happened is tried again: the end is final once."""
        for wait in (*FINISH_AGAIN, None):
            try:
                return await finish(self._database, run_id=held.run_id, attempt=held.attempt, **end)
            except (psycopg.OperationalError, PoolTimeout) as exc:
                if wait is None or not held.holds():
                    raise
                log.warning("finish failed", run=str(held.run_id), error=type(exc).__name__)
                await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _handle(self, held: Claim, children: Children) -> Any:
        """Let the operation's handler do its work; gives its result, as it is kept."""
        operation = (self._listeners if held.row.internal else self._operations).get(held.type)
        if operation is None:
            raise OperationFailure(
                DESCRIPTIONS[ReasonCode.UNKNOWN_OPERATION], reason=ReasonCode.UNKNOWN_OPERATION
            )
        given = load(operation.input, held.row.input)
        if not held.row.internal:
            await check_rights(self._database, held, operation, given)
        # All that a handler can come to use: the run's scope, never the engine's.
        database = self._database.scope(held.scope)
        tenant = await self._tenant(database, held)
        graph = await self._clients.client(held.tenant_id, scope=held.scope)
        left = await self._left(database, held, operation)
        kept = RunLog(database, held)
        context = Context(
            database,
            held,
            tenant=tenant,
            graph=graph,
            graph_writes=operation.graph_writes,
            writer=lambda: self._writer(held, operation),
            restores=RestoreWriter(
                database,
                held,
                plan_life=self._limits.plan_life,
                graph=lambda: self._writer(held, operation),
                left=left,
            ),
            provider=RunProvider(
                database,
                held,
                lambda writing: self._clients.client(
                    held.tenant_id, scope=held.scope, writing=writing, looking=True
                ),
            ),
            executor=self._executor,
            settings=self._settings,
            left=left,
            kept=kept,
            children=children,
        )
        try:
            async with kept.open():
                returned = await carry_out(
                    held, operation.handler(context, given), limit=operation.time_limit
                )
        except BaseExceptionGroup as several:
            # What stops a run between two items may come out of a handler's task group.
            raise meant(several) from several
        if held.lost:
            raise LeaseLost
        return to_keep(operation, returned, run_id=held.run_id)

    async def _left(self, database: ScopedDatabase, held: Claim, operation: Operation[Any]) -> Left:
        """What the run that this one retries left to do."""
        if held.row.retry_of is None or operation.target.whole:
            return NOTHING_BEFORE
        return await left_by(database, held.row.retry_of)

    async def _tenant(self, database: ScopedDatabase, held: Claim) -> Tenant:
        row = await database.one(_TENANT, tenant_id=held.tenant_id)
        if row is None or row.archived_at is not None:
            raise OperationFailure("The tenant has been archived.", reason=ReasonCode.MISSING_CONFIGURATION)
        return Tenant(
            id=row.id,
            name=row.name,
            primary_domain=row.primary_domain,
            entra_tenant_id=row.entra_tenant_id,
        )

    async def _writer(self, held: Claim, operation: Operation[Any]) -> GraphClient:
        if not operation.writes:
            raise OperationFailure(
                "This operation does not declare that it writes.",
                reason=ReasonCode.UNSUPPORTED,
                code="write_refused",
            )
        return await self._clients.client(held.tenant_id, scope=held.scope, writing=True)
