"""What a handler is given: the run, its tenant, and everything bound to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar

import structlog

from atlas_gql.db.database import ScopedDatabase
from atlas_gql.errors import OperationFailure
from atlas_gql.graph import GraphClient
from atlas_gql.ops import items
from atlas_gql.ops.apply import RestoreWriter
from atlas_gql.ops.backups import RunBackups
from atlas_gql.ops.crash import AFTER_RESULT, crash_here
from atlas_gql.ops.documents import RunDocuments
from atlas_gql.ops.failures import classify
from atlas_gql.ops.graph import ReadOnlyGraph
from atlas_gql.ops.items import Item
from atlas_gql.ops.leases import Claim
from atlas_gql.ops.plugin_settings import RunSettings
from atlas_gql.ops.providers import RunProvider
from atlas_gql.ops.retries import Left
from atlas_gql.plugins.api import Run, Tenant

Result = TypeVar("Result")
Thing = TypeVar("Thing")
Given = TypeVar("Given")


class Context:
    """`RunContext` of the plugin API."""

    def __init__(
        self,
        database: ScopedDatabase,
        claim: Claim,
        *,
        tenant: Tenant,
        graph: GraphClient,
        restores: RestoreWriter,
        provider: RunProvider,
        executor: Executor,
        settings: RunSettings,
        left: Left,
    ) -> None:
        self._database = database
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
        self.graph: GraphClient = ReadOnlyGraph(graph)
        self.backups = RunBackups(database, claim, left)
        self.restores = restores
        self.provider = provider
        self.documents = RunDocuments(database, claim)
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

    def log(self, event: str, **values: Any) -> None:
        self._log.info(event, **values)

    async def _record(self, item: Item) -> None:
        await self._database.step(lambda tx: items.record(tx, self._claim, [item]))
        crash_here(AFTER_RESULT)
        items.stop_if_cancelled(self._claim)
