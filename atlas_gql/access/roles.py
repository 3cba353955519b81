"""What a member is, changed: another role, grants of tenants, and the end of a membership.

Each change holds the workspace's memberships and looks at them anew: the rights that a request came with
may have been taken away meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, delete, select, text, update

from atlas_gql import audit
from atlas_gql.access.capabilities import CAPABILITIES, Capability, Role
from atlas_gql.access.members import MEMBER
from atlas_gql.access.owners import check_another_owner, hold_members
from atlas_gql.audit import By
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import memberships, tenant_grants, tenants
from atlas_gql.errors import Forbidden, NotFound, ValidationError

WHOLE = (Role.OWNER.value, Role.MANAGER.value, MEMBER)
GRANTED = (Role.OPERATOR.value, Role.READONLY.value)
MOST_TENANTS = 1000
"""How many tenants one change may name."""

_acting = memberships.alias("acting")
_ROLE_OF_ACTOR = (
    select(_acting.c.role)
    .where(
        _acting.c.workspace_id == memberships.c.workspace_id,
        _acting.c.user_id == bindparam("by_user", type_=Uuid),
    )
    .correlate(memberships)
    .scalar_subquery()
)
_LOOK = select(
    memberships.c.user_id, memberships.c.role, _ROLE_OF_ACTOR.label("role_of_actor")
).where(
    memberships.c.id == bindparam("of_member"), memberships.c.workspace_id == bindparam("of_workspace")
)  # fmt: skip
_OWN = select(memberships.c.id).where(
    memberships.c.user_id == bindparam("of_user"), memberships.c.workspace_id == bindparam("of_workspace")
)
_SET_ROLE = update(memberships).where(memberships.c.id == bindparam("of_member")).values(
    role=bindparam("new_role")
)  # fmt: skip
_END = delete(memberships).where(memberships.c.id == bindparam("of_member"))

_OF_USER = (
    tenant_grants.c.workspace_id == bindparam("of_workspace"),
    tenant_grants.c.user_id == bindparam("of_user"),
)
_NO_GRANTS = delete(tenant_grants).where(*_OF_USER).returning(tenant_grants.c.tenant_id)
_NAMED = bindparam("tenant_ids", type_=ARRAY(Uuid))
_REVOKE = (
    delete(tenant_grants)
    .where(*_OF_USER, tenant_grants.c.tenant_id == any_(_NAMED))
    .returning(tenant_grants.c.tenant_id)
)
_KNOWN = select(tenants.c.id).where(
    tenants.c.workspace_id == bindparam("of_workspace"), tenants.c.id == any_(_NAMED)
)
# What was granted so already is not touched, and not given back.
_GRANT = text(
    """
    INSERT INTO tenant_grants AS grants (tenant_id, workspace_id, user_id, role)
    SELECT tenant_id, :of_workspace, :of_user, :new_role FROM unnest(:tenant_ids) AS given(tenant_id)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role WHERE grants.role <> excluded.role
    RETURNING tenant_id
    """
).bindparams(
    bindparam("tenant_ids", type_=ARRAY(Uuid)),
    bindparam("of_workspace", type_=Uuid),
    bindparam("of_user", type_=Uuid),
    bindparam("new_role", type_=Text),
)


async def change_role(tx: Transaction, by: By, *, workspace_id: UUID, member_id: UUID, role: str) -> None:
    """Make a member owner or manager of the workspace, or one (`member`) who reaches only what is granted.

    Who reaches all tenants has no grants: they end. Nothing is done where the member is that already. Raises
    LastOwner, Forbidden, NotFound.
    """
    if role not in WHOLE:
        raise ValidationError(f"A member is one of {', '.join(WHOLE)}.", field="role")
    found = await _held(tx, by, workspace_id, member_id)
    if found.role == role:
        return
    if found.role == Role.OWNER:
        await check_another_owner(tx, workspace_id, found.user_id)
    await tx.execute(_SET_ROLE, of_member=member_id, new_role=role)
    ended = []
    if role != MEMBER:
        ended = await tx.fetch(_NO_GRANTS, of_workspace=workspace_id, of_user=found.user_id)
    changes = {"role": {"old": found.role, "new": role}}
    await _record(tx, by, "membership.changed", workspace_id, found, changes=changes, **_revoked(ended))


async def grant_tenants(
    tx: Transaction, by: By, *, workspace_id: UUID, member_id: UUID, tenant_ids: Collection[UUID], role: str
) -> None:
    """Make a member operator or readonly of tenants, in the place of what it is there.

    Raises NotFound also for a tenant that is not the workspace's, and ValidationError for a member who
    reaches all of them.
    """
    if role not in GRANTED:
        raise ValidationError(f"A tenant is granted to one of {', '.join(GRANTED)}.", field="role")
    named = _checked(tenant_ids)
    found = await _held(tx, by, workspace_id, member_id)
    if len(await tx.fetch(_KNOWN, of_workspace=workspace_id, tenant_ids=named)) != len(named):
        raise NotFound
    if found.role != MEMBER:
        raise ValidationError(f"A member with the role {found.role} reaches all tenants.", field="memberId")
    granted = await tx.fetch(
        _GRANT, of_workspace=workspace_id, of_user=found.user_id, tenant_ids=named, new_role=role
    )
    if granted:
        await _record(tx, by, "membership.changed", workspace_id, found, role=role, tenants=_texts(granted))


async def revoke_grants(
    tx: Transaction, by: By, *, workspace_id: UUID, member_id: UUID, tenant_ids: Collection[UUID]
) -> None:
    """Take tenants away from a member; one that was not granted is as one that was taken away before.

    Raises NotFound for a tenant that is not the workspace's.
    """
    named = _checked(tenant_ids)
    found = await _held(tx, by, workspace_id, member_id)
    if len(await tx.fetch(_KNOWN, of_workspace=workspace_id, tenant_ids=named)) != len(named):
        raise NotFound
    ended = await tx.fetch(_REVOKE, of_workspace=workspace_id, of_user=found.user_id, tenant_ids=named)
    if ended:
        await _record(tx, by, "membership.changed", workspace_id, found, **_revoked(ended))


async def remove_member(tx: Transaction, by: By, *, workspace_id: UUID, member_id: UUID) -> None:
    """End a membership, with all that was granted to it. Raises LastOwner, Forbidden, NotFound."""
    found = await _held(tx, by, workspace_id, member_id)
    await _end(tx, by, workspace_id, member_id, found)


async def leave(tx: Transaction, by: By, *, workspace_id: UUID) -> UUID:
    """End the actor's own membership, which takes no capability; gives its id.

    Raises LastOwner, and NotFound for who is no member.
    """
    await hold_members(tx, workspace_id)
    own = await tx.one(_OWN, of_workspace=workspace_id, of_user=by.user_id)
    if own is None:
        raise NotFound
    found = await tx.one(_LOOK, of_workspace=workspace_id, of_member=own.id, by_user=by.user_id)
    member_id: UUID = own.id
    await _end(tx, by, workspace_id, member_id, found)
    return member_id


async def _held(tx: Transaction, by: By, workspace_id: UUID, member_id: UUID) -> Row:
    """The membership, which nobody else changes meanwhile; the actor may still change it."""
    await hold_members(tx, workspace_id)
    found = await tx.one(_LOOK, of_workspace=workspace_id, of_member=member_id, by_user=by.user_id)
    if found is None:
        raise NotFound
    if by.user_id is not None:
        _check_still_manages(found.role_of_actor)
    return found


def _check_still_manages(role: str | None) -> None:
    if role is None:
        raise NotFound
    if role == MEMBER or Capability.MEMBERS_MANAGE.value not in CAPABILITIES[Role(role)]:
        raise Forbidden(Capability.MEMBERS_MANAGE)


async def _end(tx: Transaction, by: By, workspace_id: UUID, member_id: UUID, found: Any) -> None:
    if found.role == Role.OWNER:
        await check_another_owner(tx, workspace_id, found.user_id)
    ended = await tx.fetch(_NO_GRANTS, of_workspace=workspace_id, of_user=found.user_id)
    # Before it ends: afterwards, who leaves may write nothing here.
    await _record(tx, by, "membership.removed", workspace_id, found, role=found.role, **_revoked(ended))
    await tx.execute(_END, of_member=member_id)


def _checked(tenant_ids: Collection[UUID]) -> list[UUID]:
    named = list(dict.fromkeys(tenant_ids))
    if not 0 < len(named) <= MOST_TENANTS:
        raise ValidationError(f"Name 1 to {MOST_TENANTS} tenants.", field="tenantIds")
    return named


def _revoked(rows: list[Row]) -> dict[str, Any]:
    return {"revoked": _texts(rows)} if rows else {}


def _texts(rows: list[Row]) -> list[str]:
    return sorted(str(row.tenant_id) for row in rows)


async def _record(
    tx: Transaction, by: By, action: str, workspace_id: UUID, found: Any, **details: Any
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        resource=("User", str(found.user_id)),
        details=details,
    )
