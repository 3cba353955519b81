"""What a handler is given: the run, its tenant, and everything bound to them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import structlog

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.errors import OperationFailure
from atlas_gql.graph import GraphClient
from atlas_gql.ops import items
from atlas_gql.ops.apply import RestoreWriter
from atlas_gql.ops.backups import RunBackups
from atlas_gql.ops.children import Children
from atlas_gql.ops.control import RunReleased
from atlas_gql.ops.crash import AFTER_RESULT, crash_here
from atlas_gql.ops.documents import RunDocuments
from atlas_gql.ops.failures import classify
from atlas_gql.ops.graph import ReadOnlyGraph
from atlas_gql.ops.items import Item
from atlas_gql.ops.leases import Claim
from atlas_gql.ops.plugin_settings import RunSettings
from atlas_gql.ops.providers import RunProvider
from atlas_gql.ops.retries import Left
from atlas_gql.ops.run_log import Line, RunLog
from atlas_gql.ops.sending import SendingGraph
from atlas_gql.plugins.api import Run, Tenant
from atlas_gql.redaction import redact_text

Result = TypeVar("Result")
Thing = TypeVar("Thing")
Given = TypeVar("Given")

LATER = (timedelta(seconds=1), timedelta(hours=24))
"""For how long a handler may give its run back: at least, and at most."""
_OURS = frozenset({"event", "run", "operation", "tenant", "attempt"})
"""What every line of the worker's log says of a run, in Atlas's words."""


class Context:
    """`RunContext` of the plugin API."""

    def __init__(
        self,
        database: ScopedDatabase,
        claim: Claim,
        *,
        tenant: Tenant,
        graph: GraphClient,
        graph_writes: Sequence[str],
        writer: Callable[[], Awaitable[GraphClient]],
        restores: RestoreWriter,
        provider: RunProvider,
        executor: Executor,
        settings: RunSettings,
        left: Left,
        kept: RunLog,
        children: Children,
    ) -> None:
        self._database = database
        self._kept = kept
        self._claim = claim
        self._executor = executor
        self._settings = settings
        row = claim.row
        self.run = Run(
            id=claim.run_id,
            type=claim.type,
            attempt=claim.attempt,
            subject_id=row.subject_id,
            initiator=row.initiator_name,
        )
        self.tenant = tenant
        self.graph: GraphClient = (
            SendingGraph(graph, claim, declared=graph_writes, writer=writer, log=self.log)
            if graph_writes
            else ReadOnlyGraph(graph)
        )
        self.backups = RunBackups(database, claim, left)
        self.restores = restores
        self.provider = provider
        self.documents = RunDocuments(database, claim)
        self.start = children.start
        self.again = left.again
        self._settled = left.settled
        self._log = structlog.get_logger("atlas.plugin").bind(
            run=str(claim.run_id), operation=claim.type, tenant=str(claim.tenant_id), attempt=claim.attempt
        )

    async def settings(self, of: type[Given]) -> Given:
        return await self._settings.of(self._database, self._claim, of)

    async def total(self, count: int) -> None:
        await items.set_total(self._database, self._claim, count)

    async def succeeded(self, key: str, label: str = "", *, result: str | None = None) -> None:
        await self._record(Item(key=key, label=label or key, state=items.SUCCEEDED, result=result))

    async def failed(self, key: str, label: str, error: BaseException) -> None:
        failure = classify(error, self._claim.type)
        await self._record(Item(key=key, label=label or key, state=items.FAILED, failure=failure))

    async def skipped(self, key: str, label: str, error: OperationFailure) -> None:
        failure = classify(error, self._claim.type)
        await self._record(Item(key=key, label=label or key, state=items.SKIPPED, failure=failure))

    async def done(self) -> frozenset[str]:
        return await items.final_keys(self._database, self._claim.run_id) | self._settled

    async def check(self) -> None:
        await asyncio.sleep(0)
        items.stop_if_cancelled(self._claim)

    async def each(
        self, things: Iterable[Thing], work: Callable[[Thing], Awaitable[None]], *, at_once: int
    ) -> None:
        waiting = iter(things)
        stop: list[BaseException] = []

        async def take() -> None:
            for thing in waiting:
                try:
                    await work(thing)
                    await self.check()
                except asyncio.CancelledError:
                    raise
                except BaseException as exc:
                    stop.append(exc)
                if stop:
                    return

        await asyncio.gather(*(take() for _ in range(at_once)))
        if stop:
            raise stop[0]

    async def in_thread(self, function: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *args)

    async def later(self, after: timedelta) -> NoReturn:
        least, most = LATER
        if not least <= after <= most:
            raise ValueError("a run is given back for 1 second to 24 hours")
        raise RunReleased(after.total_seconds())

    def log(self, event: str, /, **values: Any) -> None:
        line = Line.of(event, values)
        self._kept.add(line)
        # A handler's own `run` is none of ours.
        named = {f"{name}_" if name in _OURS else name: value for name, value in line.data.items()}
        self._log.info(line.event, **named)

    async def _record(self, item: Item) -> None:
        item = replace(item, key=_shown(item.key))
        lines = self._kept.take()

        async def work(tx: Transaction) -> None:
            await items.record(tx, self._claim, [item])
            await self._kept.write(tx, lines)

        await self._database.step(work)
        crash_here(AFTER_RESULT)
        items.stop_if_cancelled(self._claim)


def _shown(key: str) -> str:
    """An item's key as it may be shown: one with a secret in it is told apart by its hash."""
    if redact_text(key) == key:
        return key
    return f"redacted-{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:16]}"
