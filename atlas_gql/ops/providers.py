"""A tenant's provider as a run that verifies it sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import bindparam, func, select

from atlas_gql.db.database import ScopedDatabase
from atlas_gql.db.tables import providers
from atlas_gql.errors import GraphError
from atlas_gql.graph import GraphClient
from atlas_gql.ops.graph import release_if_throttled
from atlas_gql.ops.leases import Claim

_WRITES = select(func.coalesce(func.bool_or(providers.c.writes_enabled), False).label("enabled")).where(
    providers.c.tenant_id == bindparam("tenant_id")
)


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
