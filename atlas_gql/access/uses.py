"""When tokens were last used: kept in mind, and written once a minute for all of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog
from psycopg import OperationalError
from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, func, or_, update

from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.tables import api_tokens

log = structlog.get_logger("atlas.access")

EVERY = 60.0
"""Seconds between two writes of a process."""

_used = (
    func.unnest(
        bindparam("tokens", type_=ARRAY(Uuid)), bindparam("instants", type_=ARRAY(DateTime(timezone=True)))
    )
    .table_valued("token", "at")
    .render_derived(name="used")
)
# However many processes a token is shown to, its row is written once a minute at most.
WRITE = (
    update(api_tokens)
    .where(
        api_tokens.c.id == _used.c.token,
        or_(
            api_tokens.c.last_used_at.is_(None),
            api_tokens.c.last_used_at < _used.c.at - func.make_interval(0, 0, 0, 0, 0, 1),
        ),
    )
    .values(last_used_at=_used.c.at)
)
"""What no request asks for: whoever counts the statements of one leaves it out."""


class Uses:
    """What a process remembers of the tokens that were shown to it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[UUID, datetime] = {}

    def note(self, token_id: UUID) -> None:
        """Remember that a token is used now; no statement is made for it."""
        self._used[token_id] = datetime.now(UTC)

    async def write(self) -> None:
        """Write what is remembered, with one statement. A database that is away gets it the next time."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._database.scope(ENGINE).execute(WRITE, tokens=list(used), instants=list(used.values()))
        except OperationalError as exc:
            self._used = {**used, **self._used}
            log.warning("cannot write when tokens were used", error=type(exc).__name__)

    async def run(self) -> None:
        """Write again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.write()
