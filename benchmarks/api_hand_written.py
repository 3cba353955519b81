"""What one would write by hand for three queries: an ASGI callable, a pool, one statement each.

It knows the token and the owner's rights, and nothing else of what an API is: no GraphQL, no limits, no
errors, no other roles, no row-level security.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from psycopg_pool import AsyncConnectionPool

from api_queries import AUDIT, HAND_WRITTEN, RUN, RUNS
from atlas_gql.app import listen, url_of
from atlas_gql.children import follow_parent

STATEMENTS = {f"/{n}": HAND_WRITTEN[query].encode() for n, query in enumerate((RUNS, AUDIT, RUN))}


class App:
    """`GET /<number of the query>?id=<GraphQL id>`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: AsyncConnectionPool[Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 # nothing is sent to it
        if self._pool is None:
            options = {"autocommit": True, "options": "-c timezone=UTC"}
            self._pool = AsyncConnectionPool(self._url, min_size=4, max_size=10, open=False, kwargs=options)
            await self._pool.open(wait=True)
        token = dict(scope["headers"])[b"authorization"].removeprefix(b"Bearer ")
        id_ = base64.b64decode(parse_qs(scope["query_string"].decode())["id"][0]).decode().partition(":")[2]
        values = {"hash": hashlib.sha256(token).digest(), "id": id_}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(STATEMENTS[scope["path"]], values)
            (body,) = await cursor.fetchone()
        content = body.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def main() -> None:
    follow_parent()
    database_url, ready = sys.argv[1:]
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(App(database_url), lifespan="off", access_log=False, log_level="warning")
    Path(ready).write_text(url_of(listener))
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
