"""Mutations of API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access import tokens as service
from atlas_gql.access.capabilities import Capability
from atlas_gql.access.own_tokens import make_token
from atlas_gql.errors import ValidationError
from atlas_gql.schema import ids
from atlas_gql.schema.changes import change_field
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.maps import API_TOKEN
from atlas_gql.schema.mutations import WORKSPACE_OF, Allowed, IsMember, Target
from atlas_gql.schema.permissions import owned
from atlas_gql.schema.types.tokens import CreateTokenPayload, RevokeTokenPayload

TOKEN = Target("ApiToken", "token_id")


@strawberry.input(description="The token to make. Bounds that are left out are those of the token that asks.")
class CreateTokenInput:
    workspace_id: strawberry.ID = strawberry.field(description="The only workspace that it will open.")
    name: str = strawberry.field(description="What it is for, so that it can be told from others.")
    capabilities: list[str] | None = strawberry.field(
        description="The capabilities that it leaves of yours, such as `runs.view`.", default=None
    )
    tenant_ids: list[strawberry.ID] | None = strawberry.field(
        description="The tenants that it leaves of those within your reach. With them, it opens nothing of"
        " the workspace as a whole.",
        default=None,
    )
    expires_at: datetime | None = strawberry.field(
        description="When it ends; in 90 days when absent. The installation says how late that may be.",
        default=None,
    )


@strawberry.input(description="Which token to revoke.")
class RevokeTokenInput:
    token_id: strawberry.ID = strawberry.field(description="The token's id.")


class MayRevoke(Allowed):
    """One's own token; any other one takes the capability in its workspace."""

    def __init__(self) -> None:
        super().__init__("revokeToken", Capability.TOKENS_MANAGE, TOKEN)
        self.on = "the tokens of others"

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:
        place = await TOKEN.place(info, arguments["input"])
        if owned(info.context.actor, place, API_TOKEN):
            return True
        return await super().has_permission(source, info, **arguments)


def token_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations."""
    return [
        change_field(
            "createToken",
            CreateTokenInput,
            CreateTokenPayload,
            _create,
            errors,
            target=WORKSPACE_OF,
            guards=[IsMember()],
            allowed=(ValidationError,),
            description="Makes an API token of your own for a workspace. It never does more than you may, nor"
            " more than the token that you make it with. What is made with a limited token ends no later, and"
            " is revoked with it.",
        ),
        change_field(
            "revokeToken",
            RevokeTokenInput,
            RevokeTokenPayload,
            _revoke,
            errors,
            target=TOKEN,
            guards=[MayRevoke()],
            allowed=(),
            description="Lets a token open nothing any more, at once: what it watches ends, and runs that it"
            " started and no worker has taken up yet fail.",
        ),
    ]


async def _create(context: Context, place: Any, given: Any) -> CreateTokenPayload:
    tenant_ids = None
    if given.tenant_ids is not None:
        tenant_ids = {ids.decode(id_, kind="Tenant", argument="tenantIds") for id_ in given.tenant_ids}
    async with context.database.begin() as tx:
        token_id, token = await make_token(
            tx,
            context.actor,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            name=given.name,
            capabilities=given.capabilities,
            tenant_ids=tenant_ids,
            expires_at=given.expires_at,
            longest=context.longest_token,
        )
    return CreateTokenPayload(token=token, token_id=token_id)


async def _revoke(context: Context, _place: Any, given: Any) -> RevokeTokenPayload:
    token_id = TOKEN.uuid(given)
    async with context.database.begin() as tx:
        await service.revoke(tx, token_id=token_id, by=context.actor.by(context.request_id))
    return RevokeTokenPayload(token_id=token_id)
