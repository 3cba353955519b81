"""Starting an operation: one transaction makes the run and what it works on, then the queue is rung.

While a run of the same tenant, type and target is queued or running, a second start is given that run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import bindparam, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert

from atlas_gql import audit
from atlas_gql.access.actors import Actor
from atlas_gql.db.database import Database, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import idempotency_keys, providers, tenants
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import IdempotencyConflict, NotFound, RunConflict, TenantArchived, WritesNotEnabled
from atlas_gql.ops import backups, restores, retries, selections
from atlas_gql.ops.control import LeaseLost
from atlas_gql.ops.crash import AFTER_COMMIT_BEFORE_RING, crash_here
from atlas_gql.ops.inputs import digest, dump
from atlas_gql.ops.leases import fence
from atlas_gql.ops.retries import Retry
from atlas_gql.ops.ticks import Tick
from atlas_gql.plugins.api import Operation, Tenant
from atlas_gql.plugins.restores import Mentioned, RestorePlan
from atlas_gql.redaction import redact, redact_text

log = structlog.get_logger("atlas.runs")

FIRST_RING_GRACE = timedelta(seconds=5)
"""The start rings at once; the dispatcher rings again only when that came to nothing."""

_KEEP_KEY = (
    insert(idempotency_keys)
    .values({c.name: bindparam(c.name, type_=c.type) for c in idempotency_keys.c if c.name != "created_at"})
    # Waits for a concurrent start with the same key, then gives that start's row.
    .on_conflict_do_update(
        index_elements=["tenant_id", "mutation", "key"], set_={"key": literal_column("excluded.key")}
    )
    .returning(
        idempotency_keys.c.run_id,
        idempotency_keys.c.input_hash,
        literal_column("(idempotency_keys.xmax = 0)").label("fresh"),
    )
)
_POINT_KEY = (
    update(idempotency_keys)
    .where(
        idempotency_keys.c.tenant_id == bindparam("of_tenant"),
        idempotency_keys.c.mutation == bindparam("of_mutation"),
        idempotency_keys.c.key == bindparam("of_key"),
    )
    .values(run_id=bindparam("to_run"))
)

RUN_COLUMNS = (
    "id",
    "tenant_id",
    "workspace_id",
    "type",
    "target",
    "subject_kind",
    "subject_id",
    "input",
    "input_hash",
    "writes",
    "retry_of",
    "parent_run_id",
    "initiator_kind",
    "initiator_id",
    "initiator_name",
    "token_id",
    "request_id",
    "reason",
    "audit",
    "schedule_id",
    "not_before",
)
START = (
    insert(runs)
    .values({name: bindparam(name, type_=runs.c[name].type) for name in RUN_COLUMNS})
    .values(
        dispatch_after=func.coalesce(
            bindparam("not_before", type_=runs.c.not_before.type),
            func.clock_timestamp() + bindparam("grace"),
        )
    )
    .on_conflict_do_update(
        index_elements=["tenant_id", "type", "target"],
        index_where=text("status <> 'completed'"),
        set_={"dedupe_hits": runs.c.dedupe_hits + 1},
    )
    .returning(runs.c.id, runs.c.input_hash, literal_column("(operation_runs.xmax = 0)").label("fresh"))
)

_TENANT = (
    select(
        tenants.c.id,
        tenants.c.name,
        tenants.c.primary_domain,
        tenants.c.entra_tenant_id,
        tenants.c.archived_at,
        providers.c.id.label("provider_id"),
        providers.c.writes_enabled,
    )
    .select_from(tenants.outerjoin(providers, providers.c.tenant_id == tenants.c.id))
    .where(tenants.c.id == bindparam("tenant_id"), tenants.c.workspace_id == bindparam("workspace_id"))
    # Held as the run's row will hold it: no purge begins in between.
    .with_for_update(read=True, key_share=True, of=tenants)
)


# What is there to be waited for was not lost meanwhile, and does not end before this is committed.
_STILL_HELD = select(runs.c.id).where(fence()).with_for_update(read=True, key_share=True)


@dataclass(frozen=True, kw_only=True)
class Parent:
    """The run that starts another one, as its attempt."""

    run_id: UUID
    attempt: int
    initiator_kind: str

    @property
    def mutation(self) -> str:
        """Under which its starts are kept with their keys."""
        return f"run:{self.run_id}"

    def hash(self, payload: Mapping[str, Any]) -> bytes:
        """What tells its start from every other one: no two runs wait for one that both started."""
        return digest([self.mutation, payload])


@dataclass(frozen=True, kw_only=True)
class Started:
    """The run that a start led to; `deduplicated` when it had been there before."""

    run_id: UUID
    deduplicated: bool


class Starter:
    """Starts operations. `ring` tells the queue of a run; it never fails the start."""

    def __init__(self, database: Database, ring: Callable[[UUID, str], Awaitable[None]]) -> None:
        self._database = database
        self._ring = ring

    async def start(
        self,
        actor: Actor,
        operation: Operation[Any],
        *,
        tenant_id: UUID,
        workspace_id: UUID,
        given: Any,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        retry: Retry | None = None,
        tick: Tick | None = None,
    ) -> Started:
        """Start an operation for an actor whose rights were checked; `retry` names the run it is to retry,
        `tick` says that it is a schedule's.

        Raises DomainError: IdempotencyConflict, RunConflict, TenantArchived, WritesNotEnabled,
        NothingToRetry, or one of the operation's.
        """
        async with self._database.scope(actor.scope).begin() as tx:
            started = await Attempt(
                tx,
                actor,
                operation,
                tenant_id,
                workspace_id,
                given,
                idempotency_key,
                request_id,
                retry,
                tick=tick,
            ).run()
        if not started.deduplicated:
            crash_here(AFTER_COMMIT_BEFORE_RING)
            log.info(
                "run accepted",
                run=str(started.run_id),
                operation=operation.type,
                tenant=str(tenant_id),
                request=request_id,
                retry_of=str(retry.run_id) if retry else None,
            )
            # After the commit, so that the worker finds the row.
            if tick is None or tick.not_before(tenant_id) is None:
                await self._ring(started.run_id, operation.type)
        return started


class Attempt:
    """One start inside its transaction; also what the operation's own steps are given (`Start`)."""

    def __init__(
        self,
        tx: Transaction,
        actor: Actor,
        operation: Operation[Any],
        tenant_id: UUID,
        workspace_id: UUID,
        given: Any,
        idempotency_key: str | None,
        request_id: str | None,
        retry: Retry | None = None,
        parent: Parent | None = None,
        tick: Tick | None = None,
    ) -> None:
        self._tx = tx
        self._actor = actor
        self._operation = operation
        self.workspace_id = workspace_id
        self._tenant_id = tenant_id
        self._given = given
        self._key = idempotency_key
        self._request_id = request_id
        self._payload = _cleaned(dump(given))
        self._retry = retry
        self._parent = parent
        self._tick = tick
        self.hash = from_.hash(self._payload) if (from_ := retry or parent) else digest(self._payload)
        self._mutation = retries.MUTATION if retry else (parent or tick or operation).mutation
        self.run_id = new_id()
        target = operation.target
        self._goes_on = retry is not None and target.is_new and not target.whole
        before = retry.subject_id if retry and self._goes_on else None
        self.subject_id: UUID = getattr(given, target.field) if target.field else before or new_id()

    async def run(self) -> Started:
        if self._parent is not None:
            await self._hold(self._parent)
        if self._key is not None and (before := await self._replay(self._key)):
            return before
        await self._look_at_tenant()
        target = self._operation.target
        if self._retry is not None:
            await retries.check_something_left(self._tx, self._operation, self._retry)
        if target.check is not None:
            await target.check(self, self._given)
        row = await self._insert()
        if not row.fresh:
            return await self._join(row)
        if self._goes_on:
            await backups.reopen(self._tx, self.subject_id)
        elif target.create is not None:
            await target.create(self, self._given)
        if self._operation.audit_action and not self._operation.writes:
            await self._audit_start(self._operation.audit_action)
        return Started(run_id=self.run_id, deduplicated=False)

    async def _hold(self, parent: Parent) -> None:
        if await self._tx.one(_STILL_HELD, run_id=parent.run_id, attempt=parent.attempt) is None:
            raise LeaseLost

    async def _replay(self, key: str) -> Started | None:
        """The run that an earlier start with this key led to, whether it has ended or not."""
        row = await self._tx.one(
            _KEEP_KEY,
            tenant_id=self._tenant_id,
            workspace_id=self.workspace_id,
            mutation=self._mutation,
            key=key,
            input_hash=self.hash,
            run_id=self.run_id,
        )
        assert row is not None
        if row.fresh:
            return None
        if row.input_hash != self.hash:
            raise IdempotencyConflict(row.run_id)
        return Started(run_id=row.run_id, deduplicated=True)

    async def _look_at_tenant(self) -> None:
        row = await self._tx.one(_TENANT, tenant_id=self._tenant_id, workspace_id=self.workspace_id)
        if row is None:
            raise NotFound
        if row.archived_at is not None:
            raise TenantArchived
        if self._operation.writes and not row.writes_enabled:
            raise WritesNotEnabled(
                "Writes are not enabled for this tenant's provider."
                if row.provider_id
                else "This tenant has no provider."
            )
        self.tenant = tenant_of(row)

    async def _insert(self) -> Any:
        operation = self._operation
        audit_at_end = None
        if operation.audit_action and operation.writes:
            audit_at_end = {"action": operation.audit_action, "details": await self.audit_details()}
        row = await self._tx.one(START, **self.row(audit_at_end), grace=FIRST_RING_GRACE)
        assert row is not None
        return row

    def row(self, audit_at_end: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The run, as `RUN_COLUMNS` have it."""
        operation, actor = self._operation, self._actor
        reason = self._payload.get("reason")
        return {
            "id": self.run_id,
            "tenant_id": self._tenant_id,
            "workspace_id": self.workspace_id,
            "type": operation.type,
            "target": self._target(),
            "subject_kind": operation.target.kind,
            "subject_id": self.subject_id if operation.target.kind else None,
            "input": self._payload,
            "input_hash": self.hash,
            "writes": operation.writes,
            "retry_of": self._retry.run_id if self._retry else None,
            "parent_run_id": self._parent.run_id if self._parent else None,
            "initiator_kind": self._parent.initiator_kind if self._parent else "user",
            "initiator_id": actor.user_id,
            "initiator_name": actor.name,
            "token_id": actor.token_id,
            "request_id": self._request_id,
            "reason": reason if isinstance(reason, str) else None,
            "audit": audit_at_end,
            "schedule_id": self._tick.schedule_id if self._tick else None,
            "not_before": self._tick.not_before(self._tenant_id) if self._tick else None,
        }

    def _target(self) -> str:
        """What the run is told apart by, among the active ones of its tenant and type."""
        if self._retry is not None and self._goes_on:
            return str(self._retry.first_id)
        return self.hash.hex() if self._operation.target.is_new else str(self.subject_id)

    async def audit_details(self) -> Mapping[str, Any]:
        describe = self._operation.audit_details
        said = {} if describe is None else dict(redact(dict(await describe(self, self._given))))
        if self._tick is not None:
            said["schedule"] = str(self._tick.schedule_id)
        return {**said, "retryOf": str(self._retry.run_id)} if self._retry else said

    async def _audit_start(self, action: str) -> None:
        kind = self._operation.target.kind
        await audit.record(
            self._tx,
            by=self._actor.by(self._request_id),
            action=action,
            workspace_id=self.workspace_id,
            tenant_id=self._tenant_id,
            run_id=self.run_id,
            resource=(kind, str(self.subject_id)) if kind else None,
            details=await self.audit_details(),
        )

    async def _join(self, row: Any) -> Started:
        """The active run on the same target, if it is doing the same."""
        if row.input_hash != self.hash:
            raise RunConflict(row.id)
        if self._key is not None:
            await self._tx.execute(
                _POINT_KEY,
                of_tenant=self._tenant_id,
                of_mutation=self._mutation,
                of_key=self._key,
                to_run=row.id,
            )
        return Started(run_id=row.id, deduplicated=True)

    # --- what the operation's `check` and `create` may use -------------------------------------------

    async def new_backup_set(self, *, policy_types: Sequence[str], policies: Sequence[str] = ()) -> None:
        await backups.new_backup_set(
            self._tx,
            set_id=self.subject_id,
            tenant_id=self._tenant_id,
            workspace_id=self.workspace_id,
            origin="requested",
            run_id=self.run_id,
            policy_types=[*policy_types, *policies],
        )

    async def new_restore_run(
        self,
        *,
        backup_set_id: UUID,
        mode: str,
        policy_types: Sequence[str] = (),
        policy_ids: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        purpose: str = "restore",
        against_set_id: UUID | None = None,
    ) -> None:
        await selections.new_restore_run(
            self._tx,
            restore_run_id=self.subject_id,
            tenant_id=self._tenant_id,
            workspace_id=self.workspace_id,
            created_by=self._actor.name,
            backup_set_id=backup_set_id,
            purpose=purpose,
            against_set_id=against_set_id,
            mode=mode,
            policy_types=policy_types,
            policy_ids=policy_ids,
            options=options or {},
        )

    async def new_undo(
        self, *, run_id: UUID, mode: str, policy_ids: Sequence[str] = (), options: Mapping[str, Any]
    ) -> None:
        await selections.new_undo(
            self._tx,
            restore_run_id=self.subject_id,
            tenant_id=self._tenant_id,
            workspace_id=self.workspace_id,
            created_by=self._actor.name,
            run_id=run_id,
            mode=mode,
            policy_ids=policy_ids,
            options=options,
        )

    async def mentioned(self) -> Mentioned:
        return await selections.mentioned(self._tx, self.subject_id)

    async def restore_plan(self) -> RestorePlan:
        return await restores.plan_of(
            self._tx, self.subject_id, run_id=self.run_id, again=self._retry is not None
        )

    async def before_restore(self) -> None:
        await backups.new_backup_set(
            self._tx,
            set_id=new_id(),
            tenant_id=self._tenant_id,
            workspace_id=self.workspace_id,
            origin="before_restore",
            run_id=self.run_id,
            restore_run_id=self.subject_id,
        )


def tenant_of(row: Any) -> Tenant:
    """A tenant's row as an operation's steps see it."""
    return Tenant(
        id=row.id,
        name=row.name,
        primary_domain=row.primary_domain,
        entra_tenant_id=row.entra_tenant_id,
    )


def _cleaned(payload: dict[str, Any]) -> dict[str, Any]:
    """The input as it is kept: what people write for people may hold what they should not have written."""
    reason = payload.get("reason")
    return {**payload, "reason": redact_text(reason)} if isinstance(reason, str) else payload
