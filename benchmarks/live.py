"""What watchers cost a web process: `make bench-live`.

`atlas serve` is a process of its own; 1,000 subscriptions of ten tokens are opened over 20 sockets. First
nothing happens, then one run changes again and again. CPU is the web process's user and system time.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import uvloop
from sqlalchemy import insert
from websockets.asyncio.client import ClientConnection, connect

from atlas_gql.access import tokens
from atlas_gql.children import children
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import memberships, tenants, users, workspaces
from atlas_gql.providers.sealing import generate_key
from atlas_gql.schema import ids
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from runs import cpu_of

TOKENS, SOCKETS, OF_SOCKET, IDLE, CHANGES = 10, 20, 50, 20.0, 20
WATCH = """
subscription($id: ID!) {
  runsChanged(workspaceId: $id) { eventCursor runs { id status counters { processed } } }
}
"""
RUN = """
INSERT INTO operation_runs (id, tenant_id, workspace_id, type, target, input_hash, writes, status,
    lease_until, total, initiator_kind, initiator_name)
VALUES (%s, %s, %s, 'bench.live', '', '', false, 'running', '2100-01-01', 1000, 'user', 'bench')
"""


def memory_of(pid: int) -> float:
    """Megabytes that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def make(database: Database, workspace: Any, tenant: Any) -> list[str]:
    """A workspace with a tenant, and tokens of its owner."""
    user, expires = new_id(), datetime.now(UTC) + timedelta(hours=1)
    async with database.scope(ENGINE).begin() as tx:
        await tx.execute(insert(workspaces).values(id=workspace, name="bench"))
        await tx.execute(insert(users).values(id=user, name="bench"))
        await tx.execute(insert(memberships).values(workspace_id=workspace, user_id=user, role="owner"))
        await tx.execute(
            insert(tenants).values(
                id=tenant,
                workspace_id=workspace,
                name="bench",
                entra_tenant_id=uuid4(),
                primary_domain="bench.example",
            )
        )
        return [
            await tokens.create(tx, user_id=user, name=f"bench {n}", plane="workspace", expires_at=expires)
            for n in range(TOKENS)
        ]


async def opened(url: str, token: str, workspace: Any, stack: AsyncExitStack) -> ClientConnection:
    """A socket with all its subscriptions, each of which has said where it begins."""
    socket = await stack.enter_async_context(
        connect(
            f"{url.replace('http', 'ws', 1)}/graphql",
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item] # a subtype of str
            proxy=None,
            compression=None,
        )
    )
    await socket.send(
        json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
    )
    await socket.recv()
    payload = {"query": WATCH, "variables": {"id": ids.encode("Workspace", workspace)}}
    for n in range(OF_SOCKET):
        await socket.send(json.dumps({"type": "subscribe", "id": str(n), "payload": payload}))
    for _ in range(OF_SOCKET):
        assert json.loads(await socket.recv())["type"] == "next"
    return socket


async def all_told(sockets: list[ClientConnection]) -> None:
    async def told(socket: ClientConnection) -> None:
        for _ in range(OF_SOCKET):
            await socket.recv()

    await asyncio.gather(*map(told, sockets))


async def measure(database_: TestDatabase, url: str, pid: int) -> dict[str, float]:
    workspace, tenant, run = new_id(), new_id(), new_id()
    database = Database(database_.url, max_connections=2)
    await database.open()
    shown = await make(database, workspace, tenant)
    await database.close()
    admin = psycopg.connect(database_.admin_url, autocommit=True)
    admin.execute(RUN, (run, tenant, workspace))
    async with AsyncExitStack() as stack:
        memory = memory_of(pid)
        sockets = [await opened(url, shown[n % TOKENS], workspace, stack) for n in range(SOCKETS)]
        held = memory_of(pid) - memory
        await asyncio.sleep(2)
        before = cpu_of(pid)
        await asyncio.sleep(IDLE)
        idle = (cpu_of(pid) - before) / IDLE
        waits, before = [], cpu_of(pid)
        for processed in range(1, CHANGES + 1):
            await asyncio.sleep(0.6)
            begun = time.perf_counter()
            admin.execute("UPDATE operation_runs SET processed = %s WHERE id = %s", (processed, run))
            await all_told(sockets)
            waits.append(time.perf_counter() - begun)
        fanned = (cpu_of(pid) - before) / CHANGES
    admin.close()
    return {"held": held, "idle": idle, "fanned": fanned, "wait": statistics.median(waits)}


def main() -> None:
    folder = Path(__file__).parent.parent / ".atlas" / "bench-postgres"
    with fresh_database(folder) as database, children(quiet=True) as (family, files):
        env = {"ATLAS_DATABASE_URL": database.url, "ATLAS_SECRET_KEY": generate_key()}
        api = family.start("serve", "--port", "0", "--url-file", str(files / "api.url"), env=env)
        url = family.url_of(api, files / "api.url")
        seen = uvloop.run(measure(database, url, api.process.pid))
    count = SOCKETS * OF_SOCKET
    print(f"{count} subscriptions of {TOKENS} tokens over {SOCKETS} sockets, one web process")
    for what, value in (
        ("idle, CPU of one core", f"{seen['idle'] * 100:.2f} %"),
        ("memory of one subscription", f"{seen['held'] * 1e3 / count:.0f} KB"),
        ("one change told to all, CPU", f"{seen['fanned'] * 1e3:.0f} ms"),
        ("one change told to one of them, CPU", f"{seen['fanned'] * 1e3 / count:.2f} ms"),
        ("commit to the last of them, median", f"{seen['wait'] * 1e3:.0f} ms"),
    ):
        print(f"{what:38} {value:>10}")


if __name__ == "__main__":
    main()
