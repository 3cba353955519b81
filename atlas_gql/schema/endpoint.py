"""What every path that needs a token has in common: who asks, how often, and what is said when it fails.

Who asks is found out before anything of the request is read: a stranger learns nothing, and costs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from atlas_gql.access.actors import Actor
from atlas_gql.access.authentication import Authentication
from atlas_gql.access.tokens import Ahead, Plane
from atlas_gql.errors import AccessError, NotFound, RateLimited, Unauthenticated
from atlas_gql.schema import answers
from atlas_gql.schema.rates import Rates
from atlas_gql.schema.requests import JSON, Refused, bearer_token, request_id_of


class Endpoint(ABC):
    """An ASGI application for one path."""

    methods: tuple[str, ...]
    plane: str = Plane.WORKSPACE
    """Whose tokens are known here; those of the other plane are strangers."""

    def __init__(self, authentication: Authentication, rates: Rates) -> None:
        self._authentication = authentication
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request, request_id_of(request.headers))
        await response(scope, receive, send)

    @abstractmethod
    async def answer(self, request: Request, actor: Actor, request_id: str) -> Response:
        """The answer to somebody known. Raises AccessError and Refused."""

    def _ahead(self, request: Request) -> Ahead | None:  # noqa: ARG002 # of most, nothing is foreseen
        """What the request will read, where that is likely."""
        return None

    async def _respond(self, request: Request, request_id: str) -> Response:
        """The answer, whatever happens."""
        try:
            return await self.answer(request, await self._admitted(request), request_id)
        except AccessError as exc:
            headers = {"WWW-Authenticate": "Bearer"} if isinstance(exc, Unauthenticated) else {}
            body = answers.of_access_error(exc, request_id)
            return json_response(body, exc.status, request_id, headers=headers)
        except RateLimited as exc:
            body = answers.refusal(exc.message, exc.code, request_id, retryAfter=exc.retry_after)
            return json_response(body, 429, request_id, headers={"Retry-After": str(exc.retry_after)})
        except Refused as exc:
            body = answers.refusal(exc.message, exc.code, request_id)
            return json_response(body, exc.status, request_id, headers=exc.headers)
        except Exception as exc:  # the last resort: logged there, and told to nobody
            return json_response(answers.of_unexpected(exc, request_id), 500, request_id)

    async def _admitted(self, request: Request) -> Actor:
        """Who asks. Raises Unauthenticated, NotFound (the other plane's token), RateLimited, Refused."""
        token = bearer_token(request)
        actor = await self._authentication.actor(token, self._ahead(request)) if token else None
        if actor is None:
            raise Unauthenticated
        if actor.plane != self.plane:
            raise NotFound
        self._rates.take(actor.proof.key)
        if request.method not in self.methods:
            raise Refused(405, "This method is not allowed here.", Allow=", ".join(self.methods))
        return actor


def json_response(
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
