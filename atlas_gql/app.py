"""The web process: the API on one event loop, with its database pool and its bell to the workers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from atlas_gql.access.authentication import Authentication
from atlas_gql.access.logins import Logins
from atlas_gql.access.uses import Uses
from atlas_gql.db.database import Database
from atlas_gql.health import health_routes
from atlas_gql.metrics import Meter
from atlas_gql.ops.engine import Engine
from atlas_gql.ops.queue import Queue
from atlas_gql.plugins.loading import Loaded
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema.build import build_schema
from atlas_gql.schema.http import GraphQLEndpoint
from atlas_gql.schema.live.hub import Hub
from atlas_gql.schema.requests import LARGEST_BODY
from atlas_gql.schema.routes import api_routes
from atlas_gql.settings import Settings, split
from atlas_gql.web import PatientProtocol, SecurityHeaders, graphiql_routes, guarded


@dataclass(frozen=True, kw_only=True)
class Api:
    """The API as an ASGI application; `stopping` ends what would go on for as long as its clients listen."""

    app: ASGIApp
    stopping: Callable[[], None]


@contextlib.asynccontextmanager
async def running_app(
    settings: Settings,
    database_url: str,
    sealer: Sealer,
    plugins: Loaded,
    *,
    look_on: Callable[[strawberry.Schema], None] | None = None,
) -> AsyncIterator[Api]:
    """The API, with everything behind it open for as long as the context lasts.

    `look_on` is given the schema before anybody uses it; tests look on what is resolved.
    """
    database = Database(database_url)
    await database.open()
    queue = Queue(database_url, sealer.derive("queue"), plugins.operations, _not_here)
    meter = Meter()
    engine = Engine(database, plugins.operations, queue.ring, meter=meter)
    hub = Hub(database, database_url)
    uses = Uses(database)
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(uses.run())]
    logins = Logins(settings.oidc_issuers)
    authentication = Authentication(database, uses, logins)
    try:
        schema = build_schema(plugins.operations.values(), plugins.settings)
        if look_on is not None:
            look_on(schema)
        app = create_app(schema, plugins, settings, database, engine, sealer, meter, hub, authentication)
        yield Api(app=app, stopping=hub.close)
    finally:
        hub.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await uses.write()
        await logins.aclose()
        await asyncio.to_thread(queue.close)
        await database.close()


def _not_here(run_id: str) -> None:
    raise RuntimeError(f"a web process was asked to carry the run {run_id}")


def create_app(
    schema: strawberry.Schema,
    plugins: Loaded,
    settings: Settings,
    database: Database,
    engine: Engine,
    sealer: Sealer,
    meter: Meter,
    hub: Hub,
    authentication: Authentication,
) -> ASGIApp:
    """The routes: the API, its page, and what the process says of itself."""
    routes = [
        *api_routes(
            schema,
            settings,
            authentication,
            plugins=plugins,
            database=database,
            engine=engine,
            sealer=sealer,
            hub=hub,
            meter=meter,
        ),
        *(graphiql_routes() if settings.graphiql else ()),
        *health_routes(database, meter),
    ]
    return SecurityHeaders(guarded(_Direct(routes), split(settings.cors_origins)))


class _Direct:
    """The routes, with a shorter way to the endpoints that nearly all requests are for."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._all = Starlette(routes=routes)
        self._endpoints = {
            route.path: route.endpoint
            for route in routes
            if isinstance(route, Route) and isinstance(route.endpoint, GraphQLEndpoint)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        await (endpoint or self._all)(scope, receive, send)


class Server(uvicorn.Server):
    """Uvicorn on a socket that is listening already; says when it answers, and ends without a traceback."""

    def __init__(
        self,
        app: Any,
        *,
        ready: Callable[[], None] = lambda: None,
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
                ws="websockets-sansio",
                ws_max_size=LARGEST_BODY,
                # Compression would keep a window for each socket, however silent it is.
                ws_per_message_deflate=False,
            )
        )
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: whoever runs the server decides what a signal means."""
        yield


UNTAKEN_FOR = 60
"""Seconds."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; who connects before the server runs waits in its backlog. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio switches Nagle's algorithm off only for sockets that say TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # A client that takes nothing more of what is sent to it is dropped, not waited for.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_FOR * 1000)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until_signalled(server: Server, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. Raises what the server raises, at once."""
    serving = asyncio.create_task(server.serve([listener]))
    signalled = asyncio.create_task(until_signalled())
    await asyncio.wait({serving, signalled}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    signalled.cancel()
    await serving


async def until_signalled() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
