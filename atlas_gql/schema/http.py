"""`/graphql` and `/schema.graphql`: from an HTTP request to its answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from atlas_gql.access.actors import Actor
from atlas_gql.access.authentication import Authentication
from atlas_gql.access.tokens import Ahead, Plane
from atlas_gql.db.database import Database
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema.context import Context
from atlas_gql.schema.endpoint import Endpoint, json_response
from atlas_gql.schema.engine import Engine
from atlas_gql.schema.execution import Document
from atlas_gql.schema.foresight import Foresight
from atlas_gql.schema.live.sse import MEDIA_TYPE, EventStream, wants_events
from atlas_gql.schema.live.telling import Live
from atlas_gql.schema.rates import Rates
from atlas_gql.schema.requests import JSON, Refused, answer_type, arrived, read_request

_AHEAD = "atlas.ahead"
"""Where the scope of a request has what was read with the question who asks."""


class GraphQLEndpoint(Endpoint):
    """Executes operations. `allow_get`: whether queries may come by GET."""

    def __init__(
        self,
        live: Live,
        authentication: Authentication,
        *,
        database: Database,
        engine: Engine,
        sealer: Sealer,
        rates: Rates,
        allow_get: bool,
        longest_token: timedelta,
    ) -> None:
        super().__init__(authentication, rates)
        self._database = database
        self._longest_token = longest_token
        self.methods = ("GET", "POST") if allow_get else ("POST",)
        self._live = live
        self._executor = live.executor
        self._engine = engine
        self._sealer = sealer
        self._foresight = Foresight()

    def _ahead(self, request: Request) -> Ahead | None:
        ahead = request.scope[_AHEAD] = self._foresight.of(arrived(request))
        return ahead

    async def answer(self, request: Request, actor: Actor, request_id: str) -> Response:
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
        context = self._context(actor, request_id)
        if (ahead := request.scope.get(_AHEAD)) is not None:
            context.foreseen = ahead.found()
        answer = await self._executor.execute(
            document, context, variables=asked.variables, operation_name=asked.operation_name
        )
        self._foresight.learn(asked, document.operation(asked.operation_name))
        # Under application/json an old client takes every other status for a broken transport.
        status = 200 if answer.executed or media_type == JSON else 400
        body = answer.body
        if asked.wants_cost and answer.executed:
            body |= {"extensions": {"cost": self._cost(document, asked.operation_name)}}
        return json_response(body, status, request_id, media_type=media_type)

    def _context(self, actor: Actor, request_id: str) -> Context:
        return Context(
            actor=actor,
            database=self._database.scope(actor.scope),
            engine=self._engine,
            sealer=self._sealer,
            request_id=request_id,
            longest_token=self._longest_token,
        )

    def _cost(self, document: Document, operation_name: str | None) -> dict[str, Any]:
        weight = document.weight(operation_name)
        return {
            "cost": weight.cost,
            "limit": self._executor.limits.cost,
            "depth": weight.depth,
            "fields": weight.fields,
        }


class SchemaEndpoint(Endpoint):
    """Gives the schema's text."""

    methods = ("GET",)

    def __init__(
        self, text: str, authentication: Authentication, *, rates: Rates, plane: str = Plane.WORKSPACE
    ) -> None:
        super().__init__(authentication, rates)
        self.plane = plane
        self._text = text

    async def answer(
        self,
        request: Request,  # noqa: ARG002 # all that matters is who asks
        actor: Actor,  # noqa: ARG002 # and that it is somebody
        request_id: str,
    ) -> Response:
        return Response(
            self._text,
            media_type="text/plain; charset=utf-8",
            headers={"X-Request-ID": request_id, "Cache-Control": "no-store"},
        )
