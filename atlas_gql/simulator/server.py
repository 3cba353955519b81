"""The simulator on loopback: in a thread for tests, or until a signal for the command."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import HANDLED_SIGNALS

from atlas_gql.simulator.app import create_app
from atlas_gql.simulator.conditions import parse_conditions
from atlas_gql.simulator.demo import demo_state, full_state
from atlas_gql.simulator.errors import LoadError
from atlas_gql.simulator.faults import Fault, FaultError
from atlas_gql.simulator.habits import Habits
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.large import large_state
from atlas_gql.simulator.load import load_state, read_json
from atlas_gql.simulator.state import State
from atlas_gql.simulator.tokens import LIFETIME
from atlas_gql.simulator.wire import DROP

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A simulator that is being served."""

    url: str
    state: State
    journal: Journal


@contextmanager
def running(
    state: State | None = None,
    *,
    port: int = 0,
    latency_ms: int = 0,
    seed: int = 0,
    faults: Sequence[Fault] | None = None,
    habits: Habits | None = None,
    token_lifetime: int = LIFETIME,
) -> Iterator[Running]:
    """A simulator on loopback for the length of a `with` block, served from a thread of its own.

    Without a state it serves the demo tenants; without a port, the kernel chooses one. Raises OSError
    when the port is taken.
    """
    state = demo_state(seed=seed) if state is None else state
    journal = Journal()
    app = create_app(
        state,
        journal=journal,
        faults=faults or (),
        habits=habits,
        latency_ms=latency_ms,
        seed=seed,
        token_lifetime=token_lifetime,
    )
    with _listener(HOST, port) as listener:
        server = _Server(_config(app), lambda: None)
        thread = threading.Thread(
            target=asyncio.run, args=(server.serve([listener]),), name="simulator", daemon=True
        )
        thread.start()
        try:
            yield Running(url=_url(listener), state=state, journal=journal)
        finally:
            server.should_exit = True
            thread.join()


def serve(
    *,
    host: str = HOST,
    port: int = 0,
    load: str | Path | None = None,
    full: bool = False,
    policies: int | None = None,
    seed: int = 0,
    latency_ms: int = 0,
    faults: str | Path | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the URL once calls are answered.

    `load` is a directory of tenants, else the demo tenants are served, with policies of every kind when
    `full`; or the first of them alone, with so many `policies`. `faults` is a JSON file with rules and
    habits. Raises LoadError for either, OSError when the address cannot be had.
    """
    state = _state(load, full, policies, seed)
    rules, habits = ((), Habits()) if faults is None else _read_conditions(Path(faults))
    app = create_app(state, faults=rules, habits=habits, latency_ms=latency_ms, seed=seed)
    with _listener(host, port) as listener:
        url = _url(listener)
        _Server(_config(app), lambda: ready(url)).run([listener])


class _Server(uvicorn.Server):
    """Uvicorn that tells when it has started."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End serving at SIGINT and SIGTERM as a plain return: uvicorn's own would raise them again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Protocol(HttpToolsProtocol):
    """Uvicorn's protocol with the extension by which the app drops a connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.app = _droppable(self.app, transport)


def _droppable(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), DROP: {"drop": transport.abort}}
        await app({**scope, "extensions": extensions}, receive, send)

    return inner


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )


def _listener(host: str, port: int) -> socket.socket:
    """A listening socket: who connects before the server runs waits in its backlog.

    The protocol is named, because asyncio switches Nagle's algorithm off only for sockets that say TCP.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def _state(load: str | Path | None, full: bool, policies: int | None, seed: int) -> State:
    if load is not None:
        return load_state(load)
    if policies is not None:
        return large_state(policies)
    return full_state(seed=seed) if full else demo_state(seed=seed)


def _read_conditions(path: Path) -> tuple[Sequence[Fault], Habits]:
    try:
        return parse_conditions(read_json(path))
    except FaultError as exc:
        raise LoadError(f"{path}: {exc}") from exc
