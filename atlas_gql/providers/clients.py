"""Graph clients per tenant, made from the tenant's provider and kept while they are asked for.

One HTTP pool, one pacer and one token cache per provider serve all runs of the process. The provider is
read whenever a run wants its client: a client whose provider or credential has changed since is replaced,
so that a rotation takes effect in every worker with the next run.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import orjson
from sqlalchemy import Boolean, bindparam, case, func, select

from atlas_gql.db.database import Database, Row, Scope
from atlas_gql.db.tables import credentials, providers, tenants
from atlas_gql.errors import ConfigurationError
from atlas_gql.graph import (
    CLOUDS,
    GLOBAL,
    Certificate,
    Clock,
    Cloud,
    Credential,
    Federated,
    GraphClient,
    MicrosoftGraphClient,
    MsalTokens,
    NullGraphClient,
    Observer,
    Pacer,
    Patience,
    Secret,
)
from atlas_gql.providers.assertions import assertion_in
from atlas_gql.providers.material import CredentialKind
from atlas_gql.providers.roads import Road, Roads
from atlas_gql.providers.sealing import Sealed, Sealer

NO_PROVIDER = "This tenant has no provider: add one before Atlas can reach it."
NO_SIMULATOR = "The provider points to the simulator, and ATLAS_SIMULATOR_URL is not set."
WRITES_OFF = "Writes are not enabled for this tenant's provider."
CANNOT_OPEN = "The provider's credential cannot be opened with the configured keys."
PATIENCE = Patience(total=60)
"""How long a call may wait in a worker's slot; for a longer pause its run goes back to the queue."""
KEPT = 3600.0
"""Seconds for which a client is kept that no run asks for: by then its token has ended as well."""

# The credential for what the run does: the write credential where there is one and the run writes.
_STRONGER = bindparam("writing", type_=Boolean) & providers.c.write_credential_id.is_not(None)
_PROVIDER = (
    select(
        providers.c.workspace_id,
        providers.c.cloud,
        providers.c.writes_enabled,
        tenants.c.entra_tenant_id,
        _STRONGER.label("stronger"),
        case(
            (_STRONGER, func.coalesce(providers.c.write_client_id, providers.c.client_id)),
            else_=providers.c.client_id,
        ).label("client_id"),
        credentials.c.id.label("credential_id"),
        credentials.c.kind,
        credentials.c.sealed,
        credentials.c.key_id,
    )
    .select_from(
        providers.join(tenants, tenants.c.id == providers.c.tenant_id).join(
            credentials,
            credentials.c.id
            == case((_STRONGER, providers.c.write_credential_id), else_=providers.c.credential_id),
        )
    )
    .where(providers.c.tenant_id == bindparam("tenant_id"))
)


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """All that a client is made of: while it stays the same, so does the client."""

    workspace_id: UUID
    cloud: str
    tenant: str
    client_id: str
    kind: str
    material: str = field(repr=False)


@dataclass(kw_only=True)
class _Kept:
    recipe: _Recipe
    client: GraphClient
    asked_at: float


class Clients:
    """Where runs get their tenant's Graph client from. Make it on the event loop that uses it."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        simulator_url: str | None,
        assertion_dir: Path | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Raises ConfigurationError when the environment's proxies cannot be used."""
        self._database = database
        self._sealer = sealer
        self._simulator_url = simulator_url
        self._assertion_dir = assertion_dir
        self._observer = observer
        self._clock = clock or Clock()
        self._roads = Roads()
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="atlas-login")
        self._pacer = Pacer()
        self._kept: dict[tuple[UUID, bool], _Kept] = {}

    async def client(
        self, tenant_id: UUID, *, scope: Scope, writing: bool = False, looking: bool = False
    ) -> GraphClient:
        """The tenant's client; a NullGraphClient that tells why when there is none to be had.

        The tenant's provider is read in `scope`. With `looking` the one that writes is there also while
        writes are switched off: to ask what it may.
        """
        row = await self._database.scope(scope).one(_PROVIDER, tenant_id=tenant_id, writing=writing)
        self._forget_idle()
        if row is None:
            return NullGraphClient(NO_PROVIDER)
        if writing and not row.writes_enabled and not looking:
            return NullGraphClient(WRITES_OFF)
        cloud = self._cloud(row.cloud)
        if cloud is None:
            return NullGraphClient(NO_SIMULATOR)
        try:
            recipe = self._recipe(row)
        except ConfigurationError:
            return NullGraphClient(CANNOT_OPEN)
        key, now = (tenant_id, row.stronger), self._clock.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept.recipe != recipe:
            kept = self._kept[key] = _Kept(recipe=recipe, client=self._make(recipe, cloud), asked_at=now)
        kept.asked_at = now
        return kept.client

    def _forget_idle(self) -> None:
        """Let go of clients, and of the secrets in them, that no run has asked for lately."""
        oldest = self._clock.monotonic() - KEPT
        self._kept = {key: kept for key, kept in self._kept.items() if kept.asked_at > oldest}

    def _cloud(self, name: str) -> Cloud | None:
        if name == "simulator":
            return GLOBAL.at(self._simulator_url) if self._simulator_url else None
        return CLOUDS[name.upper()]

    def _recipe(self, row: Row) -> _Recipe:
        """Raises ConfigurationError when no key opens the credential."""
        return _Recipe(
            workspace_id=row.workspace_id,
            cloud=row.cloud,
            tenant=str(row.entra_tenant_id),
            client_id=row.client_id,
            kind=row.kind,
            material=self._sealer.open(Sealed(row.sealed, row.key_id), row=row.credential_id),
        )

    def _make(self, recipe: _Recipe, cloud: Cloud) -> GraphClient:
        road: Road = self._roads.simulator if recipe.cloud == "simulator" else self._roads.microsoft
        return MicrosoftGraphClient(
            base_url=cloud.graph_url,
            tokens=MsalTokens(
                cloud=cloud,
                tenant_id=recipe.tenant,
                client_id=recipe.client_id,
                credential=open_credential(
                    recipe.kind,
                    recipe.material,
                    workspace_id=recipe.workspace_id,
                    assertion_dir=self._assertion_dir,
                ),
                http=road.login,
                executor=self._executor,
            ),
            http=road.graph,
            tenant=f"{recipe.cloud}/{recipe.tenant}",
            pacer=self._pacer,
            patience=PATIENCE,
            observer=self._observer,
        )

    async def close(self) -> None:
        await self._roads.close()
        self._executor.shutdown(wait=True)


def open_credential(
    kind: str, text: str, *, workspace_id: UUID, assertion_dir: Path | None = None
) -> Credential:
    """A workspace's stored credential as the token source wants it."""
    match CredentialKind(kind):
        case CredentialKind.SECRET:
            return Secret(value=text)
        case CredentialKind.CERTIFICATE:
            return Certificate(**orjson.loads(text))
        case CredentialKind.FEDERATED:
            return Federated(assertion=assertion_in(assertion_dir, workspace_id, text))
