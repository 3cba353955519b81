"""Runs in numbers, computed by PostgreSQL: one statement for all parents of a level.

A row says which `part` of the whole it is of: counts, by one of several groupings; durations; or what has not
ended yet. Only what a query selects is computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from atlas_gql.db.database import Row
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import BadUserInput
from atlas_gql.schema.context import Context
from atlas_gql.schema.listings import Listing
from atlas_gql.schema.pages import parents_of, test_of

AT = "at"
"""The name of when a part of the time begins."""
MOST_BUCKETS = 750
"""A month of hours, two years of days, fourteen years of weeks."""


class RunStatsBucket(StrEnum):
    """How long a part of the time is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


STEPS = {
    RunStatsBucket.HOUR: timedelta(hours=1),
    RunStatsBucket.DAY: timedelta(days=1),
    RunStatsBucket.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that tells one statement from another: what is left open are values."""

    listing: Listing
    """The runs of a parent, and how they are filtered."""
    filters: tuple[str, ...]
    by: tuple[str, ...] | None = None
    """By what else than status and outcome runs are counted: `at`, `type`, `reason`; None for no counts."""
    durations: bool = False
    present: bool = False
    """Whether to tell of what has not ended."""


def checked(instant: datetime, argument: str) -> datetime:
    """An instant in UTC. Raises BadUserInput for one without a time zone, or beyond the calendar."""
    if instant.tzinfo is None:
        raise BadUserInput(f"`{argument}` lacks its time zone.", argument)
    try:
        # A week before it must exist as well.
        return (instant - timedelta(weeks=2)).astimezone(UTC) + timedelta(weeks=2)
    except OverflowError:
        raise BadUserInput(f"`{argument}` is beyond the calendar.", argument) from None


def starts_of(since: datetime, until: datetime, bucket: RunStatsBucket) -> list[datetime]:
    """When each part of the time begins, in UTC; the first may begin before `since`.

    Raises BadUserInput when there are too many.
    """
    step = STEPS[bucket]
    start = _floor(since, bucket)
    if (until - start) / step > MOST_BUCKETS:
        raise BadUserInput(f"From `since` to `until` are more than {MOST_BUCKETS} of such parts.", "bucket")
    count = max(math.ceil((until - start) / step), 0) if since < until else 0
    return [start + n * step for n in range(count)]


def _floor(instant: datetime, bucket: RunStatsBucket) -> datetime:
    day = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket == RunStatsBucket.HOUR:
        return day.replace(hour=instant.hour)
    return day - timedelta(days=day.weekday()) if bucket == RunStatsBucket.WEEK else day


async def load(
    context: Context,
    asked: Asked,
    parent: Any,
    *,
    since: datetime,
    until: datetime,
    starts: Sequence[datetime],
    where: Mapping[str, Any],
) -> list[Row]:
    """The rows of one parent; read together with its siblings'."""
    windowed = asked.by is not None or asked.durations
    if not windowed and not asked.present:
        return []
    statement = statement_of(asked)
    window: dict[str, Any] = {"since": since, "until": until} if windowed else {}
    if asked.by is not None and AT in asked.by:
        window |= {"starts": tuple(starts), "ends": (*starts[1:], until)}
    values = {**where, **window}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    async def read(parents: list[Any]) -> list[list[Row]]:
        found: list[list[Row]] = [[] for _ in parents]
        for row in await context.database.fetch(statement, **given, key_0=parents):
            found[row.parent - 1].append(row)
        return found

    rows: list[Row] = await context.loader((statement, *sorted(values.items())), read).load(parent)
    return rows


@lru_cache(maxsize=256)
def statement_of(asked: Asked) -> Select[Any]:
    """The numbers of a number of parents; a row has its `parent`'s ordinal."""
    parents = parents_of(asked.listing)
    of = [column == parents.c[f"key_{n}"] for n, column in enumerate(asked.listing.of)]
    these = [*of, *asked.listing.link, *(test_of(asked.listing, name) for name in asked.filters)]
    then = [
        *these,
        runs.c.created_at >= bindparam("since", type_=DateTime(timezone=True)),
        runs.c.created_at < bindparam("until", type_=DateTime(timezone=True)),
    ]
    parts = [
        *([_counts(asked.by, then, parents)] if asked.by is not None else []),
        *([_durations(then, parents)] if asked.durations else []),
        *([_present(these, parents)] if asked.present else []),
    ]
    numbers = (union_all(*parts) if len(parts) > 1 else parts[0]).lateral("numbers")
    return select(parents.c.n.label("parent"), *numbers.c).select_from(parents.join(numbers, true()))


def _row(part: ColumnElement[Any], n: ColumnElement[Any], **columns: Any) -> list[ColumnElement[Any]]:
    """The columns that every part has, in one order; those that it does not fill are null."""
    types: dict[str, Any] = {
        "at": DateTime(timezone=True),
        **dict.fromkeys(("type", "status", "outcome", "reason", "oldest"), Text),
        "tenant_id": Uuid,
        "waiting": ARRAY(Double),
        "running": ARRAY(Double),
    }
    filled = [cast(columns.get(name, null()), type_).label(name) for name, type_ in types.items()]
    return [cast(part, Text).label("part"), cast(n, BigInteger).label("n"), *filled]


def _counts(by: tuple[str, ...], conditions: list[ColumnElement[bool]], parents: Any) -> Select[Any]:
    ways: dict[str, ColumnElement[Any]] = {
        "status": runs.c.status,
        "outcome": runs.c.outcome,
        "type": runs.c.type,
        "reason": runs.c.failure_reason,
    }
    used = {name: ways[name] for name in ("status", "outcome", *by) if name in ways}
    groups = [func.count().label("n"), *(column.label(name) for name, column in used.items())]
    # Part by part: how many groups there will be is known then, and none has to be sorted.
    part = _parts() if AT in by else None
    within = [runs.c.created_at >= part.c.start, runs.c.created_at < part.c.until] if part is not None else []
    counted = (
        select(*groups)
        .where(*conditions, *within)
        .group_by(*used.values())
        .correlate(parents, *([part] if part is not None else []))
        .lateral("counted")
    )
    filled = {name: counted.c[name] for name in used} | ({AT: part.c.start} if part is not None else {})
    found = part.join(counted, true()) if part is not None else counted
    return (
        select(*_row(literal_column("'counts'"), counted.c.n, **filled)).select_from(found).correlate(parents)
    )


def _parts() -> Any:
    """The parts of the time, as a table: when each begins, and the next."""
    instants = ARRAY(DateTime(timezone=True))
    arrays = [bindparam(name, type_=instants) for name in ("starts", "ends")]
    return func.unnest(*arrays).table_valued("start", "until").render_derived(name="part")


def _durations(conditions: list[ColumnElement[bool]], parents: Any) -> Select[Any]:
    def percentiles(end: ColumnElement[Any], start: ColumnElement[Any]) -> ColumnElement[Any]:
        at: ColumnElement[Any] = literal_column("ARRAY[0.5, 0.95, 0.99]::float8[]")
        # `extract` would give a numeric, which is slow to sort.
        return func.percentile_cont(at).within_group(func.date_part(literal_column("'epoch'"), end - start))

    return (
        select(
            *_row(
                literal_column("'durations'"),
                func.count(),
                waiting=percentiles(runs.c.started_at, runs.c.created_at),
                running=percentiles(runs.c.finished_at, runs.c.started_at),
            )
        )
        .where(*conditions)
        .correlate(parents)
    )


def _present(conditions: list[ColumnElement[bool]], parents: Any) -> Select[Any]:
    def oldest(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.array_agg(aggregate_order_by(column, runs.c.created_at, runs.c.id))[1]

    return (
        select(
            *_row(
                literal_column("'present'"),
                func.count(),
                status=runs.c.status,
                at=func.min(runs.c.created_at),
                oldest=oldest(cast(runs.c.id, Text)),
                tenant_id=oldest(runs.c.tenant_id),
            )
        )
        # A literal: the partial index of what has not ended serves it, also in a plan that is kept.
        .where(*conditions, runs.c.status != literal_column("'completed'"))
        .group_by(runs.c.status)
        .correlate(parents)
    )
