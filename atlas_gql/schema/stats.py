"""Runs in numbers, computed by PostgreSQL: one statement for all parents of a level.

A row says which `part` of the whole it is of: counts, by one of several groupings; durations; or what has not
ended yet. Only what a query selects is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
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

MOST_BUCKETS = 750
"""A month of hours, two years of days, fourteen years of weeks."""


class RunStatsBucket(StrEnum):
    """How long a part of the time is; values as `date_trunc` knows them."""

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
    bucket: RunStatsBucket
    by: tuple[str, ...] | None = None
    """By what else than status and outcome runs are counted: `at`, `type`, `reason`; None for no counts."""
    durations: bool = False
    present: bool = False
    """Whether to tell of what has not ended."""


def starts(since: datetime, until: datetime, bucket: RunStatsBucket) -> list[datetime]:
    """When each part of the time begins, in UTC; the first may begin before `since`.

    Raises BadUserInput when there are too many.
    """
    step = STEPS[bucket]
    start = _floor(since.astimezone(UTC), bucket)
    if until - start > MOST_BUCKETS * step:
        raise BadUserInput(f"From `since` to `until` are more than {MOST_BUCKETS} of such parts.", "bucket")
    return [start + n * step for n in range(MOST_BUCKETS) if start + n * step < until]


def _floor(instant: datetime, bucket: RunStatsBucket) -> datetime:
    day = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket is RunStatsBucket.HOUR:
        return day.replace(hour=instant.hour)
    return day - timedelta(days=day.weekday()) if bucket is RunStatsBucket.WEEK else day


async def load(
    context: Context, asked: Asked, parent: Any, *, since: datetime, until: datetime, where: Mapping[str, Any]
) -> list[Row]:
    """The rows of one parent; read together with its siblings'."""
    windowed = asked.by is not None or asked.durations
    if not windowed and not asked.present:
        return []
    statement = statement_of(asked)
    window = {"since": since, "until": until} if windowed else {}
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
    these = [*of, *(test_of(asked.listing, name) for name in asked.filters)]
    then = [
        *these,
        runs.c.created_at >= bindparam("since", type_=DateTime(timezone=True)),
        runs.c.created_at < bindparam("until", type_=DateTime(timezone=True)),
    ]
    parts = [
        *([_counts(asked.by, asked.bucket, then, parents)] if asked.by is not None else []),
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


def _counts(
    by: tuple[str, ...], bucket: RunStatsBucket, conditions: list[ColumnElement[bool]], parents: Any
) -> Select[Any]:
    unit: ColumnElement[str] = literal_column(f"'{bucket.value}'")
    ways: dict[str, ColumnElement[Any]] = {
        "status": runs.c.status,
        "outcome": runs.c.outcome,
        "at": func.date_trunc(unit, runs.c.created_at, literal_column("'UTC'")),
        "type": runs.c.type,
        "reason": runs.c.failure_reason,
    }
    used = {name: ways[name] for name in ("status", "outcome", *by)}
    return (
        select(*_row(literal_column("'counts'"), func.count(), **used))
        .where(*conditions)
        .group_by(*used.values())
        .correlate(parents)
    )


def _durations(conditions: list[ColumnElement[bool]], parents: Any) -> Select[Any]:
    def percentiles(end: ColumnElement[Any], start: ColumnElement[Any]) -> ColumnElement[Any]:
        at = literal_column("ARRAY[0.5, 0.95, 0.99]::float8[]")
        return func.percentile_cont(at).within_group(func.extract("epoch", end - start).cast(Double))

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
