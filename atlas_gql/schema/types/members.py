"""Members of a workspace, and the tenants granted to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from atlas_gql.access.capabilities import Capability
from atlas_gql.schema import ids, lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.enums import MemberRole, TenantRole
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import containing, given
from atlas_gql.schema.maps import MEMBER, TENANT
from atlas_gql.schema.permissions import HasCapability, ReachesTenant, looked_up
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.tenants import Tenant


@strawberry.type(description="That a member has a role for one tenant.")
class TenantGrant(Node):
    role: TenantRole = strawberry.field(description="What the member is there.")
    granted_id: strawberry.Private[UUID]
    created_at: strawberry.Private[datetime]

    @resolved("Since when the member reaches the tenant.")
    def granted_at(self) -> datetime:
        return self.created_at

    @resolved("Where the role is held.", ReachesTenant("granted_id"))
    async def tenant(self, info: Info) -> Tenant | None:
        row: Tenant | None = await looked_up(info, TENANT, self.granted_id)
        return row


@strawberry.type(description="That a user is a member of a workspace, and as what.")
class Member(Node):
    user_uuid: str = strawberry.field(description="The user's key, as the audit trail shows it.")
    user_name: str = strawberry.field(description="The user's name.")
    email: str | None = strawberry.field(description="Where the user gets mail.")
    role: MemberRole = strawberry.field(description="What the user is in the workspace as a whole.")
    disabled_at: datetime | None = strawberry.field(
        description="Since when the user cannot log in, in any workspace."
    )
    user_id: strawberry.Private[UUID]
    created_at: strawberry.Private[datetime]

    @resolved("Since when the user is a member.")
    def joined_at(self) -> datetime:
        return self.created_at

    @resolved(
        "The tenants granted to a `MEMBER`, by name; nobody else has any.",
        HasCapability(Capability.MEMBERS_VIEW),
    )
    async def grants(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[TenantGrant] | None:
        return await lists.GRANTS.page(info, self.workspace_id, self.user_id, first=first, after=after)


@strawberry.input(description="Which members to list; all conditions must hold.")
class MemberFilter:
    roles: list[MemberRole] | None = strawberry.field(
        name="role", description="With one of these roles.", default=None
    )
    reaching: strawberry.ID | None = strawberry.field(
        name="tenantId",
        description="Who reach this tenant: owners, managers, and those to whom it was granted.",
        default=None,
    )
    name_contains: str | None = strawberry.field(
        description="Whose name contains this, in upper or lower case.", default=None
    )

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput for what is no tenant's id."""
        reaching = self.reaching and ids.decode(self.reaching, kind="Tenant", argument="tenantId")
        return given(roles=self.roles, reaching=reaching, name_contains=containing(self.name_contains))


@strawberry.type(description="A member was changed.")
class MemberPayload:
    member_id: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any] = None

    @resolved("The member as it is now.", HasCapability(Capability.MEMBERS_VIEW))
    async def member(self, info: Info) -> Member | None:
        row: Member | None = await looked_up(info, MEMBER, self.member_id)
        return row
