"""A tenant's provider as a run that verifies it sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.db.tables import providers
from atlas_gql.errors import GraphError
from atlas_gql.graph import GraphClient
from atlas_gql.ops import items
from atlas_gql.ops.graph import release_if_throttled
from atlas_gql.ops.leases import Claim, fence
from atlas_gql.plugins.verification import ProviderReport

_WRITES = select(func.coalesce(func.bool_or(providers.c.writes_enabled), False).label("enabled")).where(
    providers.c.tenant_id == bindparam("tenant_id")
)
_RESULT = update(runs).where(fence()).values(result=bindparam("report", type_=JSONB))


class RunProvider:
    """`Provider` of the plugin API; `client` gives the client that reads, or the one that writes."""

    def __init__(
        self, database: ScopedDatabase, claim: Claim, client: Callable[[bool], Awaitable[GraphClient]]
    ) -> None:
        self._database = database
        self._claim = claim
        self._client = client

    async def permissions(self, *, writing: bool = False) -> frozenset[str]:
        try:
            return await (await self._client(writing)).permissions()
        except GraphError as exc:
            release_if_throttled(exc)
            raise

    async def writes_enabled(self) -> bool:
        row = await self._database.one(_WRITES, tenant_id=self._claim.tenant_id)
        return row is not None and bool(row.enabled)

    async def save(self, report: ProviderReport) -> None:
        claim = self._claim

        async def keep(tx: Transaction) -> None:
            await items.hold(tx, claim)
            await tx.execute(_RESULT, run_id=claim.run_id, attempt=claim.attempt, report=asdict(report))

        await self._database.step(keep)
