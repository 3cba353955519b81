"""What every worker does beside its runs: backups that are kept no longer go, and so do purged tenants.

There is no leader: each step takes what nobody else has taken, and doing it twice does no harm.
"""

from __future__ import annotations

import asyncio

import structlog

from atlas_gql.db.database import Database
from atlas_gql.ops.purge import purge
from atlas_gql.ops.retention import expire

log = structlog.get_logger("atlas.upkeep")


class Upkeep:
    """Looks after what is to go, for as long as it runs."""

    def __init__(self, database: Database, *, purge_every: float = 2.0, expire_every: float = 600.0) -> None:
        """Seconds between two looks."""
        self._database = database
        self._purge_every = purge_every
        self._expire_every = expire_every

    async def run(self) -> None:
        """Until cancelled. A database that cannot be reached is waited for."""
        loop = asyncio.get_running_loop()
        next_expiry = loop.time()
        while True:
            try:
                if loop.time() >= next_expiry:
                    next_expiry = loop.time() + self._expire_every
                    if sets := await expire(self._database):
                        log.info("backups expired", sets=sets)
                if tenants := await purge(self._database):
                    log.info("tenants purged", tenants=tenants)
            except Exception as exc:
                log.warning("upkeep could not work", error=type(exc).__name__)
            await asyncio.sleep(self._purge_every)
