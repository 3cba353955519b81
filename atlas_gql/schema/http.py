"""`/graphql`: from an HTTP request to its answer.

Who asks is found out before anything of the request is read: a stranger learns nothing, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from atlas_gql.access.actors import Actor
from atlas_gql.access.tokens import authenticate
from atlas_gql.db.database import Database
from atlas_gql.errors import AccessError, BadUserInput, NotFound, Unauthenticated
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema import answers
from atlas_gql.schema.context import Context
from atlas_gql.schema.engine import Engine
from atlas_gql.schema.live.sse import MEDIA_TYPE, EventStream, wants_events
from atlas_gql.schema.live.telling import Live
from atlas_gql.schema.requests import (
    JSON,
    Refused,
    answer_type,
    bearer_token,
    read_request,
    request_id_of,
)

PLANE = "workspace"


def create_graphql_app(
    live: Live,
    *,
    database: Database,
    engine: Engine,
    sealer: Sealer,
    allow_get: bool = True,
) -> ASGIApp:
    """The ASGI application for one path. `allow_get`: whether queries may come by GET."""
    methods = ("GET", "POST") if allow_get else ("POST",)
    return _GraphQLApp(live, database, engine, sealer, methods)


class _GraphQLApp:
    def __init__(
        self,
        live: Live,
        database: Database,
        engine: Engine,
        sealer: Sealer,
        methods: tuple[str, ...],
    ) -> None:
        self._live = live
        self._executor = live.executor
        self._database = database
        self._engine = engine
        self._sealer = sealer
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request, request_id_of(request))
        await response(scope, receive, send)

    async def _respond(self, request: Request, request_id: str) -> Response:
        """The answer, whatever happens."""
        try:
            actor = await self._actor(request)
            return await self._answer(request, actor, request_id)
        except AccessError as exc:
            headers = {"WWW-Authenticate": "Bearer"} if isinstance(exc, Unauthenticated) else {}
            return _json(answers.of_access_error(exc, request_id), exc.status, request_id, headers=headers)
        except Refused as exc:
            body = answers.refusal(exc.message, BadUserInput.code, request_id)
            return _json(body, exc.status, request_id, headers=exc.headers)
        except Exception as exc:  # the last resort: logged there, and told to nobody
            return _json(answers.of_unexpected(exc, request_id), 500, request_id)

    async def _actor(self, request: Request) -> Actor:
        """Who asks. Raises Unauthenticated, and NotFound for a token of the other plane."""
        token = bearer_token(request)
        actor = await authenticate(self._database, token) if token else None
        if actor is None:
            raise Unauthenticated
        if actor.plane != PLANE:
            raise NotFound
        return actor

    async def _answer(self, request: Request, actor: Actor, request_id: str) -> Response:
        if request.method not in self._methods:
            raise Refused(405, "This method is not allowed here.", Allow=", ".join(self._methods))
        events = wants_events(request)
        media_type = "" if events else answer_type(request)
        asked = await read_request(request)
        document = self._live.read(asked)
        if self._executor.watches_something(document, asked.operation_name) or (events and not document.ast):
            if not events:
                raise Refused(406, f"Subscriptions are answered as {MEDIA_TYPE}, or over a WebSocket.")
            self._live.check_room(actor)
            told = self._live.answers(actor, asked, document, request_id=request_id, transport="sse")
            return EventStream(told, request_id)
        media_type = media_type or answer_type(request)
        if request.method == "GET" and self._executor.changes_something(document, asked.operation_name):
            raise Refused(405, "Mutations must come by POST.", Allow="POST")
        # One context for one operation: nothing that was read for one is ever shown to another.
        context = Context(
            actor=actor,
            database=self._database.scope(actor.scope),
            engine=self._engine,
            sealer=self._sealer,
            request_id=request_id,
        )
        answer = await self._executor.execute(
            document, context, variables=asked.variables, operation_name=asked.operation_name
        )
        # Under application/json an old client takes every other status for a broken transport.
        status = 200 if answer.executed or media_type == JSON else 400
        return _json(answer.body, status, request_id, media_type=media_type)


def _json(
    body: Any,
    status: int,
    request_id: str,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers={
            "X-Request-ID": request_id,
            "Cache-Control": "no-store",
            "Vary": "Accept",
            **(headers or {}),
        },
    )
