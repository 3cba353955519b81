"""Starting one operation in many tenants: a run each, in transactions of a hundred.

A start means what it means by itself: the same run row, dedupe, idempotency key, audit entry. What could
refuse it in one tenant - an archive, an active run, its own step - says so for that tenant alone; and where a
hundred cannot be started together, each is tried by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

import structlog
from sqlalchemy import (
    ARRAY,
    Integer,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from atlas_gql import audit
from atlas_gql.access.actors import Actor
from atlas_gql.db.database import Database, Transaction
from atlas_gql.db.tables import idempotency_keys, tenants
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import (
    AtlasError,
    DomainError,
    IdempotencyConflict,
    NotFound,
    RunConflict,
    TenantArchived,
    ValidationError,
)
from atlas_gql.ops import backups
from atlas_gql.ops.references import references
from atlas_gql.ops.start import FIRST_RING_GRACE, RUN_COLUMNS, Attempt, Starter, tenant_of
from atlas_gql.ops.ticks import Tick
from atlas_gql.plugins.api import Operation, Tenant
from atlas_gql.plugins.restores import Mentioned, RestorePlan

log = structlog.get_logger("atlas.runs")

MOST = 1000
"""How many tenants one request may name."""
BATCH = 100
"""How many are started in one transaction."""
RUNG = 16
"""How many are rung at once. The dispatcher rings the others, fairly: a start of somebody else need not wait
until hundreds were taken up."""

_PER_RUN = ("id", "tenant_id", "subject_id", "not_before")

_TENANTS = (
    select(
        tenants.c.id,
        tenants.c.name,
        tenants.c.primary_domain,
        tenants.c.entra_tenant_id,
        tenants.c.archived_at,
    )
    .where(
        tenants.c.workspace_id == bindparam("of_workspace"),
        tenants.c.id == any_(bindparam("tenant_ids", type_=ARRAY(Uuid))),
    )
    .order_by(tenants.c.id)
    # As a single start holds it.
    .with_for_update(read=True, key_share=True)
)

_TYPES = {"not_before": runs.c.not_before.type}
"""What is no uuid, of what is given run by run."""


def _arrays(*names: str) -> Any:
    """Arrays, each a parameter of its name in the plural, as a table with ordinals."""
    given = (bindparam(f"{name}s", type_=ARRAY(_TYPES.get(name, Uuid()))) for name in names)
    return func.unnest(*given).table_valued(*names, with_ordinality="n").render_derived(name="given")


_key = _arrays("tenant_id", "run_id")
# Each in the order of the tenants, so that two requests wait for each other and never in a circle.
_KEEP_KEYS = (
    insert(idempotency_keys)
    .from_select(
        ["tenant_id", "run_id", "workspace_id", "mutation", "key", "input_hash"],
        select(
            _key.c.tenant_id,
            _key.c.run_id,
            *(
                cast(bindparam(name, type_=idempotency_keys.c[name].type), idempotency_keys.c[name].type)
                for name in ("workspace_id", "mutation", "key", "input_hash")
            ),
        ).order_by(_key.c.n),
    )
    .on_conflict_do_update(
        index_elements=["tenant_id", "mutation", "key"], set_={"key": literal_column("excluded.key")}
    )
    .returning(
        idempotency_keys.c.tenant_id,
        idempotency_keys.c.run_id,
        idempotency_keys.c.input_hash,
        literal_column("(idempotency_keys.xmax = 0)").label("fresh"),
    )
)
_OF_KEY = (
    idempotency_keys.c.mutation == bindparam("of_mutation"),
    idempotency_keys.c.key == bindparam("of_key"),
)
_POINT_KEYS = (
    update(idempotency_keys)
    .where(*_OF_KEY, idempotency_keys.c.tenant_id == _key.c.tenant_id)
    .values(run_id=_key.c.run_id)
)
_FORGET_KEYS = delete(idempotency_keys).where(
    *_OF_KEY, idempotency_keys.c.tenant_id == any_(bindparam("tenant_ids", type_=ARRAY(Uuid)))
)

_run = _arrays(*_PER_RUN)
_START = (
    insert(runs)
    .from_select(
        [*RUN_COLUMNS, "dispatch_after"],
        select(
            *(
                _run.c[name]
                if name in _PER_RUN
                else cast(bindparam(name, type_=runs.c[name].type), runs.c[name].type)
                for name in RUN_COLUMNS
            ),
            func.coalesce(
                _run.c.not_before,
                func.clock_timestamp()
                + case((_run.c.n <= bindparam("rung", type_=Integer), bindparam("grace")), else_=text("'0'")),
            ),
        ).order_by(_run.c.n),
    )
    .on_conflict_do_update(
        index_elements=["tenant_id", "type", "target"],
        index_where=text("status <> 'completed'"),
        set_={"dedupe_hits": runs.c.dedupe_hits + 1},
    )
    .returning(
        runs.c.id,
        runs.c.tenant_id,
        runs.c.input_hash,
        literal_column("(operation_runs.xmax = 0)").label("fresh"),
    )
)


class StartFailed(AtlasError):
    """Internal error."""

    code = "INTERNAL_SERVER_ERROR"


class _NotTogether(Exception):
    """A step of the operation makes what only a start by itself can make."""


@dataclass(frozen=True, kw_only=True)
class StartedOn:
    """What came of the start in one tenant: a run, or an error."""

    tenant_id: UUID
    run_id: UUID | None = None
    deduplicated: bool = False
    error: AtlasError | None = None


def fits_many(operation: Operation[Any]) -> bool:
    """Whether an operation can be started in many tenants with one input.

    What writes to Microsoft is confirmed by a person, tenant by tenant; and what an input names is one
    tenant's.
    """
    return not operation.writes and operation.target.is_new and not references(operation.input)


class Starts:
    """Starts an operation in many tenants."""

    def __init__(
        self, database: Database, starter: Starter, ring: Callable[[UUID, str], Awaitable[None]]
    ) -> None:
        self._database = database
        self._starter = starter
        self._ring = ring

    async def start(
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
        """What came of it in each of these tenants, in their order, for an actor whose rights were checked.

        Raises ValidationError when the input does not fit, whatever the tenant; then nothing was done.
        """
        asked = {"workspace_id": workspace_id, "given": given, "request_id": request_id}
        found: dict[UUID, StartedOn] = {}
        wanted = list(dict.fromkeys(tenant_ids))
        for first in range(0, len(wanted), BATCH):
            ids = sorted(wanted[first : first + BATCH])
            rung = 0 if found else RUNG
            try:
                async with self._database.scope(actor.scope).begin() as tx:
                    batch = Batch(tx, actor, operation, key=idempotency_key, rung=rung, **asked)
                    started = await batch.run(ids)
            except Exception as exc:
                # Whatever is wrong with one tenant must not keep the others.
                log.warning("starts are tried one by one", operation=operation.type, error=type(exc).__name__)
                started = [
                    await self.alone(actor, operation, id_, idempotency_key=idempotency_key, **asked)
                    for id_ in ids
                ]
            else:
                await self.tell(operation, batch.rung, request_id, started)
            found |= {one.tenant_id: one for one in started}
        raise_what_all_say(found.values())
        return [found[id_] for id_ in wanted]

    async def alone(
        self, actor: Actor, operation: Operation[Any], tenant_id: UUID, **asked: Any
    ) -> StartedOn:
        """What comes of a start by itself, whatever that is; `asked` is as for `Starter.start`."""
        try:
            started = await self._starter.start(actor, operation, tenant_id=tenant_id, **asked)
        except (DomainError, NotFound) as exc:
            return StartedOn(tenant_id=tenant_id, error=exc)
        except Exception as exc:
            log.exception("run could not be started", tenant=str(tenant_id), exc_info=exc)
            return StartedOn(tenant_id=tenant_id, error=StartFailed())
        return StartedOn(tenant_id=tenant_id, run_id=started.run_id, deduplicated=started.deduplicated)

    async def tell(
        self, operation: Operation[Any], rung: Sequence[UUID], request_id: str, started: Sequence[StartedOn]
    ) -> None:
        """Log what a batch has started, and ring for some of it."""
        new = [one for one in started if one.run_id is not None and not one.deduplicated]
        for one in new:
            log.info(
                "run accepted",
                run=str(one.run_id),
                operation=operation.type,
                tenant=str(one.tenant_id),
                request=request_id,
                retry_of=None,
            )
        # After the commit, so that the worker finds the row.
        for run_id in rung:
            await self._ring(run_id, operation.type)


class _Together(Attempt):
    """One start among others: what its steps make is noted, and made with that of the others."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.sets: list[dict[str, Any]] = []
        self.details: Mapping[str, Any] = {}

    async def steps(self) -> None:
        """What the operation itself does at a start. Raises DomainError when it refuses."""
        target = self._operation.target
        for step in (target.check, target.create):
            if step is not None:
                await step(self, self._given)

    async def new_backup_set(self, *, policy_types: Sequence[str], policies: Sequence[str] = ()) -> None:
        self.sets.append(
            backups.new_set(
                set_id=self.subject_id,
                tenant_id=self.tenant.id,
                workspace_id=self.workspace_id,
                origin="requested",
                run_id=self.run_id,
                policy_types=[*policy_types, *policies],
            )
        )

    async def new_restore_run(self, **_: Any) -> None:
        _not_together()

    async def new_undo(self, **_: Any) -> None:
        _not_together()

    async def mentioned(self) -> Mentioned:
        _not_together()

    async def restore_plan(self) -> RestorePlan:
        _not_together()

    async def before_restore(self) -> None:
        _not_together()


def _not_together() -> NoReturn:
    raise _NotTogether


async def rehearse(
    tx: Transaction,
    actor: Actor,
    operation: Operation[Any],
    *,
    workspace_id: UUID,
    tenant: Tenant,
    given: Any,
) -> None:
    """Let the operation's own steps look at an input, and start nothing.

    Raises ValidationError for one that does not fit; whatever else would refuse it may have changed when it
    is started.
    """
    start = _Together(tx, actor, operation, tenant.id, workspace_id, given, None, None)
    start.tenant = tenant
    try:
        await start.steps()
    except ValidationError:
        raise
    except (_NotTogether, DomainError):
        return


class Batch:
    """Starts in one transaction; `rung` are the new runs to ring for, in the end."""

    def __init__(
        self,
        tx: Transaction,
        actor: Actor,
        operation: Operation[Any],
        *,
        workspace_id: UUID,
        given: Any,
        key: str | None,
        request_id: str,
        rung: int,
        tick: Tick | None = None,
    ) -> None:
        self._tx = tx
        self._actor = actor
        self._operation = operation
        self._workspace_id = workspace_id
        self._given = given
        self._key = key
        self._request_id = request_id
        self._rung = rung
        self._tick = tick
        self._mutation = (tick or operation).mutation
        self._found: dict[UUID, StartedOn] = {}
        self.rung: list[UUID] = []

    async def run(self, ids: Sequence[UUID]) -> list[StartedOn]:
        """What came of it in each tenant; a statement for each step, however many there are."""
        starts = await self._look_at(ids)
        if self._key is not None and starts:
            starts = await self._replay(starts, self._key)
        ready = [start for start in starts if await self._steps(start)]
        new, joined = await self._insert(ready) if ready else ([], {})
        if self._key is not None:
            await self._keep_keys(starts, new, joined, self._key)
        if sets := [row for start in new for row in start.sets]:
            await backups.new_backup_sets(self._tx, sets)
        if self._operation.audit_action and new:
            await audit.record_all(self._tx, [self._entry(start) for start in new])
        return [self._found[id_] for id_ in ids]

    async def _look_at(self, ids: Sequence[UUID]) -> list[_Together]:
        rows = await self._tx.fetch(_TENANTS, of_workspace=self._workspace_id, tenant_ids=list(ids))
        there = {row.id: row for row in rows}
        starts = []
        for id_ in ids:
            if id_ not in there:
                self._refuse(id_, NotFound())
            elif there[id_].archived_at is not None:
                self._refuse(id_, TenantArchived())
            else:
                start = _Together(
                    self._tx, self._actor, self._operation, id_, self._workspace_id, self._given,
                    self._key, self._request_id, tick=self._tick,
                )  # fmt: skip
                start.tenant = tenant_of(there[id_])
                starts.append(start)
        return starts

    async def _replay(self, starts: Sequence[_Together], key: str) -> list[_Together]:
        """Those that no earlier start with this key has led to a run."""
        rows = await self._tx.fetch(
            _KEEP_KEYS,
            tenant_ids=[start.tenant.id for start in starts],
            run_ids=[start.run_id for start in starts],
            workspace_id=self._workspace_id,
            mutation=self._mutation,
            key=key,
            input_hash=starts[0].hash,
        )
        for row in rows:
            if row.fresh:
                continue
            if row.input_hash != starts[0].hash:
                self._refuse(row.tenant_id, IdempotencyConflict(row.run_id))
            else:
                self._join(row.tenant_id, row.run_id)
        return [start for start in starts if start.tenant.id not in self._found]

    async def _steps(self, start: _Together) -> bool:
        """Whether the operation's own steps let it be; what they make is noted."""
        try:
            await start.steps()
        except DomainError as exc:
            self._refuse(start.tenant.id, exc)
            return False
        if self._operation.audit_action:
            start.details = await start.audit_details()
        return True

    async def _insert(self, starts: Sequence[_Together]) -> tuple[list[_Together], dict[UUID, UUID]]:
        """The starts that made a run; and by tenant, the active runs that others found doing the same."""
        rows = [start.row() for start in starts]
        common = {name: value for name, value in rows[0].items() if name not in _PER_RUN}
        made = await self._tx.fetch(
            _START,
            **common,
            **{f"{name}s": [row[name] for row in rows] for name in _PER_RUN},
            rung=self._rung,
            grace=FIRST_RING_GRACE,
        )
        joined = {}
        for row in made:
            if row.fresh:
                self._found[row.tenant_id] = StartedOn(tenant_id=row.tenant_id, run_id=row.id)
            elif row.input_hash != starts[0].hash:
                self._refuse(row.tenant_id, RunConflict(row.id))
            else:
                self._join(row.tenant_id, row.id)
                joined[row.tenant_id] = row.id
        fresh = {row.id for row in made if row.fresh}
        at_once = [row["id"] for row in rows[: self._rung] if row["not_before"] is None]
        self.rung = [run_id for run_id in at_once if run_id in fresh]
        return [start for start in starts if start.run_id in fresh], joined

    async def _keep_keys(
        self, starts: Sequence[_Together], new: Sequence[_Together], joined: Mapping[UUID, UUID], key: str
    ) -> None:
        """Let the key name what it led to, and nothing where that was nothing."""
        of = {"of_mutation": self._mutation, "of_key": key}
        if joined:
            await self._tx.execute(_POINT_KEYS, tenant_ids=list(joined), run_ids=list(joined.values()), **of)
        led = {start.tenant.id for start in new} | joined.keys()
        if nothing := [start.tenant.id for start in starts if start.tenant.id not in led]:
            await self._tx.execute(_FORGET_KEYS, tenant_ids=nothing, **of)

    def _entry(self, start: _Together) -> dict[str, Any]:
        kind = self._operation.target.kind
        return audit.entry(
            by=self._actor.by(self._request_id),
            action=self._operation.audit_action or "",
            workspace_id=self._workspace_id,
            tenant_id=start.tenant.id,
            run_id=start.run_id,
            resource=(kind, str(start.subject_id)) if kind else None,
            details=start.details,
        )

    def _refuse(self, tenant_id: UUID, error: AtlasError) -> None:
        self._found[tenant_id] = StartedOn(tenant_id=tenant_id, error=error)

    def _join(self, tenant_id: UUID, run_id: UUID) -> None:
        self._found[tenant_id] = StartedOn(tenant_id=tenant_id, run_id=run_id, deduplicated=True)


def raise_what_all_say(found: Iterable[StartedOn]) -> None:
    """Raises the ValidationError that kept every start from being one: it is the input's, and no tenant's."""
    said = [one.error for one in found if isinstance(one.error, ValidationError)]
    if said and len({(error.message, error.field) for error in said}) == 1:
        if any(one.run_id is not None for one in found):
            return
        raise said[0]
