"""A receiver of webhooks on loopback, which behaves as a test says and keeps what it was told."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Told", BaseHTTPRequestHandler], None]


@dataclass(frozen=True, kw_only=True)
class Told:
    """One notification, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """What it was told, and how it answers: by what is planned for a path, one after the other, then 204."""

    port: int = 0
    told: list[Told] = field(default_factory=list)
    confirmed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often it said yes, by path and id."""
    plans: dict[str, list[Answer]] = field(default_factory=dict)

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def plan(self, path: str, *answers: Answer) -> None:
        self.plans[path] = list(answers)

    def of(self, path: str) -> list[Told]:
        return [told for told in self.told if told.path == path]

    def until(self, met: Callable[[], Any], within: float = 30) -> None:
        end = time.monotonic() + within
        while not met():
            assert time.monotonic() < end, ([(t.path, t.id) for t in self.told], self.confirmed)
            time.sleep(0.02)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        told = Told(path=handler.path, headers=dict(handler.headers.items()), body=body)
        self.told.append(told)
        plans = self.plans.get(handler.path)
        (plans.pop(0) if plans else yes(self))(told, handler)


def yes(receiver: Receiver) -> Answer:
    def confirm(told: Told, handler: BaseHTTPRequestHandler) -> None:
        receiver.confirmed[told.path, told.id] += 1
        status(204)(told, handler)

    return confirm


def status(code: int, **headers: str) -> Answer:
    """With a status, and headers whose `_` are `-`."""

    def answer(_told: Told, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def silent(seconds: float) -> Answer:
    return lambda _told, _handler: time.sleep(seconds)


def hang_up(_told: Told, handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def endless(code: int) -> Answer:
    """A body without end."""

    def answer(_told: Told, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.end_headers()
        with suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 65536)

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A sender that hangs up is none."""


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens for as long as the context lasts."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.answer(self)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
