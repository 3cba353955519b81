"""What waits and what runs, over all tenants, in one cheap statement: the index of unfinished runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from atlas_gql.db.database import ENGINE, Database, Row, ScopedDatabase
from atlas_gql.metrics import described

_BACKLOG = text(
    """
    SELECT count(*) FILTER (WHERE status = 'queued' AND NOT internal) AS queued,
        count(*) FILTER (WHERE status = 'running' AND NOT internal) AS running,
        count(*) FILTER (WHERE status = 'queued' AND internal) AS to_follow,
        count(*) FILTER (WHERE status = 'running' AND internal) AS following,
        (SELECT count(*) FROM run_ends) AS untold,
        count(*) FILTER (WHERE lease_until < clock_timestamp()) AS expired,
        coalesce(extract(epoch FROM max(clock_timestamp() - greatest(created_at, not_before)) FILTER (
            WHERE status = 'queued' AND NOT internal
                AND (not_before IS NULL OR not_before <= clock_timestamp())
        )), 0)::float8 AS oldest,
        (SELECT count(*) FROM workers WHERE seen_at > clock_timestamp() - interval '2 minutes') AS workers,
        (SELECT coalesce(sum(threads), 0) FROM workers
            WHERE seen_at > clock_timestamp() - interval '2 minutes') AS slots
    FROM operation_runs WHERE status <> 'completed'
    """
)


async def standing(database: ScopedDatabase) -> Row:
    """The numbers of the installation, as one row; the same from every process."""
    row = await database.one(_BACKLOG)
    assert row is not None  # an aggregate always has a row
    return row


async def backlog(database: Database) -> Iterator[str]:
    """These numbers as Prometheus reads them."""
    return _lines(await standing(database.scope(ENGINE)))


def _lines(row: Any) -> Iterator[str]:
    yield from described(
        "atlas_runs",
        "gauge",
        "Runs that have not ended, by state.",
        [({"status": "queued"}, row.queued), ({"status": "running"}, row.running)],
    )
    yield from described(
        "atlas_listener_runs",
        "gauge",
        "Runs of listeners that have not ended, by state.",
        [({"status": "queued"}, row.to_follow), ({"status": "running"}, row.following)],
    )
    for name, help, value in (
        ("atlas_run_ends", "Ended runs that no listener has been told of yet.", row.untold),
        ("atlas_runs_unattended", "Running runs whose worker is not heard of any more.", row.expired),
        ("atlas_queue_age_seconds", "How long the oldest run that may be taken up has waited.", row.oldest),
        ("atlas_workers", "Workers that were heard of in the last two minutes.", row.workers),
        ("atlas_worker_slots", "How many runs those workers carry at once.", row.slots),
    ):
        yield from described(name, "gauge", help, [({}, value)])
