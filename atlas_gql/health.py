"""`/healthz`, `/readyz` and `/metrics`: what a process says of itself, to whoever runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy import select, text
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from atlas_gql.db.database import NOBODY, Database
from atlas_gql.metrics import MEDIA_TYPE, Meter
from atlas_gql.ops.backlog import backlog

log = structlog.get_logger("atlas.health")

PATIENCE = 5.0
"""Seconds that the database gets to answer."""
NO_DATABASE = "the database does not answer"

_PING = select(text("1"))


def health_routes(
    database: Database, meter: Meter, *, trouble: Callable[[], str | None] = lambda: None
) -> list[Route]:
    """The three routes. `trouble` says why the process cannot do its work at the moment, if so.

    `/healthz` answers while the event loop does: restart what does not answer. `/readyz` is 503 while the
    work cannot be done. `/metrics` is 503 when the database does not answer.
    """

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        reason = trouble()
        if reason is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await database.scope(NOBODY).fetch(_PING)
            except Exception as exc:
                log.warning("not ready", error=type(exc).__name__)
                reason = NO_DATABASE
        return JSONResponse({"status": reason or "ok"}, status_code=503 if reason else 200)

    async def metrics(_request: Request) -> Response:
        try:
            async with asyncio.timeout(PATIENCE):
                numbers = await backlog(database)
        except Exception as exc:
            log.warning("no metrics", error=type(exc).__name__)
            return PlainTextResponse(NO_DATABASE, status_code=503)
        return Response("".join([*meter.lines(), *numbers]), media_type=MEDIA_TYPE)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
