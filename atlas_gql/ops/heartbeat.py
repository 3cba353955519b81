"""Keeping claims alive, from a thread and a connection of their own.

A handler that blocks the event loop must not cost its neighbours their leases, and a process that
cannot tell whether it still holds a lease must not write. Each claim therefore carries a deadline on
the boot clock, taken before the beat that renewed it: past it, the claim no longer counts as held, even
when the database cannot be asked.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog

from atlas_gql.db.database import AS_ENGINE, KEEPALIVES
from atlas_gql.ops.leases import CANCELS, RENEW, Claim, boot_clock

log = structlog.get_logger("atlas.heartbeat")


class Heartbeat:
    """Renews every claim of this process each third of a lease, and watches the event loop.

    `on_stuck` is called, from the heartbeat's thread, when the loop has not answered for `patience`
    seconds (half a lease unless given, 2 at least); the default writes all stacks to stderr and ends the
    process, so that the leases run out and other workers take the runs over.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: timedelta,
        patience: float | None = None,
        on_stuck: Callable[[], None] | None = None,
    ) -> None:
        self._url = url
        self._lease = lease
        self._every = lease.total_seconds() / 3
        self._patience = max(2.0, lease.total_seconds() / 2) if patience is None else patience
        self._on_stuck = on_stuck or _end_process
        self._claims: dict[UUID, Claim] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answered = self._looked = boot_clock()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="atlas-heartbeat", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answered = self._looked = boot_clock()
        self._thread.start()

    def stop(self) -> None:
        """Stop beating; claims that are still held run out by themselves."""
        self._stop.set()
        self._thread.join(timeout=10)
        if self._connection is not None:
            self._connection.close()

    def add(self, held: Claim) -> None:
        with self._lock:
            self._claims[held.run_id] = held

    def remove(self, held: Claim) -> None:
        with self._lock:
            if self._claims.get(held.run_id) is held:
                del self._claims[held.run_id]

    def held(self) -> list[Claim]:
        with self._lock:
            return list(self._claims.values())

    def _run(self) -> None:
        next_beat = boot_clock()
        while not self._stop.wait(min(1.0, self._every / 2)):
            self._watch_loop()
            if boot_clock() >= next_beat:
                next_beat = boot_clock() + self._every
                if not self._asked(self._beat):
                    next_beat = boot_clock() + 1.0
            else:
                # Whoever cancels should not wait for the next beat.
                self._asked(self._hear_cancels)

    def _watch_loop(self) -> None:
        assert self._loop is not None
        now = boot_clock()
        if now - self._looked > self._patience / 2:
            # The whole process slept, or a beat took long: that the loop is silent says nothing yet.
            self._answered = now
        self._looked = now
        if now - self._answered > self._patience:
            log.error("the event loop does not answer", seconds=round(now - self._answered, 1))
            self._stop.set()
            self._on_stuck()
            return
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:
            self._stop.set()  # the loop is closed: the process is ending

    def _answer(self) -> None:
        self._answered = boot_clock()

    def _asked(self, ask: Callable[[psycopg.Connection[Any], list[Claim]], None]) -> bool:
        """Ask the database about the claims held; False when it could not be asked, and soon should be."""
        held = self.held()
        if not held:
            return True
        try:
            ask(self._connected(), held)
        except psycopg.Error as exc:
            log.warning("heartbeat failed", error=type(exc).__name__)
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return False
        return True

    def _beat(self, connection: psycopg.Connection[Any], held: list[Claim]) -> None:
        """Renew all claims."""
        before = boot_clock()
        parameters = {
            "ttl": self._lease,
            "ids": [one.run_id for one in held],
            "attempts": [one.attempt for one in held],
        }
        alive = dict(connection.execute(RENEW, parameters).fetchall())
        for one in held:
            if one.run_id not in alive:
                one.lost = True
            else:
                one.deadline = before + self._lease.total_seconds()
                one.cancelled = one.cancelled or alive[one.run_id]

    def _hear_cancels(self, connection: psycopg.Connection[Any], held: list[Claim]) -> None:
        asked = {row[0] for row in connection.execute(CANCELS, {"ids": [one.run_id for one in held]})}
        for one in held:
            one.cancelled = one.cancelled or one.run_id in asked

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=5,
                options=f"-c statement_timeout=5s -c lock_timeout=3s {AS_ENGINE}",
                application_name="atlas heartbeat",
                **KEEPALIVES,  # type: ignore[arg-type] # libpq takes them as they are
            )
        return self._connection


def _end_process() -> None:
    faulthandler.dump_traceback(file=sys.stderr)
    os._exit(70)
