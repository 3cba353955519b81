"""A worker process to be measured: `bare` is Huey alone, `tracked` is Atlas with two operations."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from huey import PostgresHuey
from huey.consumer import Consumer
from psycopg.conninfo import make_conninfo

from atlas_gql import logs
from atlas_gql.app import until_signalled
from atlas_gql.children import follow_parent, write_url
from atlas_gql.db.database import AS_ENGINE
from atlas_gql.ops import items
from atlas_gql.ops.items import Item
from atlas_gql.plugins import Operation, RunContext, new
from atlas_gql.plugins.loading import Loaded
from atlas_gql.providers.sealing import Sealer
from atlas_gql.settings import Settings
from atlas_gql.worker import running_worker

ITEMS = 100


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Tells one start from another."""

    n: int = 0


async def empty(_ctx: RunContext, _given: Nothing) -> None:
    """Does nothing."""


async def restore_like(ctx: Any, _given: Nothing) -> None:
    """What a restore writes per item: an intent and a result, each durable in a transaction of its own."""
    await ctx.total(ITEMS)
    for number in range(ITEMS):
        for state in (items.INTENT, items.SUCCEEDED):
            async with ctx._database.begin() as tx:
                await items.record(tx, ctx._claim, [Item(key=str(number), label="item", state=state)])
        await ctx.check()


def operation(verb: str, handler: Any) -> Operation[Any]:
    return Operation(
        type=f"bench.{verb}",
        mutation=f"bench{verb.title()}",
        label=verb,
        description="Measured.",
        input=Nothing,
        target=new(),
        capability="policies.view",
        handler=handler,
    )


OPERATIONS = {o.type: o for o in (operation("empty", empty), operation("items", restore_like))}


def bare_huey(url: str) -> tuple[PostgresHuey, Any]:
    """Huey on the same database with a task that does nothing."""
    dsn = make_conninfo(url, options=AS_ENGINE)
    huey = PostgresHuey("bare", dsn=dsn, create_tables=False, results=False)

    def nothing() -> None:
        """Does nothing."""

    nothing.__module__ = "bench"  # the same task in both processes
    return huey, huey.task(name="nothing")(nothing)


def main() -> None:
    follow_parent()
    kind, url, key, ready = sys.argv[1:5]
    logs.configure(format_="json", level="info")  # as in production, lines and all
    if kind == "bare":
        huey, _ = bare_huey(url)

        class Quiet(Consumer):  # type: ignore[misc] # Huey ships no types
            def _set_signal_handlers(self) -> None:
                """The parent ends this process."""

        Quiet(huey, workers=4, periodic=False).start()
        write_url(Path(ready), "ready")
        threading.Event().wait()

    async def run() -> None:
        settings = Settings(tenant_runs=64)
        async with running_worker(settings, url, Sealer.from_text(key), Loaded(operations=OPERATIONS)):
            write_url(Path(ready), "ready")
            await until_signalled()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
