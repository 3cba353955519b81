"""Reading which runs have changed since a moment, and what they are now.

Each run carries the transaction that last changed it, so that what is new since a snapshot is told from
the rows alone: no log to keep, nothing that is missed, and of many changes of a run the last.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Text, Uuid, bindparam, cast, func, select, text, true
from sqlalchemy import Integer as Int

from atlas_gql.db.database import ENGINE, NOBODY, Database, Row
from atlas_gql.db.snapshots import Snapshot
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.schema.live.moments import Moment, present
from atlas_gql.schema.maps import OPERATION_RUN

_NAMES = sorted(name for name in OPERATION_RUN.columns if name not in ("input", "moment"))
_COLUMNS = (
    *OPERATION_RUN.selection(_NAMES),
    cast(cast(runs.c.changed_in, Text), BigInteger).label("changed"),
)

# Those that have not ended are few, and have an index; those that ended are found by when they did. Each
# half gives its first, and all of the transaction at which it stops: a part ends between two transactions.
_CHANGED = text(
    """
    SELECT id FROM (
        (SELECT id, changed_in FROM operation_runs
        WHERE status <> 'completed' AND workspace_id = ANY (:workspaces)
            AND NOT pg_visible_in_snapshot(changed_in, CAST(:since AS pg_snapshot))
            AND pg_visible_in_snapshot(changed_in, CAST(:until AS pg_snapshot))
        ORDER BY changed_in FETCH FIRST (:most) ROWS WITH TIES)
        UNION ALL
        (SELECT id, ended_in FROM operation_runs
        WHERE workspace_id = ANY (:workspaces)
            AND ended_in >= pg_snapshot_xmin(CAST(:since AS pg_snapshot))
            AND NOT pg_visible_in_snapshot(ended_in, CAST(:since AS pg_snapshot))
            AND pg_visible_in_snapshot(ended_in, CAST(:until AS pg_snapshot))
        ORDER BY ended_in FETCH FIRST (:most) ROWS WITH TIES)
    ) AS either
    ORDER BY changed_in FETCH FIRST (:most) ROWS WITH TIES
    """
).bindparams(
    bindparam("workspaces", type_=ARRAY(Uuid)), bindparam("most", type_=Int), bindparam("until", type_=Text)
)  # fmt: skip

_NOW = select(func.atlas_moment().label("moment")).cte("now")
_THESE = _CHANGED.columns(id=Uuid).cte("changed")
_FOUND = (
    select(_NOW.c.moment, *_COLUMNS)
    # One row with the moment also when nothing has changed.
    .select_from(_NOW.outerjoin(_THESE.join(runs, runs.c.id == _THESE.c.id), true()))
    .order_by(runs.c.changed_in)
)
_RUN = select(_NOW.c.moment, *_COLUMNS).select_from(_NOW.join(runs, true())).where(
    runs.c.id == bindparam("run_id")
)  # fmt: skip

ALL_THERE_IS = f"{2**63 - 1}:{2**63 - 1}:"
"""A snapshot that sees everything; whoever reads sees what it can."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Runs that changed, in the order of the transactions that changed them, and the moment of that."""

    rows: list[Row]
    moment: Moment


async def now(database: Database) -> Moment:
    """The present moment."""
    return Moment.parse(await present(database.scope(NOBODY)))


async def changed(
    database: Database,
    workspaces: Collection[UUID],
    *,
    since: Snapshot,
    until: Snapshot | None = None,
    most: int,
) -> Changes:
    """What has changed in these workspaces since a snapshot, up to another one.

    When more than `most` runs have changed, these are the first of them, and the moment's snapshot is
    that of a reader who saw no later change; a transaction is never cut in two.
    """
    found = await database.scope(ENGINE).fetch(
        _FOUND,
        workspaces=list(workspaces),
        since=str(since),
        until=str(until) if until else ALL_THERE_IS,
        most=most,
    )
    moment = Moment.parse(found[0].moment)
    end = until or moment.snapshot
    rows = [row for row in found if row.uuid is not None]
    if len(rows) >= most:
        end = since.with_part_of(end, rows[-1].changed)
    return Changes(rows=rows, moment=moment.with_snapshot(end))


async def run_now(database: Database, run_id: UUID) -> Any | None:
    """A run as it is now, with the moment of that; None when there is no such run."""
    return await database.scope(ENGINE).one(_RUN, run_id=run_id)
