"""Mutations of members: what somebody is in a workspace, and which tenants are granted to them."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from atlas_gql.access import roles as service
from atlas_gql.access.capabilities import CAPABILITIES, Capability, Role
from atlas_gql.errors import DomainError, LastOwner, NotFound, ValidationError
from atlas_gql.schema import ids
from atlas_gql.schema.changes import DeletePayload, Work, change_field
from atlas_gql.schema.context import Context
from atlas_gql.schema.enums import MemberRole, TenantRole
from atlas_gql.schema.errors import ErrorTypes
from atlas_gql.schema.mutations import WORKSPACE_OF, IsMember, Target, demand
from atlas_gql.schema.permissions import Place, held
from atlas_gql.schema.types.members import MemberPayload

MEMBER = Target("Member", "member_id")

_MEMBER_ID = "The member's id."
_TENANT_IDS = f"The tenants' ids, at most {service.MOST_TENANTS}."


@strawberry.input(description="Whose role to change, and to what.")
class ChangeMemberRoleInput:
    member_id: strawberry.ID = strawberry.field(description=_MEMBER_ID)
    role: MemberRole = strawberry.field(
        description="What the member will be. Owners and managers reach every tenant: their grants end."
    )


@strawberry.input(description="Which tenants to grant to whom.")
class GrantTenantsInput:
    member_id: strawberry.ID = strawberry.field(
        description=f"{_MEMBER_ID} Of one who does not reach all tenants already."
    )
    tenant_ids: list[strawberry.ID] = strawberry.field(description=_TENANT_IDS)
    role: TenantRole = strawberry.field(description="What the member will be in each of them.")


@strawberry.input(description="Which tenants to take away from whom.")
class RevokeGrantsInput:
    member_id: strawberry.ID = strawberry.field(description=_MEMBER_ID)
    tenant_ids: list[strawberry.ID] = strawberry.field(description=_TENANT_IDS)


@strawberry.input(description="Whom to remove from the workspace.")
class RemoveMemberInput:
    member_id: strawberry.ID = strawberry.field(description=_MEMBER_ID)


@strawberry.input(description="Which workspace to leave.")
class LeaveWorkspaceInput:
    workspace_id: strawberry.ID = strawberry.field(description="The workspace's id.")


def member_fields(errors: ErrorTypes) -> list[StrawberryField]:
    """The mutations of members."""

    def field(
        name: str,
        input_type: type,
        work: Work,
        description: str,
        *,
        payload: type = MemberPayload,
        allowed: tuple[type[DomainError], ...] = (ValidationError,),
    ) -> StrawberryField:
        return change_field(
            name,
            input_type,
            payload,
            work,
            errors,
            target=MEMBER,
            capability=Capability.MEMBERS_MANAGE,
            allowed=allowed,
            description=description,
        )

    return [
        field(
            "changeMemberRole",
            ChangeMemberRoleInput,
            _change_role,
            "Makes a member owner or manager of the workspace, or one who reaches only what is granted. It"
            " gives nothing that you do not hold yourself.",
            allowed=(LastOwner,),
        ),
        field(
            "grantTenants",
            GrantTenantsInput,
            _grant,
            "Makes a member operator or reader of tenants, in the place of what the member is there.",
        ),
        field("revokeGrants", RevokeGrantsInput, _revoke, "Takes tenants away from a member."),
        field(
            "removeMember",
            RemoveMemberInput,
            _remove,
            "Ends a membership and all its grants. What the user watches ends at once, and runs of the user"
            " that wait will not be carried out.",
            payload=DeletePayload,
            allowed=(LastOwner,),
        ),
        change_field(
            "leaveWorkspace",
            LeaveWorkspaceInput,
            DeletePayload,
            _leave,
            errors,
            target=WORKSPACE_OF,
            guards=[IsMember()],
            allowed=(LastOwner,),
            description="Ends your own membership of a workspace, as `removeMember` does.",
        ),
    ]


async def _change_role(context: Context, place: Any, given: Any) -> MemberPayload:
    role = given.role
    if role in (Role.OWNER, Role.MANAGER):
        await _demand_all(context, "changeMemberRole", role, place)
    async with context.database.begin() as tx:
        await service.change_role(
            tx,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            member_id=MEMBER.uuid(given),
            role=role,
        )
    return MemberPayload(member_id=MEMBER.uuid(given), workspace_id=place.workspace_id)


async def _grant(context: Context, place: Any, given: Any) -> MemberPayload:
    tenant_ids = _tenants(given)
    for tenant_id in tenant_ids:
        at = Place(workspace_id=place.workspace_id, tenant_id=tenant_id)
        if held(context.actor, at) is None:
            raise NotFound
        await _demand_all(context, "grantTenants", given.role, at)
    async with context.database.begin() as tx:
        await service.grant_tenants(
            tx,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            member_id=MEMBER.uuid(given),
            tenant_ids=tenant_ids,
            role=given.role,
        )
    return MemberPayload(member_id=MEMBER.uuid(given), workspace_id=place.workspace_id)


async def _revoke(context: Context, place: Any, given: Any) -> MemberPayload:
    async with context.database.begin() as tx:
        await service.revoke_grants(
            tx,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            member_id=MEMBER.uuid(given),
            tenant_ids=_tenants(given),
        )
    return MemberPayload(member_id=MEMBER.uuid(given), workspace_id=place.workspace_id)


async def _remove(context: Context, place: Any, given: Any) -> DeletePayload:
    async with context.database.begin() as tx:
        await service.remove_member(
            tx,
            context.actor.by(context.request_id),
            workspace_id=place.workspace_id,
            member_id=MEMBER.uuid(given),
        )
    return DeletePayload(deleted_id=given.member_id)


async def _leave(context: Context, place: Any, _given: Any) -> DeletePayload:
    async with context.database.begin() as tx:
        by = context.actor.by(context.request_id)
        member_id = await service.leave(tx, by, workspace_id=place.workspace_id)
    return DeletePayload(deleted_id=ids.encode("Member", member_id))


async def _demand_all(context: Context, mutation: str, role: str, place: Any) -> None:
    """Raises Forbidden unless the caller holds all that the role would give: nobody gives what they lack."""
    for capability in sorted(CAPABILITIES[Role(role)]):
        await demand(context, mutation, capability, place)


def _tenants(given: Any) -> list[Any]:
    """The tenants' keys. Raises ValidationError, and BadUserInput for what is no tenant's id."""
    if len(given.tenant_ids) > service.MOST_TENANTS:
        raise ValidationError(f"Name at most {service.MOST_TENANTS} tenants.", field="tenantIds")
    return [ids.decode(id_, kind="Tenant", argument="tenantIds") for id_ in given.tenant_ids]
