"""The plugin's handlers, the safe write and a simulator in one process, without a database or a socket."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx

from atlas_gql.errors import OperationFailure
from atlas_gql.graph import (
    Assignment,
    Intent,
    MicrosoftGraphClient,
    Pacer,
    Policy,
    ReadBack,
    check_assignments,
    contract_of,
    parse_assignment,
    write_assignments,
)
from atlas_gql.plugins import (
    CapturedPolicy,
    PlannedPolicy,
    PlannedWrite,
    RestoreOptions,
    SourceItem,
)
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, State, create_app
from atlas_gql.simulator.load import load_tenants

SCOPE = "https://graph.microsoft.com/.default"


class Simulated:
    """A simulator in this process; `state` is what it serves."""

    def __init__(self) -> None:
        self.state = State()
        self._app = create_app(self.state)

    def load(self, tenant_id: str, document: Mapping[str, Any]) -> None:
        """Make this everything in a tenant."""
        for tenant in load_tenants({tenant_id: document}):
            self.state.replace(tenant)

    def tenant(self, tenant_id: str) -> dict[str, Any]:
        """Everything in a tenant."""
        tenant = self.state.find(tenant_id)
        assert tenant is not None
        return tenant.export()

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app), base_url="http://simulator", trust_env=False
        )


class Token:
    """The simulator's token for one tenant."""

    def __init__(self, http: httpx.AsyncClient, tenant_id: str) -> None:
        self._http, self._tenant_id = http, tenant_id
        self._token: str | None = None

    async def token(self, *, refresh: bool = False) -> str:
        if self._token is None or refresh:
            answer = await self._http.post(
                f"/{self._tenant_id}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": CLIENT_ID,
                    "client_secret": CLIENT_SECRET,
                    "scope": SCOPE,
                },
            )
            self._token = answer.json()["access_token"]
        return self._token


def client(http: httpx.AsyncClient, tenant_id: str) -> MicrosoftGraphClient:
    return MicrosoftGraphClient(
        base_url="http://simulator", tokens=Token(http, tenant_id), http=http, tenant=tenant_id, pacer=Pacer()
    )


class Backup:
    """A backup set in memory, the first of its tenant (`Backups` of the plugin API)."""

    def __init__(self) -> None:
        self.captured: list[CapturedPolicy] = []

    async def had(self, policy_type: str) -> bool:
        return False

    async def last(self, policy_type: str, ids: Collection[str]) -> Mapping[str, CapturedPolicy]:
        return {}

    async def save(self, captured: Sequence[CapturedPolicy]) -> None:
        self.captured += captured


class Restore:
    """A restore run in memory (`Restores` of the plugin API), carried out by the real safe write."""

    def __init__(
        self,
        graph: MicrosoftGraphClient,
        source: Sequence[CapturedPolicy],
        *,
        mode: str = "replace",
        options: Mapping[str, Any],
        same_tenant: bool = True,
        left_behind: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
    ) -> None:
        self._graph = graph
        self._options = RestoreOptions(mode=mode, options=options, same_tenant=same_tenant)
        self._source = [
            SourceItem(
                id=uuid4(),
                position=position,
                policy=policy,
                assignments_state="failed" if policy.error else "fetched",
                left_behind=None if left_behind is None else left_behind[policy.policy_type, policy.id],
            )
            for position, policy in enumerate(source)
        ]
        self.planned: dict[UUID, PlannedPolicy] = {}
        self.mappings: Sequence[Mapping[str, Any]] = ()
        self.others: Sequence[Policy] = ()
        self.before: list[CapturedPolicy] = []
        self.left: dict[tuple[str, str], tuple[str, ...]] = {}
        self.failures: list[OperationFailure] = []

    async def options(self) -> RestoreOptions:
        return self._options

    async def source(self) -> list[SourceItem]:
        return list(self._source)

    async def save(self, planned: Sequence[PlannedPolicy]) -> None:
        self.planned |= {policy.item_id: policy for policy in planned}

    async def complete(self, *, mappings: Any, summary: Any, others: Sequence[Policy] = ()) -> None:
        self.mappings, self.others = mappings, others

    async def plan(self) -> list[PlannedWrite]:
        return [self._write(item, self.planned[item.id]) for item in self._source]

    def desired(self, item: SourceItem) -> tuple[Assignment, ...]:
        contract = contract_of(item.policy.policy_type)
        bodies = self.planned[item.id].desired or ()
        return tuple(parse_assignment(contract, body) for body in bodies)

    def _write(self, item: SourceItem, planned: PlannedPolicy) -> PlannedWrite:
        return PlannedWrite(
            item_id=item.id,
            policy_type=item.policy.policy_type,
            action=planned.action,
            target_id=planned.target_id or "",
            label=item.policy.name,
            base_hash=planned.base_hash or "",
            desired=self.desired(item),
        )

    async def apply(self, write: PlannedWrite, *, justification: str | None = None) -> None:
        if write.action == "blocked":
            return

        async def keep(before: Policy, intent: Intent) -> None:
            known = await self._graph.groups({a.group_id for a in before.assignments if a.group_id})
            filters = {found.id: found for found in await self._graph.filters()}
            key = (write.policy_type, write.target_id)
            self.left[key] = (*intent.intermediate, intent.desired_fingerprint)
            self.before.append(
                CapturedPolicy(
                    policy_type=before.policy_type,
                    id=before.id,
                    name=before.name,
                    platform=before.platform,
                    assignments=tuple(a.raw for a in before.assignments),
                    groups={
                        id_: {"name": g.name, "rule": g.rule, "orphaned": False} if g else {"orphaned": True}
                        for id_, g in known.items()
                    },
                    filters={
                        id_: {"name": f.name, "platform": f.platform, "rule": f.rule, "orphaned": False}
                        for id_, f in filters.items()
                    },
                )
            )

        try:
            await write_assignments(
                self._graph,
                contract_of(write.policy_type),
                write.target_id,
                planned_from=write.base_hash,
                desired=write.desired,
                keep=keep,
                justification=justification,
                read_back=ReadBack(waits=(0.0,)),
            )
        except OperationFailure as exc:
            self.failures.append(exc)

    async def confirm(self, writes: Sequence[PlannedWrite]) -> None:
        for write in writes:
            contract = contract_of(write.policy_type)
            try:
                await check_assignments(self._graph, contract, write.target_id, planned_from=write.base_hash)
            except OperationFailure as exc:
                self.failures.append(exc)


class Context(SimpleNamespace):
    """What a handler needs of a `RunContext`, beside `graph`, `backups` and `restores`."""

    again = None

    async def total(self, count: int) -> None:
        pass

    async def done(self) -> frozenset[str]:
        return frozenset()

    async def check(self) -> None:
        pass

    async def each(self, things: Any, work: Any, *, at_once: int) -> None:
        for thing in things:
            await work(thing)
