"""API tokens: everything about them but the tokens themselves, which nobody knows."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.lookahead import selected
from atlas_gql.schema.maps import API_TOKEN, TENANT
from atlas_gql.schema.permissions import Permission, ReachesWorkspace, linked, looked_up, visible
from atlas_gql.schema.rows import load_row
from atlas_gql.schema.types.nodes import Node

if TYPE_CHECKING:
    from atlas_gql.schema.types.tenants import Tenant
    from atlas_gql.schema.types.workspaces import Workspace


@strawberry.type(description="Whose token it is.")
class TokenOwner:
    uuid: str = strawberry.field(description="The user's key, as the audit trail shows it.")
    name: str = strawberry.field(description="The user's name.")


@strawberry.type(
    description="A token of the API: its user's rights at the time of each request, within its own bounds."
    " The token itself is shown once, when it is made."
)
class ApiToken(Node):
    name: str = strawberry.field(description="What it is for.")
    capabilities: list[str] | None = strawberry.field(
        description="The capabilities that it leaves of its user's; null for all of them."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="When it ends.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used, to two minutes; null before."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null if it was not.")
    user_id: strawberry.Private[Any]
    owner_name: strawberry.Private[str]
    tenant_ids: strawberry.Private[Any]

    @resolved("Whose rights it has.")
    def owner(self) -> TokenOwner:
        return TokenOwner(uuid=str(self.user_id), name=self.owner_name)

    @resolved(
        "The only workspace that it opens; null for every workspace of its user, and for one that is out of"
        " your reach.",
        ReachesWorkspace(),
        silently=True,
    )
    async def workspace(
        self, info: Info
    ) -> Annotated[Workspace, strawberry.lazy("atlas_gql.schema.types.workspaces")] | None:
        row: Workspace | None = await linked(info, self, "workspace", API_TOKEN)
        return row

    @resolved(
        "The only tenants that it opens, of those within your reach; null for all that its user reaches."
    )
    async def tenants(
        self, info: Info
    ) -> list[Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")]] | None:
        if self.tenant_ids is None:
            return None
        names = TENANT.needed(selected(info, ()))
        # At once, so that one statement reads them, and those of the other tokens.
        loading = (load_row(info.context, TENANT, tenant_id, names) for tenant_id in self.tenant_ids)
        rows = await asyncio.gather(*loading)
        return [row for row in rows if row is not None and visible(info.context.actor, row, TENANT)]


class SeesToken(Permission):
    """A payload's token: one's own, or one whose workspace lets one manage its tokens."""

    async def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        row = await looked_up(info, API_TOKEN, source.token_id)
        return row is not None and visible(info.context.actor, row, API_TOKEN)


@strawberry.type(description="A token was made.")
class CreateTokenPayload:
    token: str = strawberry.field(
        description="The token, for the only time: send it as `Authorization: Bearer`."
    )
    token_id: strawberry.Private[Any]

    @resolved("What is known of it from now on.", SeesToken())
    async def api_token(self, info: Info) -> ApiToken | None:
        row: ApiToken | None = await looked_up(info, API_TOKEN, self.token_id)
        return row


@strawberry.type(description="A token opens nothing any more.")
class RevokeTokenPayload:
    token_id: strawberry.Private[Any]

    @resolved("The token as it is now.", SeesToken())
    async def api_token(self, info: Info) -> ApiToken | None:
        row: ApiToken | None = await looked_up(info, API_TOKEN, self.token_id)
        return row
