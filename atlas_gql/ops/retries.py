"""Retrying: what an ended run left undone becomes a new run, linked to the old one.

Runs that retry each other, directly or not, are one family. Only one of them is active at any time, so
that in the order in which they were accepted they tell what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, text

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.db.tables import run_items
from atlas_gql.errors import NotFound, NothingToRetry, OperationFailure, RunNotFinished, ValidationError
from atlas_gql.ops.inputs import digest, load
from atlas_gql.plugins.api import Operation
from atlas_gql.reasons import ReasonCode

MUTATION = "retryRun"

STALE = (ReasonCode.STALE_PLAN,)
"""Why an item failed that no retry can help: it needs a new plan."""

_RUN = select(runs).where(runs.c.id == bindparam("run_id"), runs.c.tenant_id == bindparam("of_tenant"))

_FAMILY = text(
    """
    WITH RECURSIVE up AS (
        SELECT id, retry_of FROM operation_runs WHERE id = :run_id
        UNION ALL
        SELECT run.id, run.retry_of FROM operation_runs AS run JOIN up ON run.id = up.retry_of
    ), family AS (
        SELECT id FROM up WHERE retry_of IS NULL
        UNION ALL
        SELECT run.id FROM operation_runs AS run JOIN family ON run.retry_of = family.id
    )
    SELECT run.id, run.outcome = 'cancelled' OR run.failure_code IS NOT NULL AS broke_off
    FROM family JOIN operation_runs AS run ON run.id = family.id
    WHERE run.status = 'completed'
    ORDER BY run.created_at, run.id
    """
)

_ITEMS = select(
    run_items.c.run_id,
    run_items.c.key,
    run_items.c.state,
    run_items.c.reason,
    run_items.c.data["ours"].label("ours"),
).where(run_items.c.run_id == any_(bindparam("of_runs", type_=ARRAY(Uuid))))


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a family of runs left: the keys of items that need not be done, and those to do again.

    `again` is None when nobody knows what else there may be: the last run broke off.
    """

    settled: frozenset[str] = frozenset()
    again: frozenset[str] | None = None
    ours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By key, the fingerprints of states that an unfinished write may have left behind."""


NOTHING_BEFORE = Left()
"""For a run that is no retry."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The run that a start retries."""

    run_id: UUID
    first_id: UUID
    """The run that the family began with."""
    subject_id: UUID | None
    succeeded: bool

    def hash(self, payload: Mapping[str, Any]) -> bytes:
        """What tells this retry from every other start."""
        return digest([str(self.run_id), payload])


async def left_by(database: Transaction | ScopedDatabase, run_id: UUID) -> Left:
    """What the ended runs of this run's family left."""
    family = await database.fetch(_FAMILY, run_id=run_id)
    items: dict[UUID, list[Any]] = {run.id: [] for run in family}
    for item in await database.fetch(_ITEMS, of_runs=list(items)):
        items[item.run_id].append(item)
    return _added_up((run.broke_off, items[run.id]) for run in family)


def _added_up(family: Iterable[tuple[bool, list[Any]]]) -> Left:
    settled: set[str] = set()
    failed: set[str] = set()
    known = False
    ours: dict[str, set[str]] = {}
    for broke_off, items in family:
        if not broke_off:
            # It came to its end: what it did not record as failed is done, or was never its to do.
            known, failed = True, set()
        for item in items:
            ours.setdefault(item.key, set()).update(item.ours or ())
            if item.state == "failed" and item.reason not in STALE:
                failed.add(item.key)
            elif item.state != "intent":
                settled.add(item.key)
    return Left(
        settled=frozenset(settled),
        again=frozenset(failed - settled) if known else None,
        ours={key: tuple(sorted(states)) for key, states in ours.items() if states},
    )


async def ended_run(database: ScopedDatabase, run_id: UUID, tenant_id: UUID) -> Any:
    """The row of a run that may be retried; it does not change any more. Raises NotFound, RunNotFinished."""
    row = await database.one(_RUN, run_id=run_id, of_tenant=tenant_id)
    if row is None:
        raise NotFound
    if row.status != "completed":
        raise RunNotFinished(run_id)
    return row


async def retry_of(database: ScopedDatabase, row: Any) -> Retry:
    """How a start refers to the ended run that it retries."""
    family = await database.fetch(_FAMILY, run_id=row.id)
    return Retry(
        run_id=row.id,
        first_id=family[0].id,
        subject_id=row.subject_id,
        succeeded=row.outcome == "succeeded",
    )


def input_again(operation: Operation[Any], stored: dict[str, Any], confirmed: Mapping[str, str]) -> Any:
    """The input of the old run, with what a person gave anew.

    Raises ValidationError for what is missing or not asked for, and for an input that the operation as it
    is now cannot read.
    """
    for name in confirmed.keys() - set(operation.confirmed):
        raise ValidationError("A retry of this operation does not take it.", field=name)
    for name in operation.confirmed:
        if name not in confirmed:
            raise ValidationError("Give it again: a retry of this operation is confirmed anew.", field=name)
    try:
        given = load(operation.input, stored)
    except OperationFailure as exc:
        raise ValidationError(f"{exc.message} Start it anew.", field="run_id") from exc
    try:
        return load(operation.input, {**stored, **confirmed}) if confirmed else given
    except OperationFailure as exc:
        raise ValidationError("This does not fit.", field=next(iter(confirmed))) from exc


async def check_something_left(tx: Transaction, operation: Operation[Any], retry: Retry) -> None:
    """Raises NothingToRetry when a retry would have nothing to do."""
    if retry.succeeded:
        raise NothingToRetry
    if not operation.target.whole and (await left_by(tx, retry.run_id)).again == frozenset():
        raise NothingToRetry(
            "Nothing is left that a retry could do. What changed after the plan was made needs a new plan."
        )
