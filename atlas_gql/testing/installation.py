"""A whole installation inside a test: the API on HTTP, a worker, a database and a simulator.

    with installation(database) as atlas:
        place = atlas.new_place()
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
        assert run["outcome"] == "SUCCEEDED"

Everything is real but Microsoft: PostgreSQL, Huey, uvicorn, the plugins.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
import uvloop
from sqlalchemy import insert

from atlas_gql import simulator as simulators
from atlas_gql.access import capabilities as access
from atlas_gql.access import tokens
from atlas_gql.app import Server, listen, running_app, url_of
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import (
    credentials,
    memberships,
    providers,
    tenant_grants,
    tenants,
    users,
    workspaces,
)
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.contracts import offer
from atlas_gql.ops.scheduler import Clock
from atlas_gql.plugins import details
from atlas_gql.plugins.api import Operation
from atlas_gql.plugins.loading import Loaded, discover, load_plugins
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.schema import ids
from atlas_gql.schema.offering import misfit
from atlas_gql.settings import Settings
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT, Running
from atlas_gql.testing import tripwire
from atlas_gql.testing.faults import Graph
from atlas_gql.testing.postgres import TestDatabase
from atlas_gql.testing.staging import Stage
from atlas_gql.worker import Worker, running_worker

T = TypeVar("T")
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For requests to loopback: reading the system's certificates would take longer than all the rest."""

STATUS = "query Status($id: ID!) { node(id: $id) { ... on OperationRun { status } } }"
RUN = """
query Run($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      id uuid type status outcome attempt
      counters { total processed failed skipped }
      failures { code reasonCode reasonDetail message item { label result } }
      subject { id __typename }
      auditEntries { nodes { action outcome reason } }
    }
  }
}
"""


NO_PLUGINS = Loaded()


class Installation:
    """A running installation; made by `installation`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        url: str,
        database: Database,
        sealer: Sealer,
        simulator: Running,
        worker: Worker | None,
        plugins: Loaded = NO_PLUGINS,
        stage: Stage | None = None,
    ) -> None:
        self._loop = loop
        self.worker = worker
        self.url = url
        self.database = database
        self.sealer = sealer
        self.simulator = simulator
        self.plugins = plugins
        self.stage = stage
        self._http = httpx.Client(
            base_url=url,
            verify=PLAIN,
            trust_env=False,
            timeout=30,
            limits=httpx.Limits(keepalive_expiry=2),  # sooner than the server gives a connection up
        )

        self.graph = Graph(simulator, self._http)

    def close(self) -> None:
        """Give up the connections to the API."""
        self._http.close()

    def call(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do something in a transaction of the engine, on the installation's event loop."""

        async def run() -> T:
            async with self.database.scope(ENGINE).begin() as tx:
                return await work(tx)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def post(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        token: str | None,
        path: str = "/graphql",
    ) -> httpx.Response:
        """One GraphQL request, with whatever comes back."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables or {}}
        # Where this installation is asked now: tests put another API in its place.
        return self._http.post(self.url + path, json=body, headers=headers)

    def new_place(self, *, writes_enabled: bool = True, provider: bool = True) -> Place:
        """A workspace with the demo tenant in it, and an owner's token."""
        workspace, tenant, user = new_id(), new_id(), new_id()

        async def make(tx: Transaction) -> str:
            await tx.execute(insert(workspaces).values(id=workspace, name=f"workspace {workspace}"))
            await tx.execute(insert(users).values(id=user, name=f"owner {user}"))
            await tx.execute(insert(memberships).values(workspace_id=workspace, user_id=user, role="owner"))
            await tx.execute(
                insert(tenants).values(
                    id=tenant,
                    workspace_id=workspace,
                    name=DEMO_TENANT.name,
                    entra_tenant_id=UUID(DEMO_TENANT.id),
                    primary_domain=DEMO_TENANT.domain,
                )
            )
            return await _token(tx, user)

        token = self.call(make)
        place = Place(atlas=self, workspace=workspace, tenant=tenant, user=user, token=token)
        if provider:
            place.add_provider(writes_enabled=writes_enabled)
        return place


@dataclass(frozen=True, kw_only=True)
class Place:
    """A workspace with one tenant, as its owner sees it."""

    atlas: Installation
    workspace: UUID
    tenant: UUID
    user: UUID
    token: str = field(repr=False)

    @property
    def tenant_id(self) -> str:
        """The tenant's id in GraphQL."""
        return ids.encode("Tenant", self.tenant)

    @property
    def workspace_id(self) -> str:
        return ids.encode("Workspace", self.workspace)

    def add_provider(self, *, writes_enabled: bool = True, secret: str = CLIENT_SECRET) -> None:
        """Connect the tenant with the simulator."""
        credential = new_id()
        sealed = self.atlas.sealer.seal(secret, row=credential)

        async def make(tx: Transaction) -> None:
            await tx.execute(
                insert(credentials).values(
                    id=credential,
                    workspace_id=self.workspace,
                    name=str(credential),
                    kind="secret",
                    sealed=sealed.data,
                    key_id=sealed.key_id,
                )
            )
            await tx.execute(
                insert(providers).values(
                    id=new_id(),
                    workspace_id=self.workspace,
                    tenant_id=self.tenant,
                    cloud="simulator",
                    client_id=CLIENT_ID,
                    credential_id=credential,
                    writes_enabled=writes_enabled,
                )
            )

        self.atlas.call(make)

    def add_tenant(self, entra_tenant_id: str, domain: str) -> Place:
        """Another tenant of the workspace, with a provider of its own."""
        tenant = new_id()

        async def make(tx: Transaction) -> None:
            await tx.execute(
                insert(tenants).values(
                    id=tenant,
                    workspace_id=self.workspace,
                    name=domain,
                    entra_tenant_id=UUID(entra_tenant_id),
                    primary_domain=domain,
                )
            )

        self.atlas.call(make)
        place = Place(
            atlas=self.atlas, workspace=self.workspace, tenant=tenant, user=self.user, token=self.token
        )
        place.add_provider()
        return place

    def member(self, role: str | None, *, plane: str = "workspace", days: float = 1) -> str:
        """A new member's token: manager of the workspace, operator or readonly of the tenant, or (None)
        a member who was granted nothing."""
        user = new_id()

        async def make(tx: Transaction) -> str:
            await tx.execute(insert(users).values(id=user, name=f"{role} {user}"))
            whole = role if role in ("owner", "manager") else "member"
            await tx.execute(
                insert(memberships).values(workspace_id=self.workspace, user_id=user, role=whole)
            )
            if role in ("operator", "readonly"):
                await tx.execute(
                    insert(tenant_grants).values(
                        tenant_id=self.tenant, workspace_id=self.workspace, user_id=user, role=role
                    )
                )
            return await _token(tx, user, plane=plane, days=days)

        return self.atlas.call(make)

    def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole answer to a query, as the owner or whoever has the token."""
        answer: dict[str, Any] = self.atlas.post(query, variables, token=token or self.token).json()
        return answer

    def start(self, mutation: str, given: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
        """What a mutation of an operation gives: the payload, or the error in its union."""
        answer = self.ask(start_document(mutation), token, input=dict(given))
        if answer.get("errors"):
            raise AssertionError(answer["errors"])
        result: dict[str, Any] = answer["data"][mutation]
        return result

    def wait(self, run_id: str, *, within: float = 30) -> dict[str, Any]:
        """The run, once it has ended."""
        end, pause = time.monotonic() + within, 0.01
        # What is asked again and again costs the run its processor.
        while self.ask(STATUS, id=run_id)["data"]["node"]["status"] != "COMPLETED":
            if time.monotonic() > end:
                run = self.ask(RUN, id=run_id)["data"]["node"]
                raise AssertionError(f"the run did not end within {within} seconds: {run}")
            time.sleep(pause)
            pause = min(pause * 1.25, 0.1)
        ended: dict[str, Any] = self.ask(RUN, id=run_id)["data"]["node"]
        return ended

    def run(self, mutation: str, given: Mapping[str, Any], *, within: float = 30) -> dict[str, Any]:
        """Start an operation and wait for its end, so many seconds at most."""
        started = self.start(mutation, given)
        assert started["__typename"] == "StartRunPayload", started
        return self.wait(started["run"]["id"], within=within)


def start_document(mutation: str) -> str:
    """The GraphQL that starts an operation; its variable is `input`."""
    return f"""
    mutation Start($input: {mutation[0].upper()}{mutation[1:]}Input!) {{
      {mutation}(input: $input) {{
        __typename
        ... on StartRunPayload {{ run {{ id uuid status }} deduplicated }}
        ... on Error {{ message code }}
        ... on ValidationError {{ field }}
      }}
    }}"""


async def _token(tx: Transaction, user: UUID, *, plane: str = "workspace", days: float = 1) -> str:
    return await tokens.create(
        tx, user_id=user, name="test", plane=plane, expires_at=datetime.now(UTC) + timedelta(days=days)
    )


@contextmanager
def installation(
    database: TestDatabase,
    *,
    plugins: Loaded | None = None,
    operations: Mapping[str, Operation[Any]] | None = None,
    policy_types: Iterable[PolicyContract] | None = None,
    capabilities: Iterable[access.AddedCapability] | None = None,
    simulator: Running | None = None,
    worker: bool = True,
    staged: bool = False,
    secret_key: str | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> Iterator[Installation]:
    """A running installation on its own event loop in a thread; ends with everything it started.

    `plugins` are the installed ones unless given, and so are, each by itself, their `operations` and the
    `policy_types` and `capabilities` that they add; with `staged` their
    runs can be interrupted between items; `secret_key` is that of workers of your own, where there
    are such; `clock` is what schedules go by; `settings` override the defaults. Raises `tripwire.Tripped` at
    its end when a resolver gave a tenant's data without having asked for rights.
    """
    plugins = plugins or load_plugins(discover(), fits=misfit)
    plugins = replace(
        plugins,
        operations=plugins.operations if operations is None else operations,
        policy_types=plugins.policy_types if policy_types is None else tuple(policy_types),
        capabilities=plugins.capabilities if capabilities is None else tuple(capabilities),
    )
    stage = Stage() if staged else None
    if stage is not None:
        plugins = stage.over(plugins)
    sealer = Sealer.from_text(secret_key or generate_key())
    with ExitStack() as stack:
        stack.enter_context(tripwire.watched())
        before = offer(plugins.policy_types)
        stack.callback(offer, before)
        roles = access.offer(plugins.capabilities)
        stack.callback(access.offer, roles)
        stack.callback(details.offer, details.offer(plugins.reason_details))
        if simulator is None:
            simulator = stack.enter_context(simulators.running())
        options = Settings(**{"simulator_url": simulator.url, **settings})
        listener = stack.enter_context(listen("127.0.0.1", 0))
        ready: list[tuple[asyncio.AbstractEventLoop, Database, Worker | None]] = []
        started, stop = threading.Event(), threading.Event()
        failed: list[BaseException] = []

        async def main() -> None:
            async with AsyncExitStack() as running:
                api = await running.enter_async_context(
                    running_app(options, database.url, sealer, plugins, look_on=tripwire.lay)
                )
                working = None
                if worker:
                    working = await running.enter_async_context(
                        running_worker(options, database.url, sealer, plugins, clock=clock)
                    )
                own = Database(database.url, max_connections=4)
                await own.open()
                running.push_async_callback(own.close)
                server = Server(api.app, ready=started.set, stopping=api.stopping)
                serving = asyncio.create_task(server.serve([listener]))
                ready.append((asyncio.get_running_loop(), own, working))
                await asyncio.to_thread(stop.wait)
                server.should_exit = True
                await serving

        def run() -> None:
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(main())
            except BaseException as exc:
                failed.append(exc)
            finally:
                started.set()

        thread = threading.Thread(target=run, name="installation", daemon=True)
        thread.start()
        started.wait(30)
        if failed or not ready:
            raise RuntimeError("the installation did not start") from (failed[0] if failed else None)
        loop, own, working = ready[0]
        atlas = Installation(loop, url_of(listener), own, sealer, simulator, working, plugins, stage)
        try:
            yield atlas
        finally:
            atlas.close()
            stop.set()
            thread.join(60)
