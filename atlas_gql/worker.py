"""The worker process: Huey's consumer, one event loop that carries the runs, heartbeat and dispatcher.

A Huey thread is a slot: it takes a message, hands the run to the event loop and waits for it, so that
one HTTP client, one token cache and one database pool serve all runs of the process.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from huey.consumer import Consumer

from atlas_gql.db.database import Database
from atlas_gql.metrics import Meter
from atlas_gql.ops.carry import HANDLER
from atlas_gql.ops.dispatcher import Dispatcher
from atlas_gql.ops.heartbeat import Heartbeat
from atlas_gql.ops.listening import Listening, carried
from atlas_gql.ops.plugin_settings import RunSettings
from atlas_gql.ops.queue import Queue
from atlas_gql.ops.scheduler import Clock, Scheduler
from atlas_gql.ops.start import Starter
from atlas_gql.ops.together import Starts
from atlas_gql.ops.tracking import Limits, Tracker
from atlas_gql.ops.upkeep import Upkeep
from atlas_gql.plugins.loading import Loaded
from atlas_gql.providers.clients import Clients
from atlas_gql.providers.sealing import Sealer
from atlas_gql.settings import Settings

log = structlog.get_logger("atlas.worker")

GRACE = 10.0
"""Seconds that runs get to reach the end of an item when the worker stops; then they are interrupted."""
BLOCKING = "atlas-blocking"
"""How the threads are named in which handlers run blocking code."""


def worker_name() -> str:
    """Host, process and a random end: unique among all workers there ever were."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class _Consumer(Consumer):  # type: ignore[misc] # Huey ships no types
    """Huey's consumer inside a process that handles signals itself."""

    def _set_signal_handlers(self) -> None:
        """Nothing: the event loop has them."""


class Worker:
    """Everything that a worker process runs; start it on the loop that will carry the runs."""

    def __init__(
        self,
        settings: Settings,
        database_url: str,
        sealer: Sealer,
        plugins: Loaded,
        *,
        clock: Clock | None = None,
    ) -> None:
        """`clock` is what schedules go by; the database's own unless given."""
        operations = plugins.operations
        self._settings = settings
        self._name = worker_name()
        self._loop = asyncio.get_running_loop()
        self._futures: set[Future[None]] = set()
        self._carrying: set[asyncio.Task[Any]] = set()
        self._stopping = threading.Event()
        lease = timedelta(seconds=settings.lease_seconds)
        threads = settings.worker_threads
        # Listeners get as many places as there are threads, and connections for these.
        places = threads if plugins.listeners else 0
        self.database = Database(database_url, max_connections=threads * 3 + places * 2 + 4)
        self.meter = Meter()
        self._clients = Clients(
            self.database,
            sealer,
            simulator_url=settings.simulator_url,
            assertion_dir=settings.assertion_dir,
            observer=self.meter,
        )
        self._heartbeat = Heartbeat(database_url, lease=lease)
        self._executor = ThreadPoolExecutor(threads * 2, thread_name_prefix=BLOCKING)
        self._queue = Queue(database_url, sealer.derive("queue"), operations, self._carry)
        self._tracker = Tracker(
            self.database,
            operations,
            self._clients,
            self._heartbeat,
            limits=Limits(
                worker=self._name,
                lease=lease,
                per_tenant=settings.tenant_runs,
                plan_life=timedelta(hours=settings.plan_hours),
            ),
            executor=self._executor,
            settings=RunSettings(plugins.settings, sealer),
            meter=self.meter,
            listeners=carried(plugins.listeners),
        )
        self._dispatcher = Dispatcher(
            self.database,
            operations,
            self._queue.ring,
            worker=self._name,
            threads=threads,
            reap_every=min(10.0, settings.lease_seconds / 2),
            meter=self.meter,
            listeners=list(plugins.listeners),
        )
        self._listening = Listening(self.database, plugins.listeners, self._carry_on_loop, places=places)
        self._upkeep = Upkeep(self.database)
        ring = self._queue.ring
        self.scheduler = Scheduler(
            self.database,
            operations,
            Starts(self.database, Starter(self.database, ring), ring),
            clock=clock,
            meter=self.meter,
        )
        self._consumer = _Consumer(
            self._queue.huey, workers=threads, periodic=False, worker_type="thread", shutdown_timeout=GRACE
        )
        self._operations = operations
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.database.open()
        await self._dispatcher.register()
        self._heartbeat.start(self._loop)
        self._tasks.append(asyncio.create_task(self._dispatcher.run(), name="dispatcher"))
        self._tasks.append(asyncio.create_task(self._listening.run(), name="listening"))
        self._tasks.append(asyncio.create_task(self._upkeep.run(), name="upkeep"))
        self._tasks.append(asyncio.create_task(self.scheduler.run(), name="scheduler"))
        await asyncio.to_thread(self._consumer.start)
        log.info(
            "worker ready",
            worker=self._name,
            threads=self._settings.worker_threads,
            operations=", ".join(self._operations) or "none",
        )

    def trouble(self) -> str | None:
        """Why this worker takes up no runs at the moment; None when it does."""
        if self._stopping.is_set():
            return "stopping"
        if not self._tasks or any(task.done() for task in self._tasks):
            return "the dispatcher, the listening, the upkeep or the scheduler does not run"
        if not all(thread.is_alive() for _, thread in self._consumer.worker_threads):
            return "a thread of the queue has ended"
        return None

    async def stop(self) -> None:
        """Take no more runs, give those under way back to the queue, and close everything."""
        self._stopping.set()
        self._listening.close()
        for held in self._heartbeat.held():
            held.released = True
        waiting = [*map(asyncio.wrap_future, list(self._futures)), *self._listening.carrying]
        if waiting:
            await asyncio.wait(waiting, timeout=GRACE)
        for future in list(self._futures):
            future.cancel()
        for task in list(self._listening.carrying):
            task.cancel()
        if self._carrying:
            # Their threads wait no longer; what is interrupted still gives its run back.
            await asyncio.wait(self._carrying, timeout=GRACE)
        await asyncio.to_thread(self._consumer.stop, True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave()
        await asyncio.to_thread(self._queue.close)
        await self._clients.close()
        # Last: until here the leases of what was under way were kept.
        await asyncio.to_thread(self._heartbeat.stop)
        self._executor.shutdown(wait=False, cancel_futures=True)
        await self.database.close()
        log.info("worker stopped", worker=self._name)

    def left_behind(self) -> bool:
        """Whether, after the stop, a plugin left what does not end: a deaf handler, or a blocked thread."""
        return any(task.get_name().startswith(HANDLER) for task in asyncio.all_tasks()) or any(
            thread.name.startswith(BLOCKING) for thread in threading.enumerate()
        )

    async def _leave(self) -> None:
        try:
            await self._dispatcher.leave()
        except (psycopg.Error, TimeoutError) as exc:
            log.warning("could not say goodbye", error=type(exc).__name__)

    def _carry(self, run_id: str) -> None:
        """On a Huey thread: carry the run on the event loop, and wait for it."""
        if self._stopping.is_set():
            return
        future = asyncio.run_coroutine_threadsafe(self._carry_on_loop(UUID(run_id)), self._loop)
        self._futures.add(future)
        try:
            future.result()
        except CancelledError:
            log.info("run interrupted by shutdown", run=run_id)
        finally:
            self._futures.discard(future)

    async def _carry_on_loop(self, run_id: UUID) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            await self._tracker.carry(run_id)
        except Exception as exc:
            # The row still says that the run is queued or leased: it is rung for, or reaped, again.
            log.exception("run could not be carried", run=str(run_id), exc_info=exc)
        finally:
            self._carrying.discard(task)
            self._dispatcher.wake()
            self._listening.wake()


@asynccontextmanager
async def running_worker(
    settings: Settings, database_url: str, sealer: Sealer, plugins: Loaded, *, clock: Clock | None = None
) -> AsyncIterator[Worker]:
    """A worker for as long as the context lasts; `clock` is what schedules go by."""
    worker = Worker(settings, database_url, sealer, plugins, clock=clock)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()
