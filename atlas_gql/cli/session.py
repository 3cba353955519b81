"""The database as a command uses it: found, checked, and open for one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg_pool import PoolTimeout

from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.db.location import ensure_current, located
from atlas_gql.errors import ConfigurationError
from atlas_gql.settings import Settings, load_settings

T = TypeVar("T")


def in_transaction(work: Callable[[Transaction], Awaitable[T]], settings: Settings | None = None) -> T:
    """What `work` gives. What it did takes effect when it ends well, and not at all when it raises.

    Raises ConfigurationError when the database cannot be used, and whatever `work` raises.
    """

    async def alone(database: Database) -> T:
        async with database.scope(ENGINE).begin() as tx:
            return await work(tx)

    return on_database(alone, settings)


def on_database(work: Callable[[Database], Awaitable[T]], settings: Settings | None = None) -> T:
    """What `work` gives, which makes its own transactions; else as `in_transaction`."""
    with located(settings or load_settings()) as location:
        ensure_current(location)
        return asyncio.run(_run(location.url, work))


async def _run(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(url, max_connections=1)
    try:
        await database.open()
        return await work(database)
    except PoolTimeout as exc:
        raise ConfigurationError("PostgreSQL does not answer any more. Try again.") from exc
    finally:
        await database.close()
