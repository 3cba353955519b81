"""Graph clients per tenant, made from the tenant's provider and kept for the life of the process.

One HTTP pool, one pacer and one token cache per provider serve all runs of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import orjson
from sqlalchemy import bindparam, select

from atlas_gql.db.database import ENGINE, Database
from atlas_gql.db.tables import credentials, providers, tenants
from atlas_gql.errors import ConfigurationError
from atlas_gql.graph import (
    CLOUDS,
    GLOBAL,
    TIMEOUT,
    Certificate,
    Cloud,
    Credential,
    GraphClient,
    MicrosoftGraphClient,
    MsalTokens,
    NullGraphClient,
    Observer,
    Pacer,
    Patience,
    Secret,
)
from atlas_gql.providers.sealing import Sealed, Sealer

NO_PROVIDER = "This tenant has no provider: add one before Atlas can reach it."
NO_SIMULATOR = "The provider points to the simulator, and ATLAS_SIMULATOR_URL is not set."
WRITES_OFF = "Writes are not enabled for this tenant's provider."
PATIENCE = Patience(total=60)
"""How long a call may wait in a worker's slot; for a longer pause its run goes back to the queue."""
CANNOT_OPEN = "The provider's credential cannot be opened with the configured keys."

_writing = credentials.alias("writing")
_PROVIDER = (
    select(
        providers.c.id,
        providers.c.cloud,
        providers.c.client_id,
        providers.c.writes_enabled,
        tenants.c.entra_tenant_id,
        credentials.c.id.label("credential_id"),
        credentials.c.kind,
        credentials.c.sealed,
        credentials.c.key_id,
        _writing.c.id.label("write_credential_id"),
        _writing.c.kind.label("write_kind"),
        _writing.c.sealed.label("write_sealed"),
        _writing.c.key_id.label("write_key_id"),
    )
    .select_from(
        providers.join(tenants, tenants.c.id == providers.c.tenant_id)
        .join(credentials, credentials.c.id == providers.c.credential_id)
        .outerjoin(_writing, _writing.c.id == providers.c.write_credential_id)
    )
    .where(providers.c.tenant_id == bindparam("tenant_id"))
)


class Clients:
    """Where runs get their tenant's Graph client from. Make it on the event loop that uses it."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        simulator_url: str | None,
        observer: Observer | None = None,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._simulator_url = simulator_url
        self._observer = observer
        self._http = httpx.AsyncClient(
            timeout=TIMEOUT, limits=httpx.Limits(max_connections=64, max_keepalive_connections=32)
        )
        self._login = httpx.Client(timeout=30)
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="atlas-login")
        self._pacer = Pacer()
        self._clients: dict[tuple[Any, ...], GraphClient] = {}

    async def client(self, tenant_id: UUID, *, writing: bool = False) -> GraphClient:
        """The tenant's client; a NullGraphClient that tells why when there is none to be had."""
        row = await self._database.scope(ENGINE).one(_PROVIDER, tenant_id=tenant_id)
        if row is None:
            return NullGraphClient(NO_PROVIDER)
        if writing and not row.writes_enabled:
            return NullGraphClient(WRITES_OFF)
        cloud = self._cloud(row.cloud)
        if cloud is None:
            return NullGraphClient(NO_SIMULATOR)
        stronger = writing and row.write_credential_id is not None
        credential_id = row.write_credential_id if stronger else row.credential_id
        sealed = Sealed(row.write_sealed, row.write_key_id) if stronger else Sealed(row.sealed, row.key_id)
        key = (row.id, row.cloud, row.client_id, credential_id, sealed.data, row.entra_tenant_id)
        if key not in self._clients:
            try:
                secret = self._sealer.open(sealed, row=credential_id)
            except ConfigurationError:
                return NullGraphClient(CANNOT_OPEN)
            kind = row.write_kind if stronger else row.kind
            self._clients[key] = self._make(row, cloud, open_credential(kind, secret))
        return self._clients[key]

    def _cloud(self, name: str) -> Cloud | None:
        if name == "simulator":
            return GLOBAL.at(self._simulator_url) if self._simulator_url else None
        return CLOUDS[name.upper()]

    def _make(self, row: Any, cloud: Cloud, credential: Credential) -> GraphClient:
        tenant = str(row.entra_tenant_id)
        return MicrosoftGraphClient(
            base_url=cloud.graph_url,
            tokens=MsalTokens(
                cloud=cloud,
                tenant_id=tenant,
                client_id=row.client_id,
                credential=credential,
                http=self._login,
                executor=self._executor,
            ),
            http=self._http,
            tenant=f"{row.cloud}/{tenant}",
            pacer=self._pacer,
            patience=PATIENCE,
            observer=self._observer,
        )

    async def close(self) -> None:
        await self._http.aclose()
        await asyncio.get_running_loop().run_in_executor(None, self._login.close)
        self._executor.shutdown(wait=True)


def open_credential(kind: str, secret: str) -> Credential:
    """A stored credential as the token source wants it."""
    make: dict[str, Callable[[str], Credential]] = {
        "secret": lambda text: Secret(value=text),
        "certificate": lambda text: Certificate(**orjson.loads(text)),
    }
    if kind not in make:
        raise ConfigurationError("This kind of credential is not supported yet.")
    return make[kind](secret)
