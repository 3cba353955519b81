"""What a handler logs, kept with its run: cleaned when it is said, bounded, and written in batches.

Lines wait in memory until an item ends, a second is over, or the handler comes to its end. Those of a worker
that is killed meanwhile are lost; a line that cannot be kept never harms the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from sqlalchemy import Text, bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import run_log
from atlas_gql.ops.leases import Claim
from atlas_gql.redaction import redact

log = structlog.get_logger("atlas.runs")

LINES = 1_000
"""How many lines of a run are kept, in all its attempts together."""
SIZE = 256 * 1024
"""How many bytes of them."""
LINE_SIZE = 8 * 1024
"""How many bytes the values of one line may have."""
EVENT_SIZE = 200
"""How many characters its event may have."""
EVERY = 1.0
"""Seconds for which a line waits, at most."""
CUT = "[cut]"
THE_REST = "the rest of the log is not kept"
"""The event of the last line of a log that had more."""

_KEPT = select(
    func.count().label("lines"),
    func.coalesce(
        func.sum(func.octet_length(run_log.c.event) + func.octet_length(cast(run_log.c.data, Text))), 0
    ).label("size"),
    func.coalesce(func.bool_or(run_log.c.event == THE_REST), False).label("full"),
).where(run_log.c.run_id == bindparam("of_run"))

# Under the fence, and once, however often the step is tried.
_WRITE = text(
    """
    INSERT INTO run_log (id, tenant_id, workspace_id, run_id, attempt, event, data, created_at)
    SELECT given.id, run.tenant_id, run.workspace_id, run.id, run.attempt, given.event, given.data, given.at
    FROM operation_runs AS run,
        jsonb_to_recordset(:lines) AS given(id uuid, event text, data jsonb, at timestamptz)
    WHERE run.id = :run_id AND run.attempt = :attempt AND run.status = 'running'
    ON CONFLICT (id) DO NOTHING
    """
).bindparams(bindparam("lines", type_=JSONB))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a log, plain and without secrets."""

    event: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, event: object, values: Mapping[str, Any]) -> Line:
        """Raises nothing, whatever is logged."""
        said = redact(event)
        return cls(event=str(said)[:EVENT_SIZE], data=_bounded(redact(dict(values))))

    @property
    def size(self) -> int:
        return len(self.event.encode()) + len(orjson.dumps(self.data))


def _bounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """As much of the values as a line may have."""
    kept: dict[str, Any] = {}
    left = LINE_SIZE
    for name, value in values.items():
        size = len(orjson.dumps([name, value]))
        if size > left:
            kept[name] = CUT
            break
        kept[name] = value
        left -= size
    return kept


class RunLog:
    """The log of one attempt, as long as its run has room for more."""

    def __init__(self, database: ScopedDatabase, claim: Claim) -> None:
        self._database = database
        self._claim = claim
        self._waiting: list[dict[str, Any]] = []
        self._lines, self._room, self._full = LINES, SIZE, False
        self._over = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keep what is added while the context lasts; what comes later, of a handler left behind, is not."""
        if self._claim.attempt > 1:
            await self._count()
        writing = asyncio.create_task(self._write_now_and_then())
        try:
            yield
        finally:
            self._over.set()
            await writing

    async def _count(self) -> None:
        """Leave room for what earlier attempts have left."""
        kept = await self._database.one(_KEPT, of_run=self._claim.run_id)
        assert kept is not None  # an aggregate always has a row
        self._lines, self._room, self._full = LINES - kept.lines, SIZE - kept.size, kept.full

    def add(self, line: Line) -> None:
        """Keep a line, from any thread; one that there is no room for says so in its place, once."""
        if self._full or self._over.is_set():
            return
        if self._lines <= 0 or line.size > self._room:
            self._full = True
            line = Line(event=THE_REST, data={})
        self._lines -= 1
        self._room -= line.size
        self._waiting.append(
            {"id": str(new_id()), "event": line.event, "data": line.data, "at": datetime.now(UTC).isoformat()}
        )

    def take(self) -> list[dict[str, Any]]:
        """The lines that wait, for `write`."""
        taken = self._waiting[:]
        del self._waiting[: len(taken)]
        return taken

    async def write(self, tx: Transaction, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write lines in the caller's transaction."""
        if lines:
            await tx.execute(_WRITE, run_id=self._claim.run_id, attempt=self._claim.attempt, lines=lines)

    async def _write_now_and_then(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), EVERY)
            await self._write_waiting()

    async def _write_waiting(self) -> None:
        lines = self.take()
        if not lines:
            return
        try:
            await self._database.step(lambda tx: self.write(tx, lines))
        except Exception as exc:
            # They are in the worker's log; the run goes on without them.
            log.warning(
                "lines could not be kept",
                run=str(self._claim.run_id),
                lines=len(lines),
                error=type(exc).__name__,
            )
