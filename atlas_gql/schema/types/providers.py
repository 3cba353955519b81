"""Providers: how tenants are reached."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from atlas_gql.access.capabilities import Capability
from atlas_gql.providers.providers import CloudName
from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given, within
from atlas_gql.schema.maps import PROVIDER
from atlas_gql.schema.permissions import HasCapability, ReachesTenant, linked, looked_up
from atlas_gql.schema.types.credentials import Credential
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.tenants import Tenant


@strawberry.type(description="How Atlas reaches a tenant, and whether it may write there.")
class Provider(Node):
    cloud: CloudName = strawberry.field(description="Where the tenant lives.")
    client_id: str = strawberry.field(description="The application's (client) id at Microsoft.")
    write_client_id: str | None = strawberry.field(
        description="The client id that goes with `writeCredential`; null where it is `clientId` as well."
    )
    writes_enabled: bool = strawberry.field(description="Whether restores may write to the tenant.")
    created_at: datetime = strawberry.field(description="When the tenant was connected.")
    credential_id: strawberry.Private[UUID]
    write_credential_id: strawberry.Private[UUID | None]

    @resolved("The tenant that is reached so.", ReachesTenant("tenant_id"))
    async def tenant(self, info: Info) -> Tenant | None:
        row: Tenant | None = await linked(info, self, "tenant", PROVIDER)
        return row

    @resolved("What the application proves its identity with.", HasCapability(Capability.PROVIDERS_VIEW))
    async def credential(self, info: Info) -> Credential | None:
        row: Credential | None = await linked(info, self, "credential", PROVIDER)
        return row

    @resolved(
        "What restores use in its place; null where that is the same.",
        HasCapability(Capability.PROVIDERS_VIEW),
    )
    async def write_credential(self, info: Info) -> Credential | None:
        row: Credential | None = await linked(info, self, "writeCredential", PROVIDER)
        return row


@strawberry.input(description="Which providers to list; all conditions must hold.")
class ProviderFilter:
    clouds: list[CloudName] | None = strawberry.field(
        name="cloud", description="Of tenants in one of these clouds.", default=None
    )
    writes_enabled: bool | None = strawberry.field(
        description="Whether restores may write to the tenant.", default=None
    )
    credential_id: strawberry.ID | None = strawberry.field(
        description="Those that use this credential, to read or to write.", default=None
    )

    tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Of one of these tenants.", default=None
    )

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput naming the field that holds no such thing's id."""
        credential = self.credential_id and ids.decode(
            self.credential_id, kind="Credential", argument="credentialId"
        )
        conditions = given(cloud=self.clouds, writes_enabled=self.writes_enabled, credential_id=credential)
        return within(self.tenant_id, conditions)


@strawberry.type(description="A tenant was connected, or how it is reached was changed.")
class ProviderPayload:
    provider_id: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any]

    @resolved("The provider as it is now.", HasCapability(Capability.PROVIDERS_VIEW))
    async def provider(self, info: Info) -> Provider | None:
        row: Provider | None = await looked_up(info, PROVIDER, self.provider_id)
        return row
