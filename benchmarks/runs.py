"""What a run costs: `make bench-runs`.

Everything is measured in one go on one database, and compared within it. CPU is the worker process's
own user and system time; the database's is not in it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import insert

from atlas_gql.access import tokens
from atlas_gql.access.actors import Actor
from atlas_gql.children import children
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import memberships, tenants, users, workspaces
from atlas_gql.ops.engine import Engine
from atlas_gql.ops.queue import Queue
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.testing.postgres import fresh_database
from processes import cpu_of
from runs_worker import ITEMS, OPERATIONS, Nothing, bare_huey

BARE, EMPTY, WITH_ITEMS, LATENCIES, STARTS = 1000, 300, 20, 60, 500


@contextmanager
def worker(kind: str, url: str, key: str) -> Iterator[int]:
    """The pid of a worker that is ready."""
    with children(quiet=True) as (family, folder):
        ready = folder / "ready"
        child = family.script(Path(__file__).with_name("runs_worker.py"), kind, url, key, str(ready))
        family.url_of(child, ready)
        time.sleep(0.5)
        yield child.process.pid


def wait_for(admin_url: str, query: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        while connection.execute(query.encode()).fetchone() != (0,):
            time.sleep(0.02)


def bare_cpu(url: str, admin_url: str, key: str) -> float:
    """Seconds of CPU per task of Huey alone."""
    huey, task = bare_huey(url)
    with worker("bare", url, key) as pid:
        before = cpu_of(pid)
        for _ in range(BARE):
            huey.enqueue(task.s())
        wait_for(admin_url, "SELECT count(*) FROM huey_task WHERE queue = 'bare'")
        time.sleep(0.2)
        used = cpu_of(pid) - before
    huey.storage.close()
    return used / BARE


class Starts:
    """Starts runs as the web process does."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self.database = Database(url, max_connections=8)
        self.queue = Queue(url, sealer.derive("queue"), OPERATIONS, lambda _run: None)
        self.engine = Engine(self.database, OPERATIONS, self.queue.ring)

    async def open(self) -> None:
        await self.database.open()
        self.workspace, self.tenant, user = new_id(), new_id(), new_id()
        async with self.database.scope(ENGINE).begin() as tx:
            await tx.execute(insert(workspaces).values(id=self.workspace, name="bench"))
            await tx.execute(insert(users).values(id=user, name="bench"))
            await tx.execute(
                insert(memberships).values(workspace_id=self.workspace, user_id=user, role="owner")
            )
            await tx.execute(
                insert(tenants).values(
                    id=self.tenant,
                    workspace_id=self.workspace,
                    name="bench",
                    entra_tenant_id=uuid4(),
                    primary_domain="bench.example",
                )
            )
            token = await tokens.create(
                tx,
                user_id=user,
                name="bench",
                plane="workspace",
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            )
        actor = await tokens.authenticate(self.database, token)
        assert actor is not None
        self.actor: Actor = actor

    async def start(self, type_: str, n: int) -> UUID:
        started = await self.engine.start(
            self.actor,
            OPERATIONS[type_],
            tenant_id=self.tenant,
            workspace_id=self.workspace,
            given=Nothing(n=n),
            idempotency_key=None,
            request_id="bench",
        )
        return started.run_id

    async def close(self) -> None:
        await asyncio.to_thread(self.queue.close)
        await self.database.close()


UNFINISHED = "SELECT count(*) FROM operation_runs WHERE status <> 'completed'"


async def tracked(starts: Starts, pid: int, admin_url: str, type_: str, count: int) -> float:
    """Seconds of worker CPU per run."""
    before = cpu_of(pid)
    for n in range(count):
        await starts.start(type_, n)
    await asyncio.to_thread(wait_for, admin_url, UNFINISHED)
    await asyncio.sleep(0.2)
    return (cpu_of(pid) - before) / count


async def latencies(starts: Starts, admin_url: str) -> list[float]:
    """Milliseconds from the start's commit to the claim, one run at a time on an idle worker."""
    ids = []
    for n in range(LATENCIES):
        ids.append(await starts.start("bench.empty", 10_000 + n))
        await asyncio.to_thread(wait_for, admin_url, UNFINISHED)
        await asyncio.sleep(0.02)
    async with await psycopg.AsyncConnection.connect(admin_url) as connection:
        rows = await connection.execute(
            "SELECT extract(epoch FROM started_at - created_at) * 1000 FROM operation_runs"
            " WHERE id = ANY (%s)",
            (ids,),
        )
        return sorted(float(row[0]) for row in await rows.fetchall())


async def measure(url: str, admin_url: str, key: str) -> dict[str, Any]:
    starts = Starts(url, Sealer.from_text(key))
    await starts.open()
    with worker("tracked", url, key) as pid:
        idle = await latencies(starts, admin_url)
        empty = await tracked(starts, pid, admin_url, "bench.empty", EMPTY)
        with_items = await tracked(starts, pid, admin_url, "bench.items", WITH_ITEMS)
    before = time.perf_counter()
    for n in range(STARTS):
        await starts.start("bench.empty", 20_000 + n)
    per_second = STARTS / (time.perf_counter() - before)
    await starts.close()
    return {"idle": idle, "empty": empty, "items": with_items, "starts": per_second}


def main() -> None:
    folder = Path(__file__).parent.parent / ".atlas" / "bench-postgres"
    key = generate_key()
    with fresh_database(folder) as database:
        bare = bare_cpu(database.url, database.admin_url, key)
        seen = asyncio.run(measure(database.url, database.admin_url, key))
    idle, empty, per_item = seen["idle"], seen["empty"], (seen["items"] - seen["empty"]) / ITEMS
    p95 = statistics.quantiles(idle, n=20)[-1]
    rows = [
        ("bare Huey task, worker CPU", f"{bare * 1e3:.2f} ms", "1.0", ""),
        ("empty run, worker CPU", f"{empty * 1e3:.2f} ms", f"{empty / bare:.1f}", "< 10 ms beyond bare"),
        (
            f"run with {ITEMS} items, worker CPU",
            f"{seen['items'] * 1e3:.1f} ms",
            f"{seen['items'] / bare:.0f}",
            "",
        ),
        ("one item of it, worker CPU", f"{per_item * 1e3:.2f} ms", f"{per_item / bare:.1f}", "< 1.5 ms"),
        ("starts, one after the other", f"{seen['starts']:.0f} /s", "", ""),
        ("start to claim, idle: median", f"{statistics.median(idle):.1f} ms", "", ""),
        ("start to claim, idle: p95", f"{p95:.1f} ms", "", "< 50 ms"),
    ]
    print(f"{'what':36} {'measured':>12} {'x bare':>8}  target")
    for what, value, ratio, target in rows:
        print(f"{what:36} {value:>12} {ratio:>8}  {target}")


if __name__ == "__main__":
    main()
