"""The one wrapper around every handler: claim, rights, context, handler, end.

Whatever a handler does, its run ends in a state that tells the truth, or goes back to the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy import bindparam, select

from atlas_gql.access.tokens import actor_of_token
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.tables import tenants
from atlas_gql.errors import OperationFailure
from atlas_gql.graph import GraphClient
from atlas_gql.ops.apply import RestoreWriter
from atlas_gql.ops.context import Context
from atlas_gql.ops.control import LeaseLost, RunCancelled, RunReleased
from atlas_gql.ops.failures import Failure, classify
from atlas_gql.ops.finish import finish
from atlas_gql.ops.inputs import load
from atlas_gql.ops.leases import Claim, MustBeAlone, claim, release
from atlas_gql.ops.room import Room
from atlas_gql.plugins.api import Operation, Tenant
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

log = structlog.get_logger("atlas.runs")

_TENANT = select(
    tenants.c.id, tenants.c.name, tenants.c.primary_domain, tenants.c.entra_tenant_id, tenants.c.archived_at
).where(tenants.c.id == bindparam("tenant_id"))


class GraphClients(Protocol):
    """Where a tenant's Graph client comes from."""

    async def client(self, tenant_id: UUID, *, writing: bool = False) -> GraphClient: ...


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
    ) -> None:
        self._database = database
        self._operations = operations
        self._clients = clients
        self._watch = watch
        self._limits = limits
        self._executor = executor
        self._room = Room()

    async def carry(self, run_id: UUID) -> None:
        """Claim a run and carry it to its end; a run that cannot be claimed is left alone."""
        if not self._room.enter(run_id):
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
        say.info("run claimed")
        self._watch.add(held)
        try:
            await self._carry(held, say)
        finally:
            self._watch.remove(held)

    async def _carry(self, held: Claim, say: Any) -> None:
        failure: Failure | None = None
        cancelled = False
        try:
            await self._handle(held)
        except LeaseLost:
            say.warning("lease lost, run left to its next attempt")
            return
        except RunReleased as exc:
            await release(self._database, held, after=timedelta(seconds=exc.after))
            say.info("run released", after=exc.after)
            return
        except RunCancelled:
            cancelled = True
        except asyncio.CancelledError:
            # The process is going away: the run goes back to the queue at once.
            await release(self._database, held)
            say.info("run released", after=0)
            raise
        except BaseException as exc:
            failure = classify(exc, held.type)
            if not isinstance(exc, OperationFailure):
                say.error("handler failed", exc_info=exc)
        row = await finish(
            self._database, run_id=held.run_id, attempt=held.attempt, cancelled=cancelled, failure=failure
        )
        if row is None:
            say.warning("run had ended or moved on already")
            return
        say.info(
            "run completed",
            outcome=row.outcome,
            processed=row.processed,
            failed=row.failed,
            skipped=row.skipped,
            seconds=round((row.finished_at - row.started_at).total_seconds(), 3),
            reason=failure.reason if failure else None,
        )

    async def _handle(self, held: Claim) -> None:
        operation = self._operations.get(held.type)
        if operation is None:
            raise OperationFailure(
                DESCRIPTIONS[ReasonCode.UNKNOWN_OPERATION], reason=ReasonCode.UNKNOWN_OPERATION
            )
        await self._check_rights(held, operation)
        given = load(operation.input, held.row.input)
        tenant = await self._tenant(held)
        graph = await self._clients.client(held.tenant_id)
        context = Context(
            self._database,
            held,
            tenant=tenant,
            graph=graph,
            restores=RestoreWriter(
                self._database,
                held,
                plan_life=self._limits.plan_life,
                graph=lambda: self._writer(held, operation),
            ),
            executor=self._executor,
        )
        try:
            async with asyncio.timeout(operation.time_limit.total_seconds()) as limit:
                await operation.handler(context, given)
        except TimeoutError:
            if limit.expired():
                raise OperationFailure(
                    DESCRIPTIONS[ReasonCode.TIME_LIMIT], reason=ReasonCode.TIME_LIMIT, code="time_limit"
                ) from None
            raise
        if held.lost:
            raise LeaseLost

    async def _check_rights(self, held: Claim, operation: Operation[Any]) -> None:
        """The initiator must still hold what the start asked for."""
        row = held.row
        actor = await actor_of_token(self._database, row.token_id) if row.token_id else None
        capabilities = actor.in_tenant(held.workspace_id, held.tenant_id) if actor else None
        if capabilities is None or operation.capability not in capabilities:
            raise OperationFailure(
                DESCRIPTIONS[ReasonCode.INITIATOR_NOT_PERMITTED],
                reason=ReasonCode.INITIATOR_NOT_PERMITTED,
                code="not_permitted",
            )

    async def _tenant(self, held: Claim) -> Tenant:
        row = await self._database.scope(ENGINE).one(_TENANT, tenant_id=held.tenant_id)
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
        return await self._clients.client(held.tenant_id, writing=True)
