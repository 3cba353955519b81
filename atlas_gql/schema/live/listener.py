"""The one connection of a process on which PostgreSQL tells of changes as they are committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from atlas_gql.db.database import KEEPALIVES

log = structlog.get_logger("atlas.live")

CHANNEL = "atlas_runs"
"""What migrations named it; a message is `workspace/run`, both as UUIDs."""
AGAIN_AFTER = 1.0
"""Seconds before another connection is tried when one broke."""


async def listen(url: str, heard: Callable[[str | None], None]) -> None:
    """Call `heard` with the workspace of each change, until cancelled; with None when some were missed.

    What is heard are hints: whoever wants to know reads, and asks now and then also without a hint.
    """
    while True:
        try:
            async with await _connected(url) as connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                heard(None)
                async for notified in connection.notifies():
                    heard(notified.payload.partition("/")[0])
        except psycopg.Error as exc:
            log.warning("cannot listen to the database", error=type(exc).__name__)
        await asyncio.sleep(AGAIN_AFTER)


async def _connected(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        application_name="atlas live",
        **KEEPALIVES,  # type: ignore[arg-type] # libpq takes them as they are
    )
