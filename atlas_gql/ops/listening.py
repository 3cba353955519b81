"""What follows from the ends of runs: each worker makes runs of listeners from them, and carries these.

The end of a run leaves a row in `run_ends`. Whichever worker takes it makes, in one transaction, a run for
each listener that there is among all workers, and forgets the row: each listener hears of each end once.
These runs have places of their own, beside the queue's: neither waits for the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import bindparam, func, insert, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql import audit
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.ops.crash import INSIDE_SWEEP, crash_here
from atlas_gql.ops.dispatcher import due
from atlas_gql.ops.inputs import digest, dump
from atlas_gql.plugins.api import FinishedRun, Listener, Operation, new

log = structlog.get_logger("atlas.listening")

# Known a while longer than its workers: one that is started anew must find what ended meanwhile. What is made
# for a listener that is gone ends soon, as runs do whose operation is gone.
_REGISTER = text(
    """
    WITH gone AS (DELETE FROM listeners WHERE seen_at < clock_timestamp() - interval '1 day')
    INSERT INTO listeners (type, types, where_set, seen_at)
    SELECT type, types, where_set, clock_timestamp()
    FROM jsonb_to_recordset(:given) AS given(type text, types text[], where_set boolean)
    ON CONFLICT (type) DO UPDATE SET
        types = excluded.types, where_set = excluded.where_set, seen_at = excluded.seen_at
    """
).bindparams(bindparam("given", type_=JSONB))

_TAKE = text(
    """
    DELETE FROM run_ends WHERE run_id IN (
        SELECT run_id FROM run_ends ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) RETURNING run_id
    """
)
_HEARD = text(
    """
    SELECT listener.type AS listener, run.*
    FROM operation_runs AS run
    JOIN tenants ON tenants.id = run.tenant_id AND tenants.archived_at IS NULL
    JOIN listeners AS listener ON listener.seen_at > clock_timestamp() - interval '10 minutes'
        AND (listener.types = '{}' OR run.type = ANY (listener.types))
        AND (NOT listener.where_set OR EXISTS (
            SELECT FROM plugin_tenant_settings AS theirs
            WHERE theirs.tenant_id = run.tenant_id AND theirs.plugin = split_part(listener.type, '.', 1)))
    WHERE run.id = ANY (:ids)
    ORDER BY run.finished_at, run.id, listener.type
    """
)
_COLUMNS = (
    *("id", "tenant_id", "workspace_id", "type", "target", "input", "input_hash", "writes", "internal"),
    *("initiator_kind", "initiator_name", "request_id"),
)
_FOLLOW = insert(runs).values(
    {
        **{name: bindparam(name, type_=runs.c[name].type) for name in _COLUMNS},
        "dispatch_after": func.clock_timestamp(),
    }
)


def carried(listeners: Mapping[str, Listener]) -> Mapping[str, Operation[Any]]:
    """Listeners as what workers carry, by type; nobody can start them, so they have no mutation."""
    return {
        type_: Operation(
            type=type_,
            mutation="",
            label=listener.label,
            description=listener.description,
            input=FinishedRun,
            target=new(),
            capability="",
            handler=listener.handler,
            time_limit=listener.time_limit,
        )
        for type_, listener in listeners.items()
    }


class Listening:
    """Makes the runs of listeners, and takes up those of the listeners that this worker has."""

    def __init__(
        self,
        database: Database,
        listeners: Mapping[str, Listener],
        carry: Callable[[UUID], Awaitable[None]],
        *,
        places: int,
        every: float = 2.0,
        register_every: float = 60.0,
        at_once: int = 100,
    ) -> None:
        """`places`: how many runs of listeners are carried here at once."""
        self._database = database
        self._listeners = listeners
        self._carry = carry
        self._places = places
        self._every = every
        self._register_every = register_every
        self._at_once = at_once
        self._wake = asyncio.Event()
        self.carrying: set[asyncio.Task[None]] = set()
        """What is under way here."""

    def wake(self) -> None:
        """Look at once: a run has ended."""
        self._wake.set()

    def close(self) -> None:
        """Take up nothing more."""
        self._places = 0

    async def run(self) -> None:
        """Until cancelled. A database that cannot be reached is waited for."""
        loop = asyncio.get_running_loop()
        next_registration = loop.time()
        while True:
            try:
                if loop.time() >= next_registration:
                    await self.register()
                    next_registration = loop.time() + self._register_every
                while await self.sweep() == self._at_once:
                    pass
                await self.take_up()
            except Exception as exc:
                log.warning("listeners could not be told", error=type(exc).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._every)
            self._wake.clear()

    async def register(self) -> None:
        """Say which listeners there are, before this worker tells any of them."""
        given = [
            {"type": one.type, "types": list(one.types), "where_set": one.where_set}
            for one in self._listeners.values()
        ]
        await self._database.scope(ENGINE).execute(_REGISTER, given=given)

    async def sweep(self) -> int:
        """Make the runs that follow from some ends; gives from how many."""
        async with self._database.scope(ENGINE).begin() as tx:
            taken = [row.run_id for row in await tx.fetch(_TAKE, most=self._at_once)]
            if taken:
                await _follow(tx, taken)
                crash_here(INSIDE_SWEEP)
        return len(taken)

    async def take_up(self) -> None:
        """Carry the runs that are due, as many as there are places for."""
        free = self._places - len(self.carrying)
        if free <= 0 or not self._listeners:
            return
        rows = await due(self._database, types=list(self._listeners), most=free)
        # What lost its worker is carried alone: one after the other, and nothing of ours beside it.
        suspects = [row.id for row in rows if row.crashes]
        for run_ids in [suspects] if suspects else [[row.id] for row in rows]:
            task = asyncio.create_task(self._carry_in_turn(run_ids))
            self.carrying.add(task)
            task.add_done_callback(self.carrying.discard)

    async def _carry_in_turn(self, run_ids: list[UUID]) -> None:
        try:
            for run_id in run_ids:
                await self._carry(run_id)
        finally:
            self.wake()


async def _follow(tx: Transaction, ended: list[UUID]) -> None:
    rows = await tx.fetch(_HEARD, ids=ended)
    await tx.execute_many(_FOLLOW, [_row(row) for row in rows])


def _row(ended: Any) -> dict[str, Any]:
    """The run of a listener that hears of a run's end, as `_COLUMNS` have it."""
    payload = dump(finished(ended))
    return {
        "id": new_id(),
        "tenant_id": ended.tenant_id,
        "workspace_id": ended.workspace_id,
        "type": ended.listener,
        "target": str(ended.id),
        "input": payload,
        "input_hash": digest(payload),
        "writes": False,
        "internal": True,
        "initiator_kind": audit.ITSELF.kind,
        "initiator_name": audit.ITSELF.name,
        "request_id": ended.request_id,
    }


def finished(row: Any) -> FinishedRun:
    """The row of an ended run as listeners are told of it."""
    return FinishedRun(
        id=row.id,
        type=row.type,
        outcome=row.outcome,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        total=row.total,
        processed=row.processed,
        failed=row.failed,
        skipped=row.skipped,
        failure_code=row.failure_code,
        failure_reason=row.failure_reason,
        failure_message=row.failure_message,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        initiator=row.initiator_name,
    )
