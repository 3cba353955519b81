"""Credentials: everything about them but what they hold, which can be written and never read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from atlas_gql.access.capabilities import Capability
from atlas_gql.providers.material import CredentialKind
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.maps import CREDENTIAL
from atlas_gql.schema.permissions import HasCapability, looked_up
from atlas_gql.schema.types.nodes import Node

if TYPE_CHECKING:
    from atlas_gql.schema.types.providers import Provider


@strawberry.type(
    description="What an application proves its identity with to Microsoft. It belongs to the workspace, and"
    " may serve many providers. What it holds cannot be read."
)
class Credential(Node):
    name: str = strawberry.field(description="Its name, unique in the workspace.")
    kind: CredentialKind = strawberry.field(description="What it holds.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(
        description="When what it holds ends, where that is known: a certificate tells, for a secret"
        " somebody must have said it."
    )
    rotated_at: datetime | None = strawberry.field(description="When it last got something new to hold.")

    @resolved("The providers that use it, the oldest first.", HasCapability(Capability.PROVIDERS_VIEW))
    async def providers(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[Annotated[Provider, strawberry.lazy("atlas_gql.schema.types.providers")]] | None:
        return await lists.CREDENTIAL_PROVIDERS.page(info, self.uuid, first=first, after=after)


@strawberry.type(description="A credential was made or changed.")
class CredentialPayload:
    credential_id: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any] = None

    @resolved("The credential as it is now.", HasCapability(Capability.PROVIDERS_VIEW))
    async def credential(self, info: Info) -> Credential | None:
        row: Credential | None = await looked_up(info, CREDENTIAL, self.credential_id)
        return row
