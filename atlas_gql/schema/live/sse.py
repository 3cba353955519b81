"""Subscriptions as server-sent events: one response for each.

The "distinct connections mode" of https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md (read
2026-11-23), which GraphQL over HTTP names for event streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from atlas_gql.errors import Unauthenticated
from atlas_gql.schema import answers as answering
from atlas_gql.schema.live.hub import Closing

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE = 12.0
"""Seconds after which an empty comment is sent, again and again, for proxies that cut what is silent."""
PATIENCE = 30.0
"""Seconds that a client may take to receive what was sent before."""

COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"


def wants_events(request: Request) -> bool:
    """Whether a client asks for an event stream, and says so."""
    ranges = request.headers.get("accept", "").split(",")
    return any(range_.partition(";")[0].strip().lower() == MEDIA_TYPE for range_ in ranges)


def event(body: dict[str, Any]) -> bytes:
    return b"event: next\ndata: " + orjson.dumps(body) + b"\n\n"


class EventStream(Response):
    """The answers to a subscription, for as long as the client listens."""

    def __init__(self, bodies: AsyncGenerator[dict[str, Any], None], request_id: str) -> None:
        super().__init__(
            media_type=f"{MEDIA_TYPE}; charset=utf-8",
            # The last is for nginx, which would keep events back until its buffer is full.
            headers={"X-Request-ID": request_id, "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._bodies = bodies
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 # ASGI's signature
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        works = (self._tell(send), _keep_alive(send), _until_gone(receive))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            told, *_ = await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(told, Exception) and not isinstance(told, OSError | TimeoutError):
            raise told

    async def _tell(self, send: Send) -> None:
        last = COMPLETE
        try:
            async with aclosing(self._bodies):
                async for body in self._bodies:
                    await _put(send, event(body))
        except Unauthenticated as exc:
            last = event(answering.of_access_error(exc, self._request_id)) + COMPLETE
        except Closing:
            last = b""  # without a `complete`, clients come again
        await _put(send, last, last=True)


async def _keep_alive(send: Send) -> None:
    while True:
        await asyncio.sleep(KEEP_ALIVE)
        await _put(send, COMMENT)


async def _put(send: Send, data: bytes, *, last: bool = False) -> None:
    async with asyncio.timeout(PATIENCE):
        await send({"type": "http.response.body", "body": data, "more_body": not last})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
