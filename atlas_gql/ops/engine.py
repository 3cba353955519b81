"""The engine: what surfaces call to start and stop runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from atlas_gql import audit
from atlas_gql.access.actors import Actor
from atlas_gql.db.database import Database
from atlas_gql.errors import ValidationError
from atlas_gql.metrics import Meter
from atlas_gql.ops import retries
from atlas_gql.ops.cancel import cancel, end_cancelled
from atlas_gql.ops.start import Started, Starter
from atlas_gql.ops.together import StartedOn, Starts
from atlas_gql.plugins.api import Operation


class Engine:
    """Starts, retries and cancels runs for actors whose rights were checked."""

    def __init__(
        self,
        database: Database,
        operations: Mapping[str, Operation[Any]],
        ring: Callable[[UUID, str], Awaitable[None]],
        *,
        meter: Meter | None = None,
    ) -> None:
        self._database = database
        self._meter = meter or Meter()
        self.operations = operations
        self._starter = Starter(database, ring)
        self._starts = Starts(database, self._starter, ring)

    async def start(
        self,
        actor: Actor,
        operation: Operation[Any],
        *,
        tenant_id: UUID,
        workspace_id: UUID,
        given: Any,
        idempotency_key: str | None,
        request_id: str,
    ) -> Started:
        """The run that this start leads to; see `Starter.start`."""
        return await self._starter.start(
            actor,
            operation,
            tenant_id=tenant_id,
            workspace_id=workspace_id,
            given=given,
            idempotency_key=idempotency_key,
            request_id=request_id,
        )

    async def start_on_tenants(
        self,
        actor: Actor,
        operation: Operation[Any],
        *,
        workspace_id: UUID,
        tenant_ids: Sequence[UUID],
        given: Any,
        idempotency_key: str | None,
        request_id: str,
    ) -> list[StartedOn]:
        """What comes of this start in each tenant; see `Starts.start`."""
        return await self._starts.start(
            actor,
            operation,
            workspace_id=workspace_id,
            tenant_ids=tenant_ids,
            given=given,
            idempotency_key=idempotency_key,
            request_id=request_id,
        )

    async def retry(
        self,
        actor: Actor,
        *,
        run_id: UUID,
        tenant_id: UUID,
        workspace_id: UUID,
        confirmed: Mapping[str, str],
        idempotency_key: str | None,
        request_id: str,
    ) -> Started:
        """The run that does what an ended one left undone; see `Starter.start`.

        `confirmed` are the operation's `confirmed` fields. Raises RunNotFinished, NothingToRetry, and
        whatever starting the operation raises.
        """
        database = self._database.scope(actor.scope)
        row = await retries.ended_run(database, run_id, tenant_id)
        if row.internal:
            raise ValidationError(
                "It is a listener's: it follows from another run, and only so.", field="run_id"
            )
        operation = self.operations.get(row.type)
        if operation is None:
            raise ValidationError("No installed plugin offers the run's operation any more.", field="run_id")
        if operation.writes and idempotency_key is None:
            raise ValidationError("To retry what writes, give an idempotency key.", field="idempotency_key")
        return await self._starter.start(
            actor,
            operation,
            tenant_id=tenant_id,
            workspace_id=workspace_id,
            given=retries.input_again(operation, row.input, confirmed),
            idempotency_key=idempotency_key,
            request_id=request_id,
            retry=await retries.retry_of(database, row),
        )

    async def cancel(
        self, actor: Actor, *, run_id: UUID, tenant_id: UUID, workspace_id: UUID, request_id: str
    ) -> None:
        """Ask a run to end; see `cancel`."""
        ended = await cancel(
            self._database,
            actor,
            run_id=run_id,
            tenant_id=tenant_id,
            workspace_id=workspace_id,
            request_id=request_id,
        )
        if ended is not None:
            self._meter.ended.add(ended.type, ended.outcome)

    async def end_cancelled(self, queued: Iterable[Any]) -> None:
        """End queued runs that were asked to stop; see `end_cancelled`."""
        for ended in await end_cancelled(self._database, queued):
            self._meter.ended.add(ended.type, ended.outcome)

    async def refused(
        self,
        actor: Actor,
        *,
        workspace_id: UUID,
        tenant_id: UUID | None,
        mutation: str,
        capability: str,
        request_id: str,
    ) -> None:
        """Audit that a member asked for what it may not do."""
        await self.refused_on(
            actor,
            workspace_id=workspace_id,
            tenant_ids=[tenant_id],
            mutation=mutation,
            capability=capability,
            request_id=request_id,
        )

    async def refused_on(
        self,
        actor: Actor,
        *,
        workspace_id: UUID,
        tenant_ids: Sequence[UUID | None],
        mutation: str,
        capability: str,
        request_id: str,
    ) -> None:
        """Audit the same refusal for each of these tenants."""
        entries = [
            audit.entry(
                by=actor.by(request_id),
                action="mutation.refused",
                workspace_id=workspace_id,
                tenant_id=tenant_id,
                outcome="refused",
                details={"mutation": mutation, "capability": capability},
            )
            for tenant_id in tenant_ids
        ]
        async with self._database.scope(actor.scope).begin() as tx:
            await audit.record_all(tx, entries)
