"""Connections that are kept for as long as something comes of them.

Uvicorn waits without end for the rest of a request, and keeps whatever was sent of its head. Behind a proxy
that reads requests whole, none of this ever happens.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from atlas_gql.schema.requests import ARRIVED

REQUEST_SECONDS = 15.0
"""For a request to begin on a new connection, for its head to arrive, and for the next bytes of its body."""
UPLOAD_SECONDS = 900.0
"""For the largest body that anybody reads; whoever reads smaller ones waits less."""
LARGEST_HEAD = 64 * 1024
"""Bytes of request line and headers; one read of the socket may be more."""


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP/1.1, with an end to its patience."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._head: int | None = 0
        self._began = 0.0
        self._beginning = False
        """Whether the head came with the bytes at hand: the request is answered after them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._beginning = False
        if self._head is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self.transport.close()
        elif self._deadline is not None and self._is_read():
            self._wait()

    def _is_read(self) -> bool:
        """Whether somebody waits for the rest of the body: an answer that is out waits for nothing."""
        in_time = self.loop.time() - self._began < UPLOAD_SECONDS
        return in_time and self.cycle is not None and not self.cycle.response_complete

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._began = self.loop.time()
        self._wait()

    def on_headers_complete(self) -> None:
        self._head = None
        self._beginning = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stop_waiting()
        if self._beginning and self.cycle is not None:
            scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment] # as any ASGI application may
            scope[ARRIVED] = bytes(self.cycle.body)

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
