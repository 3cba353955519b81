"""A tenant's client: kept while nothing about it changes, replaced when something does, and then let go."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from atlas_gql.access.tenants import create_tenant
from atlas_gql.access.workspaces import create_workspace
from atlas_gql.audit import COMMAND
from atlas_gql.db.database import ENGINE, Database
from atlas_gql.errors import ConfigurationError, GraphError
from atlas_gql.graph import Clock, NullGraphClient
from atlas_gql.providers import material
from atlas_gql.providers.clients import KEPT, Clients
from atlas_gql.providers.credentials import create_credential, rotate_credential
from atlas_gql.providers.providers import create_provider, delete_provider, update_provider
from atlas_gql.providers.resealing import reseal
from atlas_gql.providers.sealing import Sealer, generate_key

OLD, NEW = generate_key(), generate_key()
SEALER = Sealer.from_text(OLD)
CLIENT, OTHER_CLIENT = str(uuid4()), str(uuid4())


class Stage:
    """A tenant with a provider, and the clients of a worker."""

    def __init__(self, database: Database, clients: Clients) -> None:
        self.database, self.clients = database, clients
        self.tenant = self.credential = self.provider = UUID(int=0)

    async def make(self, cloud: str = "global") -> None:
        async with self.database.scope(ENGINE).begin() as tx:
            workspace = await create_workspace(tx, COMMAND, name=str(uuid4()))
            self.tenant = await create_tenant(
                tx, COMMAND, workspace_id=workspace, name="T", entra_tenant_id=str(uuid4()),
                primary_domain="t.example",
            )  # fmt: skip
            self.credential, self.writing = [
                await create_credential(
                    tx,
                    COMMAND,
                    SEALER,
                    workspace_id=workspace,
                    name=name,
                    material=material.secret(f"{name}~"),
                )
                for name in ("one", "two")
            ]
            self.provider = await create_provider(
                tx, COMMAND, tenant_id=self.tenant, cloud=cloud, client_id=CLIENT,
                credential_id=self.credential, writes_enabled=True,
            )  # fmt: skip

    async def rotate(self) -> None:
        async with self.database.scope(ENGINE).begin() as tx:
            await rotate_credential(
                tx,
                COMMAND,
                SEALER,
                credential_id=self.credential,
                material=material.secret(str(uuid4()) + "~"),
            )

    async def update(self, **changes: Any) -> None:
        async with self.database.scope(ENGINE).begin() as tx:
            await update_provider(tx, COMMAND, provider_id=self.provider, changes=changes)  # type: ignore[arg-type]

    async def client(self, *, writing: bool = False) -> Any:
        return await self.clients.client(self.tenant, scope=ENGINE, writing=writing)


@pytest.fixture
def staged(database_url: str) -> Callable[..., Any]:
    """A function that runs a scene on a stage."""

    def run(scene: Callable[[Stage], Awaitable[Any]], *, cloud: str = "global", **given: Any) -> Any:
        async def play() -> Any:
            async with stage(database_url, **given) as made:
                await made.make(cloud)
                return await scene(made)

        return asyncio.run(play())

    return run


@asynccontextmanager
async def stage(url: str, *, sealer: Sealer = SEALER, **given: Any) -> AsyncIterator[Stage]:
    database = Database(url, max_connections=1)
    await database.open()
    clients = Clients(database, sealer, **{"simulator_url": None, **given})
    try:
        yield Stage(database, clients)
    finally:
        await clients.close()
        await database.close()


def test_a_client_is_shared_until_its_credential_is_rotated_and_is_then_let_go(staged) -> None:
    async def scene(stage: Stage) -> None:
        first = await stage.client()
        assert await stage.client() is first
        assert await stage.client(writing=True) is first, "one token serves both"
        gone = weakref.ref(first)
        await stage.rotate()
        second = await stage.client()
        assert second is not first
        del first
        gc.collect()
        assert gone() is None, "the old secret stays in memory"

    staged(scene)


@pytest.mark.parametrize(
    "changes",
    [{"cloud": "china"}, {"client_id": OTHER_CLIENT}],
    ids=["cloud", "client id"],
)
def test_a_change_of_the_provider_makes_another_client(staged, changes: dict[str, Any]) -> None:
    async def scene(stage: Stage) -> bool:
        first = await stage.client()
        await stage.update(**changes)
        return await stage.client() is first

    assert staged(scene) is False


def test_a_write_credential_is_for_writing_alone(staged) -> None:
    async def scene(stage: Stage) -> list[bool]:
        reading = await stage.client()
        await stage.update(write_credential_id=stage.writing)
        writing = await stage.client(writing=True)
        await stage.update(write_client_id=OTHER_CLIENT)
        another = await stage.client(writing=True)
        return [await stage.client() is reading, writing is reading, another is writing]

    assert staged(scene) == [True, False, False]


def test_a_client_that_nobody_asks_for_is_let_go_after_a_while(staged) -> None:
    now = [0.0]

    async def scene(stage: Stage) -> list[bool]:
        gone = weakref.ref(await stage.client())
        now[0] += KEPT - 1
        same = await stage.client() is gone()
        now[0] += KEPT - 1
        await stage.clients.client(uuid4(), scope=ENGINE)
        gc.collect()
        kept = gone() is not None
        now[0] += 2
        await stage.clients.client(uuid4(), scope=ENGINE)
        gc.collect()
        return [same, kept, gone() is None]

    assert staged(scene, clock=Clock(monotonic=lambda: now[0])) == [True, True, True]


def test_sealing_anew_changes_nothing_for_who_uses_a_credential(staged) -> None:
    rotating = Sealer.from_text(f"{NEW},{OLD}")

    async def scene(stage: Stage) -> bool:
        first = await stage.client()
        await reseal(stage.database, COMMAND, rotating, lambda *_: None)
        return await stage.client() is first

    assert staged(scene, sealer=rotating) is True


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        pytest.param("deleted", "has no provider", id="deleted"),
        pytest.param("writes off", "Writes are not enabled", id="writes-off"),
        pytest.param("lost key", "cannot be opened with the configured keys", id="lost-key"),
        pytest.param("no simulator", "ATLAS_SIMULATOR_URL is not set", id="no-simulator"),
    ],
)
def test_a_client_that_cannot_be_says_what_is_missing(staged, scene: str, words: str) -> None:
    async def play(stage: Stage) -> str:
        if scene == "deleted":
            async with stage.database.scope(ENGINE).begin() as tx:
                await delete_provider(tx, COMMAND, provider_id=stage.provider)
        if scene == "writes off":
            await stage.update(writes_enabled=False)
        client = await stage.client(writing=True)
        assert isinstance(client, NullGraphClient)
        with pytest.raises(GraphError) as caught:
            await client.filters()
        return caught.value.message

    other = {"sealer": Sealer.from_text(NEW)} if scene == "lost key" else {}
    cloud = "simulator" if scene == "no simulator" else "global"
    assert words in staged(play, cloud=cloud, **other)


class Proxy:
    """A proxy that refuses everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        self.asked.append(line.decode().split()[1])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.mark.parametrize(
    ("cloud", "asked"),
    [
        pytest.param("global", ["login.microsoftonline.com:443"], id="microsoft"),
        pytest.param("simulator", [], id="simulator"),
    ],
)
def test_the_environments_proxies_lead_to_microsoft_and_never_to_a_simulator(
    database_url: str, monkeypatch: pytest.MonkeyPatch, cloud: str, asked: list[str]
) -> None:
    async def run() -> tuple[list[str], str]:
        proxy = Proxy()
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
            monkeypatch.delenv(name.lower(), raising=False)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with server, stage(database_url, simulator_url="http://127.0.0.1:9") as made:
            await made.make(cloud)
            client = await made.client()
            with pytest.raises(GraphError) as caught:
                await client._transport._tokens.token()
            return proxy.asked, caught.value.reason_code
        raise AssertionError

    assert asyncio.run(run()) == (asked, "DEPENDENCY_UNREACHABLE")


def test_a_proxy_that_cannot_be_used_is_told_at_the_start_without_its_password(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:hidden@proxy.example:70")

    async def run() -> None:
        async with stage(database_url):
            pass

    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        asyncio.run(run())
    assert "hidden" not in caught.value.message
