"""Claims: the right of one attempt to carry a run, for as long as its lease is renewed.

`attempt` is the fence. Every statement that a running run causes names the attempt it was claimed with
and finds nothing once another attempt has begun.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, and_, bindparam, case, func, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from atlas_gql.db.database import ENGINE, Database, Scope, Transaction
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.db.tables import providers, tenants


def boot_clock() -> float:
    """Seconds on a clock that also runs while the machine sleeps, and never jumps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(kw_only=True)
class Claim:
    """A run as claimed by this process, and what its heartbeat has learned since."""

    run_id: UUID
    attempt: int
    tenant_id: UUID
    workspace_id: UUID
    type: str
    row: Any
    deadline: float
    """On the boot clock; past it, no write may happen, even if the database cannot be asked."""
    lost: bool = False
    cancelled: bool = False
    released: bool = False
    """The worker is stopping and wants the run back in the queue at its next step."""

    @property
    def scope(self) -> Scope:
        """What the run may see and change: its tenant, and what it is restored from."""
        return scope_of(self.run_id)

    def holds(self) -> bool:
        return not self.lost and boot_clock() < self.deadline


def scope_of(run_id: UUID) -> Scope:
    return Scope(kind="run", run_id=run_id)


def fence(claim_columns: Any = runs) -> ColumnElement[bool]:
    """The condition that each write of an attempt carries."""
    return and_(
        claim_columns.c.id == bindparam("run_id"),
        claim_columns.c.attempt == bindparam("attempt"),
        claim_columns.c.status == "running",
    )


CRASHES_ALLOWED = 3
"""Crashes after which a run is held to be what kills its workers."""

after_crash = case((runs.c.alone, runs.c.crashes + 1), else_=func.greatest(runs.c.crashes, 1))
"""What `crashes` becomes: the first crash makes a run suspect, and only one it had alone says more."""

_now = func.clock_timestamp()
_lease = _now + bindparam("ttl")

_CANDIDATE = (
    select(
        runs.c.id,
        runs.c.writes,
        runs.c.crashes,
        runs.c.internal,
        runs.c.parent_run_id,
        tenants.c.entra_tenant_id,
        func.coalesce(providers.c.cloud, literal("none")).label("cloud"),
    )
    .select_from(runs.join(tenants, runs.c.tenant_id == tenants.c.id).outerjoin(
        providers, providers.c.tenant_id == tenants.c.id
    ))
    .where(runs.c.id == bindparam("run_id"), runs.c.status != "completed")
)  # fmt: skip

_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 7)))

# Of the real tenant, whichever workspaces hold it.
_RUNNING = select(
    # What another one waits for takes no place of its own.
    func.count().filter(runs.c.parent_run_id.is_(None)).label("of_tenant"),
    func.count().filter(runs.c.writes).label("writing"),
).select_from(runs.join(tenants, runs.c.tenant_id == tenants.c.id)).where(
    runs.c.status == "running",
    runs.c.lease_until >= _now,
    runs.c.id != bindparam("run_id"),
    runs.c.internal == bindparam("is_internal"),
    tenants.c.entra_tenant_id == bindparam("entra_tenant_id"),
)  # fmt: skip

_CLAIM = (
    update(runs)
    .where(
        runs.c.id == bindparam("run_id"),
        runs.c.cancel_requested_at.is_(None),
        or_(
            and_(
                runs.c.status == "queued",
                or_(runs.c.not_before.is_(None), runs.c.not_before <= _now),
            ),
            and_(
                runs.c.status == "running",
                runs.c.lease_until < _now,
                after_crash < CRASHES_ALLOWED,
            ),
        ),
    )
    .values(
        status="running",
        attempt=runs.c.attempt + 1,
        # A running run whose lease ran out is one that its worker lost.
        crashes=case((runs.c.status == "running", after_crash), else_=runs.c.crashes),
        alone=bindparam("is_alone"),
        lease_until=_lease,
        dispatch_after=None,
        not_before=None,
        worker=bindparam("worker_name"),
        started_at=func.coalesce(runs.c.started_at, _now),
    )
    .returning(*runs.c, _now.label("claimed_at"))
)

_RELEASE = (
    update(runs)
    .where(fence())
    .values(
        status="queued",
        lease_until=None,
        worker=None,
        dispatch_after=_now + bindparam("after"),
        not_before=_now + bindparam("after"),
        # A listener that asked for a pause has come to its end in order: what lost its worker was not it, and
        # it need not have one to itself all day.
        crashes=case(
            (and_(runs.c.internal, bindparam("after") > literal(timedelta(), Interval())), 0),
            else_=runs.c.crashes,
        ),
    )
)


class MustBeAlone(Exception):
    """The run crashed before and is only carried by a process that carries nothing else."""


async def claim(
    database: Database, run_id: UUID, *, worker: str, ttl: timedelta, tenant_limit: int, alone: bool
) -> Claim | None:
    """Claim a run, or give None: it is gone, finished, held, not due, or its tenant is busy.

    At most `tenant_limit` runs of one real tenant run at once, and at most one of them writes. Those of
    listeners are counted by themselves; a run that another one started is not, for that one waits for it in
    its own place. `alone`
    says whether this process carries nothing else; a run that crashed before wants that, else
    MustBeAlone is raised.
    """
    deadline = boot_clock() + ttl.total_seconds()
    async with database.scope(ENGINE).begin() as tx:
        row = await _claim(tx, run_id, worker=worker, ttl=ttl, tenant_limit=tenant_limit, alone=alone)
    if row is None:
        return None
    return Claim(
        run_id=row.id,
        attempt=row.attempt,
        tenant_id=row.tenant_id,
        workspace_id=row.workspace_id,
        type=row.type,
        row=row,
        deadline=deadline,
    )


async def _claim(
    tx: Transaction, run_id: UUID, *, worker: str, ttl: timedelta, tenant_limit: int, alone: bool
) -> Any | None:
    candidate = await tx.one(_CANDIDATE, run_id=run_id)
    if candidate is None:
        return None
    if candidate.crashes and not alone:
        raise MustBeAlone
    # One at a time per real tenant, whichever workspaces hold it: the count below must not race.
    await tx.execute(_LOCK, key=f"{candidate.cloud}/{candidate.entra_tenant_id}")
    busy = await tx.one(
        _RUNNING,
        run_id=run_id,
        is_internal=candidate.internal,
        entra_tenant_id=candidate.entra_tenant_id,
    )
    assert busy is not None  # counts
    full = candidate.parent_run_id is None and busy.of_tenant >= tenant_limit
    if full or (candidate.writes and busy.writing):
        return None
    return await tx.one(_CLAIM, run_id=run_id, worker_name=worker, ttl=ttl, is_alone=alone)


async def release(database: Database, held: Claim, *, after: timedelta = timedelta()) -> bool:
    """Give a run back to the queue, to be claimed after a while; False when it was not ours any more."""
    released = await database.scope(held.scope).step(
        lambda tx: tx.execute(_RELEASE, run_id=held.run_id, attempt=held.attempt, after=after)
    )
    return bool(released)


RENEW = """
    UPDATE operation_runs SET lease_until = clock_timestamp() + %(ttl)s
    FROM unnest(%(ids)s::uuid[], %(attempts)s::int[]) AS held(id, attempt)
    WHERE operation_runs.id = held.id AND operation_runs.attempt = held.attempt
      AND operation_runs.status = 'running'
    RETURNING operation_runs.id, cancel_requested_at IS NOT NULL
"""
"""Renews many leases in one statement; run by the heartbeat on a connection of its own."""

CANCELS = "SELECT id FROM operation_runs WHERE id = ANY (%(ids)s) AND cancel_requested_at IS NOT NULL"
"""Which of these runs somebody asked to end."""
