"""`/graphiql`: a page to try queries on, from files of this package alone.

The page knows nothing and may be seen by anyone; what it asks, it asks with the visitor's token. The files of
GraphiQL and React come from npm; `assets/sources.json` says which, with their hashes.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

ASSETS = Path(__file__).parent / "assets"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # GraphiQL's editor sizes its parts by style attributes
        "img-src 'self' data:",
        "font-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def graphiql_routes() -> list[BaseRoute]:
    """The page, and the files that it loads."""
    page = (ASSETS / "page.html").read_bytes()

    async def show(_request: Request) -> Response:
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    return [Route("/graphiql", show), Mount("/graphiql/assets", StaticFiles(directory=ASSETS))]
