"""Subscriptions over a WebSocket, many at once.

The protocol is https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md (read 2026-11-23). A token
comes as `authorization` in the payload of `connection_init`, or with the request that opens the socket.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing
from typing import Any

import orjson
import structlog
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from atlas_gql.access.actors import Proof
from atlas_gql.access.authentication import Authentication
from atlas_gql.access.tokens import Plane
from atlas_gql.errors import NotFound, RateLimited, TooManySubscriptions, Unauthenticated
from atlas_gql.schema import answers
from atlas_gql.schema.live.hub import Closing
from atlas_gql.schema.live.seats import Seats
from atlas_gql.schema.live.telling import ONLY_SUBSCRIPTIONS, Live
from atlas_gql.schema.rates import Rates
from atlas_gql.schema.requests import GraphQLRequest, Refused, request_of, token_in

log = structlog.get_logger("atlas.live")

PROTOCOL = "graphql-transport-ws"
INIT_WITHIN = 10.0
"""Seconds that a client has to say who it is."""
PATIENCE = 30.0
"""Seconds that a client may take to receive what was sent before."""
OF_SOCKET = 50
"""Subscriptions over one socket."""
OF_TOKEN, IN_ALL = 50, 2000
"""Sockets that one web process keeps for one token, and in all."""


class Close(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sockets:
    """The ASGI application for WebSockets on one path."""

    def __init__(self, live: Live, authentication: Authentication, rates: Rates) -> None:
        self.live = live
        self.authentication = authentication
        self.rates = rates
        self.seats = Seats(of_token=OF_TOKEN, in_all=IN_ALL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        spoken = PROTOCOL in scope.get("subprotocols", ())
        try:
            await socket.accept(subprotocol=PROTOCOL if spoken else None)
            try:
                await _Conversation(self, socket).run(spoken=spoken)
            except* Close as several:
                await _close(socket, several)
        except* (WebSocketDisconnect, TimeoutError, OSError):
            log.debug("a client is gone, or takes nothing more")


async def _close(socket: WebSocket, several: BaseExceptionGroup[Close]) -> None:
    first: BaseException = several
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, Close)
    async with asyncio.timeout(PATIENCE):
        await socket.close(first.code, first.reason)


class _Conversation:
    """One socket: its subscriptions by the ids that the client gave them."""

    def __init__(self, sockets: Sockets, socket: WebSocket) -> None:
        self._sockets = sockets
        self._live = sockets.live
        self._socket = socket
        self._subscriptions: dict[str, asyncio.Task[None]] = {}

    async def run(self, *, spoken: bool) -> None:
        """Until the client leaves. Raises an exception group, or one alone, of why it ended."""
        if not spoken:
            raise Close(4406, f"Subprotocol not acceptable: {PROTOCOL} is spoken here")
        try:
            async with asyncio.timeout(INIT_WITHIN):
                proof = await self._begin()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None
        try:
            with self._sockets.seats.taken(proof.key):
                await self._send({"type": "connection_ack"})
                async with asyncio.TaskGroup() as group:
                    while True:
                        self._take(await self._message(), group, proof)
        except TooManySubscriptions as exc:
            raise Close(1013, exc.code) from None

    async def _begin(self) -> Proof:
        """How the client proves who it is. Raises Close."""
        message = await self._message()
        if message["type"] != "connection_init":
            raise Close(4401, "Unauthorized")
        given = message.get("payload")
        shown = given.get("authorization") or given.get("Authorization") if isinstance(given, dict) else None
        token = token_in(shown if isinstance(shown, str) else self._header())
        actor = await self._sockets.authentication.actor(token) if token else None
        if actor is None:
            raise Close(4401, Unauthenticated.code)
        if actor.plane != Plane.WORKSPACE:
            raise Close(4404, NotFound.code)
        return actor.proof

    def _header(self) -> str:
        return HTTPConnection(self._socket.scope).headers.get("authorization", "")

    def _take(self, message: dict[str, Any], group: asyncio.TaskGroup, proof: Proof) -> None:
        kind, id_ = message["type"], message.get("id")
        if kind == "ping":
            group.create_task(self._send({"type": "pong"}))
        elif kind == "connection_init":
            raise Close(4429, "Too many initialisation requests")
        elif kind == "subscribe" and isinstance(id_, str) and id_:
            if id_ in self._subscriptions:
                raise Close(4409, "A subscription of this id exists already")
            asked = _asked(message.get("payload"))
            self._subscriptions[id_] = group.create_task(self._subscription(id_, asked, proof))
        elif kind == "complete" and isinstance(id_, str):
            if task := self._subscriptions.pop(id_, None):
                task.cancel()
        elif kind != "pong":
            raise Close(4400, "Invalid message")

    async def _subscription(self, id_: str, asked: GraphQLRequest, proof: Proof) -> None:
        try:
            await self._answer(id_, asked, proof)
        except Unauthenticated as exc:
            raise Close(4401, exc.code) from None
        except Closing:
            raise Close(1012, "The server is restarting") from None
        finally:
            if self._subscriptions.get(id_) is asyncio.current_task():
                del self._subscriptions[id_]

    async def _answer(self, id_: str, asked: GraphQLRequest, proof: Proof) -> None:
        request_id = str(uuid.uuid4())
        document = self._live.read(asked)
        if len(self._subscriptions) > OF_SOCKET:
            full = TooManySubscriptions()
            await self._error(id_, answers.of_access_error(full, request_id))
            return
        if document.ast and not self._live.executor.watches_something(document, asked.operation_name):
            refused = answers.refusal(ONLY_SUBSCRIPTIONS, "BAD_USER_INPUT", request_id)
            await self._error(id_, refused)
            return
        try:
            self._sockets.rates.take(proof.key)
        except RateLimited as exc:
            body = answers.refusal(exc.message, exc.code, request_id, retryAfter=exc.retry_after)
            await self._error(id_, body)
            return
        actor = await self._live.actor(proof)
        told = self._live.answers(actor, asked, document, request_id=request_id, transport="websocket")
        async with aclosing(told):
            async for body in told:
                if "data" not in body:
                    await self._error(id_, body)
                    return
                await self._send({"id": id_, "type": "next", "payload": body})
        await self._send({"id": id_, "type": "complete"})

    async def _error(self, id_: str, body: dict[str, Any]) -> None:
        await self._send({"id": id_, "type": "error", "payload": body["errors"]})

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._socket.send_text(orjson.dumps(message).decode())

    async def _message(self) -> dict[str, Any]:
        """The next message. Raises Close for what is none, WebSocketDisconnect when the client is gone."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        try:
            message = orjson.loads(received.get("text") or "")
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Close(4400, "Invalid message")
        return message


def _asked(payload: Any) -> GraphQLRequest:
    try:
        return request_of(payload)
    except Refused:
        raise Close(4400, "Invalid message") from None
