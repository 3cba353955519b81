"""Mutations of invitations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access import invitations as service
from atlas_gql.access.actors import NOTHING
from atlas_gql.access.capabilities import Capability, Role
from atlas_gql.errors import ValidationError
from atlas_gql.schema import ids
from atlas_gql.schema.changes import change_field
from atlas_gql.schema.context import Context
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.mutations import WORKSPACE_OF, Target
from atlas_gql.schema.types.invitations import InvitationPayload

INVITATION = Target("Invitation", "invitation_id")


@strawberry.input(description="Whom to invite: an address, or an issuer and a subject.")
class InviteMemberInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace's id.")
    role: Role = strawberry.field(description="What they become. You cannot give more than you hold.")
    tenant_ids: list[strawberry.ID] | None = strawberry.field(
        description="The tenants that an operator or reader will reach.", default=None
    )
    email: str | None = strawberry.field(
        description="Their address; it counts for a login whose issuer says that it is verified.",
        default=None,
    )
    issuer: str | None = strawberry.field(
        description="Who says who they are: one of the issuers of the installation's settings.", default=None
    )
    subject: str | None = strawberry.field(
        description="Who they are to the issuer; for Microsoft Entra, the user's object id.", default=None
    )


@strawberry.input(description="Which invitation to revoke.")
class RevokeInvitationInput:
    invitation_id: strawberry.ID = strawberry.field(description="The invitation's id.")


def invitation_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations."""
    return [
        change_field(
            "inviteMember",
            InviteMemberInput,
            InvitationPayload,
            _invite,
            errors,
            target=WORKSPACE_OF,
            capability=Capability.MEMBERS_MANAGE,
            allowed=(ValidationError,),
            description="Lets somebody become a member at the next login within 14 days. No message is sent.",
        ),
        change_field(
            "revokeInvitation",
            RevokeInvitationInput,
            InvitationPayload,
            _revoke,
            errors,
            target=INVITATION,
            capability=Capability.MEMBERS_MANAGE,
            allowed=(),
            description="Lets an invitation count no more. Whoever came already stays a member.",
        ),
    ]


async def _invite(context: Context, place: Any, given: Any) -> InvitationPayload:
    async with context.database.begin() as tx:
        made = await service.invite(
            tx,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            email=given.email,
            issuer=given.issuer,
            subject=given.subject,
            role=given.role,
            tenant_ids=_tenants(given),
            held=context.actor.in_workspace(place.workspace_id) or NOTHING,
        )
    return InvitationPayload(invitation_id=made, workspace_id=place.workspace_id)


def _tenants(given: Any) -> list[UUID]:
    decoded = (ids.decode(id_, kind="Tenant", argument="tenantIds") for id_ in given.tenant_ids or ())
    return list(dict.fromkeys(decoded))


async def _revoke(context: Context, place: Any, given: Any) -> InvitationPayload:
    invitation_id = INVITATION.uuid(given)
    by = context.actor.by(context.request_id)
    async with context.database.begin() as tx:
        await service.revoke(tx, by, workspace_id=place.workspace_id, invitation_id=invitation_id)
    return InvitationPayload(invitation_id=invitation_id, workspace_id=place.workspace_id)
