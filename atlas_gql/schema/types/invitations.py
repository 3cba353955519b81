"""Invitations to become a member."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from atlas_gql.access.capabilities import Capability, Role
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.lookahead import selected
from atlas_gql.schema.maps import INVITATION, TENANT
from atlas_gql.schema.permissions import HasCapability, looked_up, visible
from atlas_gql.schema.rows import load_row
from atlas_gql.schema.types.nodes import Node

if TYPE_CHECKING:
    from atlas_gql.schema.types.tenants import Tenant


@strawberry.type(
    description="That somebody may become a member: whoever logs in first with this verified address, or as"
    " this identity. It counts once, and only while who invited may still do so."
)
class Invitation(Node):
    email: str | None = strawberry.field(description="The address, where it is for one.")
    issuer: str | None = strawberry.field(description="The issuer of the identity, where it is for one.")
    subject: str | None = strawberry.field(description="The identity's subject at its issuer.")
    role: Role = strawberry.field(description="What they become.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="Until when it counts.")
    accepted_at: datetime | None = strawberry.field(description="When they came; null before.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null if it was not.")
    tenant_ids: strawberry.Private[Any]
    inviter: strawberry.Private[str | None]

    @resolved("The name of who invited; null for the platform's operators, and for who is a member no more.")
    def invited_by(self) -> str | None:
        return self.inviter

    @resolved("The tenants that an operator or reader will reach, of those that there are.")
    async def tenants(
        self, info: Info
    ) -> list[Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")]]:
        names = TENANT.needed(selected(info, ()))
        # At once, so that one statement reads them, and those of the other invitations.
        loading = (load_row(info.context, TENANT, tenant_id, names) for tenant_id in self.tenant_ids or ())
        rows = await asyncio.gather(*loading)
        return [row for row in rows if row is not None and visible(info.context.actor, row, TENANT)]


@strawberry.type(description="Somebody was invited, or an invitation was revoked.")
class InvitationPayload:
    invitation_id: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any] = None

    @resolved("The invitation as it is now.", HasCapability(Capability.MEMBERS_VIEW))
    async def invitation(self, info: Info) -> Invitation | None:
        row: Invitation | None = await looked_up(info, INVITATION, self.invitation_id)
        return row
