"""Runs in numbers, for dashboards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from atlas_gql.access.capabilities import Capability
from atlas_gql.db.database import Row
from atlas_gql.reasons import ReasonCode
from atlas_gql.schema import stats
from atlas_gql.schema.context import Info
from atlas_gql.schema.enums import RunOutcome, RunStatus, described
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.lists import Runs
from atlas_gql.schema.lookahead import selected
from atlas_gql.schema.maps import OPERATION_RUN
from atlas_gql.schema.permissions import HasCapability, looked_up
from atlas_gql.schema.stats import Asked, RunStatsBucket
from atlas_gql.schema.types.runs import OperationRun

described(
    "How long the parts are that a time is divided into; all begin in UTC.",
    {
        "hour": "An hour.",
        "day": "A day.",
        "week": "A week, from Monday on.",
    },
)(RunStatsBucket)

Since = Annotated[datetime, strawberry.argument(description="Count the runs accepted from then on.")]
Until = Annotated[
    datetime | None,
    strawberry.argument(description="Count the runs accepted before then; up to now when absent."),
]
BucketArgument = Annotated[
    RunStatsBucket,
    strawberry.argument(
        description=f"How long each of `buckets` is; at most {stats.MOST_BUCKETS} of them are given."
    ),
]


@strawberry.type(description="How many runs there are, by how they stand and ended.")
class RunCounts:
    total: int = strawberry.field(description="All of them.")
    queued: int = strawberry.field(description="No worker has taken them up yet.")
    running: int = strawberry.field(description="A worker carries them out.")
    succeeded: int = strawberry.field(description="All their items succeeded.")
    partially_succeeded: int = strawberry.field(description="Some of their items failed.")
    failed: int = strawberry.field(description="They failed as a whole, or all their items did.")
    cancelled: int = strawberry.field(description="Somebody cancelled them.")

    @resolved(
        "The share, from 0 to 1, of those that succeeded, among those that came to an end by themselves:"
        " succeeded, partially succeeded or failed. Null where there are none."
    )
    def success_rate(self) -> float | None:
        ended = self.succeeded + self.partially_succeeded + self.failed
        return self.succeeded / ended if ended else None


@strawberry.type(description="How many runs of one operation type there are.")
class RunTypeCounts:
    type: str = strawberry.field(description="The operation type, such as `assignments.fetch`.")
    counts: RunCounts = strawberry.field(description="How many.")


@strawberry.type(description="How many runs failed as a whole for one reason.")
class RunReasonCount:
    reason_code: ReasonCode = strawberry.field(description="The reason.")
    total: int = strawberry.field(description="How many.")


@strawberry.type(description="The runs accepted in a part of the time.")
class RunBucket:
    start: datetime = strawberry.field(description="When the part begins; it ends where the next begins.")
    counts: RunCounts = strawberry.field(description="How many there are.")
    types: list[RunTypeCounts] = strawberry.field(
        description="The same for each operation type that there is, by type."
    )


@strawberry.type(description="How long things took, in seconds; null where nothing was measured.")
class RunDurations:
    p50: float | None = strawberry.field(description="Half of them took no longer.")
    p95: float | None = strawberry.field(description="95 of 100 took no longer.")
    p99: float | None = strawberry.field(description="99 of 100 took no longer.")


@strawberry.type(
    description="Runs in numbers: those accepted in a time, and those that have not ended now. Only what is"
    " selected is computed."
)
class RunStats:
    since: datetime = strawberry.field(description="From when on runs are counted.")
    until: datetime = strawberry.field(description="Up to when.")
    counts: RunCounts = strawberry.field(description="All the runs of the time.")
    buckets: list[RunBucket] = strawberry.field(
        description="The time, part by part, the oldest first; also parts without runs. The first and the"
        " last hold only the runs of the time asked for."
    )
    types: list[RunTypeCounts] = strawberry.field(
        description="The runs of the time for each operation type that there is, by type."
    )
    reason_codes: list[RunReasonCount] = strawberry.field(
        description="For what runs of the time failed as a whole, the most frequent reason first."
    )
    waiting: RunDurations = strawberry.field(
        description="How long the runs of the time waited for a worker, of those that one took up."
    )
    working: RunDurations = strawberry.field(
        description="How long workers took for the runs of the time, of those that have ended."
    )
    queued_now: int = strawberry.field(description="How many runs are queued now, whenever accepted.")
    running_now: int = strawberry.field(description="How many runs are running now, whenever accepted.")
    oldest_queued_seconds: float | None = strawberry.field(
        description="For how long the oldest of the runs that are queued now has been; null without any."
    )
    workspace_id: strawberry.Private[Any]
    oldest_id: strawberry.Private[str | None]
    oldest_kind: strawberry.Private[str | None]
    oldest_tenant_id: strawberry.Private[Any]

    @resolved(
        "The oldest of the runs that are queued now; null without any.",
        HasCapability(
            Capability.RUNS_VIEW, tenant="oldest_tenant_id", when=("oldest_kind", OPERATION_RUN.kind)
        ),
    )
    async def oldest_queued(self, info: Info) -> OperationRun | None:
        if self.oldest_id is None:
            return None
        row: OperationRun | None = await looked_up(info, OPERATION_RUN, self.oldest_id)
        return row


async def run_stats(
    info: Info,
    runs: Runs,
    source: Any,
    *,
    since: datetime,
    until: datetime | None,
    bucket: RunStatsBucket,
    where: Mapping[str, Any],
) -> RunStats:
    """The runs of a parent in numbers. Raises BadUserInput for a time of too many parts."""
    now = info.context.now
    (listing, _), where = runs.chosen(where)
    since = stats.checked(since, "since")
    until = stats.checked(until, "until") if until else now
    fields = selected(info, ())
    starts = stats.starts_of(since, until, bucket) if "buckets" in fields else []
    by = [
        *([stats.AT] if starts else []),
        *(["type"] if "types" in fields or "types" in selected(info, ("buckets",)) else []),
        *(["reason"] if "reasonCodes" in fields else []),
    ]
    asked = Asked(
        listing=listing,
        filters=tuple(sorted(where)),
        by=tuple(by) if by or "counts" in fields else None,
        durations=bool(fields & {"waiting", "working"}),
        present=bool(fields & {"queuedNow", "runningNow", "oldestQueuedSeconds", "oldestQueued"}),
    )
    rows = await stats.load(
        info.context, asked, source.uuid, since=since, until=until, starts=starts, where=where
    )
    counted = [row for row in rows if row.part == "counts"]
    durations = next((row for row in rows if row.part == "durations"), None)
    present = {row.status: row for row in rows if row.part == "present"}
    queued, running = present.get(RunStatus.QUEUED), present.get(RunStatus.RUNNING)
    in_part = _grouped(counted, lambda row: row.at) if starts else {}
    return RunStats(
        since=since,
        until=until,
        counts=_counts(counted),
        buckets=[_bucket(start, in_part.get(start, [])) for start in starts],
        types=_types(counted),
        reason_codes=_reasons(counted),
        waiting=_durations(durations and durations.waiting),
        working=_durations(durations and durations.running),
        queued_now=queued.n if queued else 0,
        running_now=running.n if running else 0,
        oldest_queued_seconds=max((now - queued.at).total_seconds(), 0) if queued else None,
        workspace_id=source.workspace_id,
        oldest_id=queued.oldest if queued else None,
        oldest_kind=OPERATION_RUN.kind if queued else None,
        oldest_tenant_id=queued.tenant_id if queued else None,
    )


def _bucket(start: datetime, rows: list[Row]) -> RunBucket:
    return RunBucket(start=start, counts=_counts(rows), types=_types(rows))


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _counts(rows: Iterable[Row]) -> RunCounts:
    found: Counter[str] = Counter()
    for row in rows:
        found[row.outcome if row.status == RunStatus.COMPLETED else row.status] += row.n
    return RunCounts(
        total=found.total(),
        queued=found[RunStatus.QUEUED],
        running=found[RunStatus.RUNNING],
        succeeded=found[RunOutcome.SUCCEEDED],
        partially_succeeded=found[RunOutcome.PARTIALLY_SUCCEEDED],
        failed=found[RunOutcome.FAILED],
        cancelled=found[RunOutcome.CANCELLED],
    )


def _types(rows: Iterable[Row]) -> list[RunTypeCounts]:
    groups = _grouped((row for row in rows if row.type is not None), lambda row: row.type)
    return [RunTypeCounts(type=type_, counts=_counts(groups[type_])) for type_ in sorted(groups)]


def _reasons(rows: Iterable[Row]) -> list[RunReasonCount]:
    found: Counter[str] = Counter()
    for row in rows:
        if row.reason is not None:
            found[row.reason] += row.n
    return [RunReasonCount(reason_code=ReasonCode(reason), total=n) for reason, n in found.most_common()]


def _durations(values: list[float | None] | None) -> RunDurations:
    p50, p95, p99 = values or (None, None, None)
    return RunDurations(p50=p50, p95=p95, p99=p99)
