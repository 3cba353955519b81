"""Moments of the database, and event cursors, which are moments as clients see them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import func, select

from atlas_gql.db.database import ScopedDatabase
from atlas_gql.db.snapshots import Snapshot
from atlas_gql.errors import BadUserInput, CursorExpired
from atlas_gql.schema import cursors

LIFE = 12 * 3600
"""Seconds for which a cursor is good: less than the age at which the first runs can be pruned."""

MOMENT = select(func.atlas_moment()).scalar_subquery()
"""The moment of the statement that selects it, as text."""
_PRESENT = select(func.atlas_moment().label("moment"))


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What of the database's history had taken effect, at a time.

    `lineage` names the server and its timeline: transactions are counted anew in another. `at` is in
    seconds since 1970, by the database's clock.
    """

    lineage: str
    at: int
    snapshot: Snapshot

    @classmethod
    def parse(cls, text: str) -> Moment:
        """From `atlas_moment()`. Raises ValueError for anything else."""
        lineage, at, snapshot = text.split("/")
        if not (at.isascii() and at.isdigit() and len(at) < 16):
            raise ValueError("not a time")
        return cls(lineage=lineage, at=int(at), snapshot=Snapshot.parse(snapshot))

    def with_snapshot(self, snapshot: Snapshot) -> Moment:
        return replace(self, snapshot=snapshot)

    @property
    def cursor(self) -> str:
        return cursor_of(f"{self.lineage}/{self.at}/{self.snapshot}")


async def present(database: ScopedDatabase) -> str:
    """The present moment, as text."""
    row = await database.one(_PRESENT)
    assert row is not None  # it always has one
    moment: str = row.moment
    return moment


def cursor_of(moment: str) -> str:
    """The event cursor for a moment as the database tells it."""
    return cursors.encode("events", (moment,))


def moment_of(cursor: str) -> Moment:
    """The moment in a client's event cursor. Raises BadUserInput for what is none."""
    try:
        (moment,) = cursors.decode(cursor, "events", (str,))
        return Moment.parse(moment)
    except (BadUserInput, ValueError):
        raise BadUserInput("`after` is not an `eventCursor`.", "after") from None


def check_follows(now: Moment, after: Moment) -> None:
    """Raises CursorExpired unless all that happened between the two moments can still be told."""
    lost = after.lineage != now.lineage or after.snapshot.xmax > now.snapshot.xmax
    if lost or not 0 <= now.at - after.at + 1 <= LIFE:
        raise CursorExpired
