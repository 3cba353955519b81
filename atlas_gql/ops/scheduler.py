"""Starting what schedules say, when it is due: once in each tenant, however many workers there are.

Every worker does this; there is no leader. A tick is worked off a hundred tenants at a time: one transaction
takes the schedule, which nobody else takes meanwhile, starts the runs and notes how far the tick is; the last
one moves the schedule to its next tick. So whatever dies, the next worker goes on where the last
transaction ended.

A tick that nobody began within an hour is skipped, and of several that were missed one is made up for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import OperationalError
from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, text, update

from atlas_gql.access.actors import NOTHING, Actor, Proof
from atlas_gql.access.capabilities import Capability
from atlas_gql.access.tokens import actors_again
from atlas_gql.audit import ITSELF
from atlas_gql.db.database import ENGINE, Database, Row, Transaction
from atlas_gql.db.tables import schedules
from atlas_gql.errors import NotFound, OperationFailure, TenantArchived, ValidationError
from atlas_gql.metrics import Meter
from atlas_gql.ops import inputs
from atlas_gql.ops.cron import Cron
from atlas_gql.ops.schedules import ScheduleDisabledReason, disable_schedule, record
from atlas_gql.ops.ticks import Tick
from atlas_gql.ops.together import BATCH, RUNG, Batch, StartedOn, Starts, fits_many, raise_what_all_say
from atlas_gql.plugins.api import Operation

log = structlog.get_logger("atlas.scheduler")

LATE = timedelta(hours=1)
"""After how long a tick is skipped that nobody began."""
REST = 60.0
"""Seconds until a schedule is tried again that could not be worked off."""
AT_ONCE = 20
"""Schedules of one look."""

Clock = Callable[[], datetime | None]
"""What time it is; None for the database's own, which all workers share."""

# What this worker cannot start is left to those that can; where there is none for two minutes, as in an
# upgrade, anybody takes it, to disable it.
_DUE = text(
    """
    WITH clock AS (SELECT coalesce(CAST(:now AS timestamptz), clock_timestamp()) AS now)
    SELECT schedules.*, clock.now FROM schedules, clock
    WHERE enabled AND next_at <= clock.now AND NOT id = ANY (:resting)
        AND (operation_type = ANY (:types) OR next_at < clock.now - interval '2 minutes' AND NOT EXISTS (
            SELECT FROM workers WHERE operation_type = ANY (operations)
                AND seen_at > clock_timestamp() - interval '2 minutes'
        ))
    ORDER BY next_at, id LIMIT :most
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)), bindparam("resting", type_=ARRAY(Uuid)))
# None when another worker has it, or it is not what it was.
_TAKE = text(
    """
    SELECT last_tick, tenant_ids FROM schedules
    WHERE id = :of_schedule AND enabled AND next_at = :due_at FOR NO KEY UPDATE SKIP LOCKED
    """
)
_TENANTS = text(
    """
    SELECT id FROM tenants WHERE workspace_id = :of_workspace
        AND (CAST(:tenant_ids AS uuid[]) IS NULL OR id = ANY (:tenant_ids))
        AND (CAST(:after AS uuid) IS NULL OR id > :after)
    ORDER BY id LIMIT :most
    """
).bindparams(bindparam("tenant_ids", type_=ARRAY(Uuid)), bindparam("after", type_=Uuid))
_NOTE = (
    update(schedules)
    .where(schedules.c.id == bindparam("of_schedule"))
    .values(last_tick=bindparam("tick"), next_at=bindparam("then"))
)


@dataclass(kw_only=True)
class Progress:
    """What came of a tick so far; `after` is the last tenant that was asked, None when all were."""

    due_at: datetime
    request_id: str
    started: int = 0
    deduplicated: int = 0
    archived: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    after: UUID | None = None
    missed: bool = False

    @classmethod
    def of(cls, tick: Tick, kept: Mapping[str, Any] | None) -> Progress:
        """Of this tick, from what the schedule's row has kept of its last one."""
        new = cls(due_at=tick.due_at, request_id=tick.request_id)
        if kept is None or kept["dueAt"] != new.to_json()["dueAt"] or kept["after"] is None:
            return new
        new.started, new.deduplicated, new.archived = kept["started"], kept["deduplicated"], kept["archived"]
        new.refused, new.after = dict(kept["refused"]), UUID(kept["after"])
        return new

    def to_json(self) -> dict[str, Any]:
        return {
            "dueAt": self.due_at.astimezone(UTC).isoformat(),
            "requestId": self.request_id,
            "started": self.started,
            "deduplicated": self.deduplicated,
            "archived": self.archived,
            "refused": self.refused,
            "after": self.after and str(self.after),
            "missed": self.missed,
        }

    def add(self, found: Sequence[StartedOn]) -> None:
        for one in found:
            if isinstance(one.error, TenantArchived):
                self.archived += 1
            elif one.error is not None:
                self.refused[one.error.code] = self.refused.get(one.error.code, 0) + 1
            elif one.deduplicated:
                self.deduplicated += 1
            else:
                self.started += 1


class _Unfit(Exception):
    """A schedule must not start anything any more."""

    def __init__(self, reason: ScheduleDisabledReason) -> None:
        self.reason = reason


class Scheduler:
    """Starts what is due, for as long as it runs."""

    def __init__(
        self,
        database: Database,
        operations: Mapping[str, Operation[Any]],
        starts: Starts,
        *,
        clock: Clock | None = None,
        every: float = 2.0,
        meter: Meter | None = None,
    ) -> None:
        """`every`: seconds between two looks."""
        self._database = database
        self._operations = operations
        self._starts = starts
        self._clock = clock or (lambda: None)
        self._every = every
        self._meter = meter or Meter()
        self._resting: dict[UUID, float] = {}

    async def run(self) -> None:
        """Until cancelled. A database that cannot be reached is waited for."""
        while True:
            try:
                await self.look()
            except Exception as exc:
                log.warning("scheduler could not work", error=type(exc).__name__)
            await asyncio.sleep(self._every)

    async def look(self) -> int:
        """Work off what is due, as far as nobody else does; gives how many ticks came to their end."""
        now = time.monotonic()
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        rows = await self._database.scope(ENGINE).fetch(
            _DUE,
            now=self._clock(),
            types=list(self._operations),
            resting=list(self._resting),
            most=AT_ONCE,
        )
        actors = await actors_again(self._database, {_proof(row) for row in rows}) if rows else {}
        ended = 0
        for row in rows:
            try:
                ended += await self._take(row, actors.get(_proof(row)))
            except Exception as exc:
                # One schedule that cannot be worked off must not keep the others.
                self._resting[row.id] = time.monotonic() + REST
                self._meter.ticks.add("broken")
                _of(row).exception("schedule could not be worked off", exc_info=exc)
        return ended

    async def _take(self, row: Row, actor: Actor | None) -> bool:
        try:
            if row.now - row.next_at > LATE:
                return await self._skip(row)
            operation, given = self._checked(row, actor)
            assert actor is not None  # it holds what it takes
            return await self._work_off(row, actor, operation, given)
        except _Unfit as exc:
            return await self._disable(row, exc.reason)

    def _checked(self, row: Row, actor: Actor | None) -> tuple[Operation[Any], Any]:
        """The operation and its input. Raises _Unfit."""
        operation = self._operations.get(row.operation_type)
        if operation is None:
            raise _Unfit(ScheduleDisabledReason.UNKNOWN_OPERATION)
        if not fits_many(operation):
            raise _Unfit(ScheduleDisabledReason.NOT_FOR_SCHEDULES)
        held = (actor.in_workspace(row.workspace_id) if actor else None) or NOTHING
        if not held >= {Capability.SCHEDULES_MANAGE.value, operation.capability}:
            raise _Unfit(ScheduleDisabledReason.OWNER_NOT_PERMITTED)
        if row.tenant_ids == []:
            raise _Unfit(ScheduleDisabledReason.NO_TENANTS)
        try:
            return operation, inputs.load(operation.input, row.input)
        except OperationFailure as exc:
            raise _Unfit(ScheduleDisabledReason.INPUT_INVALID) from exc

    async def _skip(self, row: Row) -> bool:
        """Leave out a tick that comes too late, or what is left of it, and those after it that do.

        The next one may be due.
        """
        then = Cron(row.cron, row.time_zone).after(row.now - LATE)
        async with self._database.scope(ENGINE).begin() as tx:
            taken = await tx.one(_TAKE, of_schedule=row.id, due_at=row.next_at)
            if taken is None:
                return False
            progress = Progress.of(_tick(row), taken.last_tick)
            progress.missed, progress.after = True, None
            await tx.execute(_NOTE, of_schedule=row.id, tick=progress.to_json(), then=then)
            details = {"name": row.name, "dueAt": row.next_at.isoformat(), "next": then.isoformat()}
            await record(tx, ITSELF, "schedule.missed", row.id, row.workspace_id, details)
        self._meter.ticks.add("missed")
        _of(row).warning("schedule was missed", due=row.next_at.isoformat(), next=then.isoformat())
        return True

    async def _disable(self, row: Row, reason: ScheduleDisabledReason) -> bool:
        async with self._database.scope(ENGINE).begin() as tx:
            try:
                done = await disable_schedule(
                    tx, ITSELF, schedule_id=row.id, reason=reason, due_at=row.next_at
                )
            except NotFound:  # deleted at this very moment
                return False
        if done:
            self._meter.ticks.add("disabled")
            _of(row).warning("schedule disabled", reason=reason.name)
        return done

    async def _work_off(self, row: Row, actor: Actor, operation: Operation[Any], given: Any) -> bool:
        """Start what the tick has not started yet; True when that was the end of it."""
        tick = _tick(row)
        work = _Work(row, actor, operation, given, tick)
        while (progress := await self._some(work)) is not None:
            if progress.after is None:
                self._meter.ticks.add("started")
                _of(row).info("schedule started", request=tick.request_id, **_counts(progress))
                return True
        return False

    async def _some(self, work: _Work) -> Progress | None:
        """How far the tick is after the next hundred tenants; None when it is somebody else's."""
        ids: list[UUID] = []
        try:
            async with self._database.scope(work.actor.scope).begin() as tx:
                taken = await work.take(tx)
                if taken is None:
                    return None
                progress, ids = taken
                batch = work.batch(tx, rung=0 if progress.after else RUNG)
                started = await batch.run(ids)
                if not progress.started:
                    raise_what_all_say(started)
                await work.note(tx, progress, ids, started)
        except ValidationError as exc:
            raise _Unfit(ScheduleDisabledReason.INPUT_INVALID) from exc
        except OperationalError:  # the database is away, or something waits for a lock: no tenant's fault
            raise
        except Exception as exc:
            if not ids:
                raise
            _of(work.row).warning("starts are tried one by one", error=type(exc).__name__)
            return await self._one_by_one(work, ids)
        await self._starts.tell(work.operation, batch.rung, work.tick.request_id, started)
        return progress

    async def _one_by_one(self, work: _Work, ids: Sequence[UUID]) -> Progress | None:
        """As `_some`, where one of these tenants would keep the others: their keys make each start one."""
        started = [
            await self._starts.alone(work.actor, work.operation, id_, **work.asked, tick=work.tick)
            for id_ in ids
        ]
        async with self._database.scope(work.actor.scope).begin() as tx:
            taken = await work.take(tx)
            if taken is None or taken[1] != ids:
                return None
            await work.note(tx, taken[0], ids, started)
            return taken[0]


@dataclass(frozen=True)
class _Work:
    """One tick of a schedule, and who starts what at it."""

    row: Row
    actor: Actor
    operation: Operation[Any]
    given: Any
    tick: Tick

    @property
    def asked(self) -> dict[str, Any]:
        return {
            "workspace_id": self.row.workspace_id,
            "given": self.given,
            "idempotency_key": self.tick.key,
            "request_id": self.tick.request_id,
        }

    def batch(self, tx: Transaction, *, rung: int) -> Batch:
        return Batch(
            tx,
            self.actor,
            self.operation,
            workspace_id=self.row.workspace_id,
            given=self.given,
            key=self.tick.key,
            request_id=self.tick.request_id,
            rung=rung,
            tick=self.tick,
        )

    async def take(self, tx: Transaction) -> tuple[Progress, list[UUID]] | None:
        """How far the tick is, and the next tenants; nobody else goes on until the transaction's end."""
        row = await tx.one(_TAKE, of_schedule=self.row.id, due_at=self.tick.due_at)
        if row is None:
            return None
        progress = Progress.of(self.tick, row.last_tick)
        ids = await tx.fetch(
            _TENANTS,
            of_workspace=self.row.workspace_id,
            tenant_ids=row.tenant_ids,
            after=progress.after,
            most=BATCH,
        )
        return progress, [found.id for found in ids]

    async def note(
        self, tx: Transaction, progress: Progress, ids: Sequence[UUID], started: Sequence[StartedOn]
    ) -> None:
        """Keep how far the tick is; when that was all of it, the schedule goes on to the next one."""
        progress.add(started)
        progress.after = ids[-1] if len(ids) == BATCH else None
        then = self.tick.due_at
        if progress.after is None:
            then = Cron(self.row.cron, self.row.time_zone).after(max(self.row.now, then))
        await tx.execute(_NOTE, of_schedule=self.row.id, tick=progress.to_json(), then=then)


def _tick(row: Row) -> Tick:
    return Tick(schedule_id=row.id, due_at=row.next_at, jitter_seconds=row.jitter_seconds)


def _proof(row: Row) -> Proof:
    return Proof(user_id=row.owner_id, token_id=row.token_id, ends_at=None)


def _counts(progress: Progress) -> dict[str, int]:
    refused = sum(progress.refused.values())
    return {
        "started": progress.started,
        "deduplicated": progress.deduplicated,
        "archived": progress.archived,
        "refused": refused,
    }


def _of(row: Row) -> Any:
    """The log, with what every line about a schedule tells."""
    return log.bind(schedule=str(row.id), operation=row.operation_type, workspace=str(row.workspace_id))
