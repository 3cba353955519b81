"""Which pages' scripts may speak to the API: its own, and those of the origins on the list.

Tokens are no cookies, so another site's page has nothing to send by itself. But it could send one that it was
given by mistake, and open WebSockets, which CORS knows nothing of: it is refused before anything is read.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from atlas_gql.schema import answers
from atlas_gql.schema.endpoint import json_response
from atlas_gql.schema.requests import request_id_of

FORBIDDEN = "ORIGIN_NOT_ALLOWED"
MESSAGE = "Pages of this origin may not speak to this API."


def guarded(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """The application for its own pages and those of these origins; other origins are answered 403."""
    allowed = CORSMiddleware(
        app,
        allow_origins=sorted(origins),
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "X-Request-ID"),
        expose_headers=("X-Request-ID", "Retry-After"),
    )
    return _Origins(app, allowed, frozenset(origins))


class _Origins:
    def __init__(self, own: ASGIApp, allowed: ASGIApp, origins: frozenset[str]) -> None:
        self._own = own
        self._allowed = allowed
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Most clients are no browsers, and their requests should not pay for those that are.
        if not any(name == b"origin" for name, _ in scope["headers"]):
            await self._own(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers["origin"]
        host = headers.get("host")
        if origin in (f"http://{host}", f"https://{host}"):  # a proxy may have ended TLS
            await self._own(scope, receive, send)
        elif origin in self._origins:
            await self._allowed(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": MESSAGE})
        else:
            request_id = request_id_of(headers)
            body = answers.refusal(MESSAGE, FORBIDDEN, request_id)
            await json_response(body, 403, request_id)(scope, receive, send)
