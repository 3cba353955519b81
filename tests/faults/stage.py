"""Where faults happen: a database, a simulator, the API and any number of workers, as real processes."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from atlas_gql.children import Child, Children, children
from atlas_gql.db.database import Database
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.testing.installation import Installation, Place
from atlas_gql.testing.postgres import TestDatabase
from faults.server import OwnServer
from support.loopback import loopback

PLUGIN = Path(__file__).parent / "plugin"
LEASE = 2.0
"""Seconds; short, so that what was lost is soon found."""


class Stage:
    """The processes, and the ways to hurt them. Made by `stage`."""

    def __init__(
        self, family: Children, folder: Path, database: TestDatabase, server: OwnServer | None
    ) -> None:
        self._family = family
        self._folder = folder
        self._names = iter(range(10_000))
        self._workers: list[Child] = []
        self._admin: psycopg.Connection[dict[str, Any]] | None = None
        self.database = database
        self.server = server
        self.key = generate_key()
        self.env = {
            "ATLAS_DATABASE_URL": database.url,
            "ATLAS_SECRET_KEY": self.key,
            "ATLAS_LEASE_SECONDS": str(LEASE),
            "ATLAS_LOG_FORMAT": "json",
            "PYTHONPATH": os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", "")]),
        }
        _, self.simulator_url = self._answering("simulator")
        self.env["ATLAS_SIMULATOR_URL"] = self.simulator_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._thread.start()
        self._own = Database(database.url, max_connections=4)
        self.on_loop(self._own.open())
        self.atlas = Installation(
            self._loop,
            self.start_api(),
            self._own,
            Sealer.from_text(self.key),
            SimpleNamespace(url=self.simulator_url),
            None,
        )
        self.home: Place = self.atlas.new_place(provider=False)

    def on_loop(self, coroutine: Any) -> Any:
        """What a coroutine gives, run on the stage's own event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def close(self) -> None:
        self.end_workers()
        self.atlas.close()
        self.on_loop(self._own.close())
        if self._admin is not None:
            self._admin.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- processes --------------------------------------------------------------------------------------

    def start_api(self, **env: str) -> str:
        """The URL of another API process."""
        return self.api(**env)[1]

    def api(self, **env: str) -> tuple[Child, str]:
        """Another API process, and its URL."""
        return self._answering("serve", "--port", "0", **env)

    def _answering(self, name: str, *arguments: str, **env: str) -> tuple[Child, str]:
        file = self._folder / f"{next(self._names)}.url"
        child = self._family.start(name, *arguments, "--url-file", str(file), env={**self.env, **env})
        return child, self._family.url_of(child, file)

    def worker(self, *, threads: int = 4, **env: str) -> Child:
        """A worker; it may take a second until it carries runs."""
        child = self._family.start("worker", "--threads", str(threads), env={**self.env, **env})
        self._workers.append(child)
        return child

    @contextmanager
    def crew(self, size: int = 1, **env: str) -> Iterator[None]:
        """Workers that are replaced when they end, as a platform does it."""
        over = threading.Event()

        def watch() -> None:
            members = [self.worker(**env) for _ in range(size)]
            while not over.wait(0.1):
                members = [m if m.process.poll() is None else self.worker(**env) for m in members]

        thread = threading.Thread(target=watch, name="crew")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def end_workers(self) -> None:
        """Kill all workers, frozen ones too, and forget that they ever lived."""
        for child in self._workers:
            child.process.kill()
            child.process.wait()
        self._workers.clear()
        with suppress(psycopg.Error):
            self.sql("DELETE FROM workers")

    def logs(self) -> str:
        """Everything that the API and the workers have written; the simulator tells its secret to all."""
        paths = [path for path in self._folder.glob("*.log") if not path.name.startswith("simulator")]
        return "\n".join(path.read_text(errors="replace") for path in paths)

    # --- the database -----------------------------------------------------------------------------------

    def sql(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows of a statement, as the superuser."""
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.database.admin_url, autocommit=True, row_factory=dict_row)
        cursor = self._admin.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def until(self, condition: Callable[[], Any], *, within: float = 30.0) -> Any:
        """What the condition gives once it is true of anything. Raises AssertionError when it never is."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            with suppress(psycopg.OperationalError, httpx.TransportError):
                if found := condition():
                    return found
            time.sleep(0.02)
        raise AssertionError(f"it did not happen within {within:.0f} seconds")

    # --- Microsoft --------------------------------------------------------------------------------------

    def graph_faults(self, *rules: dict[str, Any]) -> None:
        """Let calls to Graph go wrong; none without rules."""
        loopback.post(f"{self.simulator_url}/_simulator/faults", json=list(rules)).raise_for_status()

    def calm(self) -> None:
        """As at the beginning: no workers, no faults, nothing in the queue or the journal."""
        self.end_workers()
        self.graph_faults()
        loopback.delete(f"{self.simulator_url}/_simulator/journal").raise_for_status()
        self.sql("DELETE FROM huey_task")


def freeze(child: Child) -> None:
    child.process.send_signal(signal.SIGSTOP)


def thaw(child: Child) -> None:
    child.process.send_signal(signal.SIGCONT)


def is_frozen(child: Child) -> bool:
    """Whether the kernel says so."""
    status = Path(f"/proc/{child.process.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


def new_key() -> str:
    """An idempotency key."""
    return secrets.token_hex(8)


@contextmanager
def stage(database: TestDatabase, server: OwnServer | None = None) -> Iterator[Stage]:
    """A stage in a database, whose server may be restarted; ends with everything it started."""
    with children(quiet=True) as (family, folder):
        made = Stage(family, folder, database, server)
        try:
            yield made
        finally:
            made.close()
