"""Users, and what they are in a workspace."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, and_, bindparam, case, cast, func, null, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from atlas_gql import audit
from atlas_gql.access.capabilities import Role
from atlas_gql.audit import By
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import memberships, tenant_grants, tenants, users, workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_email, checked_name

MEMBER = "member"
"""The role of a member who reaches only what is granted."""
_WHOLE_WORKSPACE = (Role.OWNER, Role.MANAGER)

_ADD_USER = adding(users, "id", "name", "email").on_conflict_do_nothing(index_elements=["name"])
_ADD = adding(memberships, "workspace_id", "user_id", "role").on_conflict_do_nothing(
    index_elements=["workspace_id", "user_id"]
)
_GRANT = adding(tenant_grants, "tenant_id", "workspace_id", "user_id", "role").on_conflict_do_nothing(
    index_elements=["tenant_id", "user_id"]
)
_ROLE = select(memberships.c.role).where(
    memberships.c.workspace_id == bindparam("of_workspace"), memberships.c.user_id == bindparam("of_user")
)
_USERS = select(users).order_by(users.c.name)
# A member of some tenants has a line for each of the roles granted there.
_GRANTED = and_(
    tenant_grants.c.workspace_id == memberships.c.workspace_id,
    tenant_grants.c.user_id == memberships.c.user_id,
)
_EACH_ROLE = func.coalesce(tenant_grants.c.role, memberships.c.role)
_MEMBERS = (
    select(
        users.c.name,
        users.c.id.label("user_id"),
        _EACH_ROLE.label("role"),
        case(
            (memberships.c.role != MEMBER, cast(null(), ARRAY(Text))),
            else_=func.array_remove(
                func.array_agg(aggregate_order_by(tenants.c.name, tenants.c.name, tenants.c.id)), None
            ),
        ).label("tenants"),
    )
    .select_from(
        memberships.join(users)
        .outerjoin(tenant_grants, _GRANTED)
        .outerjoin(tenants, tenants.c.id == tenant_grants.c.tenant_id)
    )
    .where(memberships.c.workspace_id == bindparam("of_workspace", type_=Uuid))
    .group_by(users.c.name, users.c.id, memberships.c.role, tenant_grants.c.role)
    .order_by(users.c.name, _EACH_ROLE)
)


async def create_user(tx: Transaction, by: By, *, name: str, email: str | None = None) -> UUID:
    """Make a user and give its id. Raises ValidationError for malformed values and a name that is taken."""
    user_id, name = new_id(), checked_name(name)
    address = None if email is None else checked_email(email)
    if not await tx.execute(_ADD_USER, id=user_id, name=name, email=address):
        raise ValidationError("There is a user of this name already.", field="name")
    await audit.record(
        tx, by=by, action="user.created", resource=("User", str(user_id)), details={"name": name}
    )
    return user_id


async def add_member(
    tx: Transaction,
    by: By,
    *,
    workspace_id: UUID,
    user_id: UUID,
    role: str,
    tenant_ids: Collection[UUID] = (),
) -> None:
    """Make a user owner or manager of a workspace, or operator or readonly of some of its tenants.

    A user who reaches some tenants may be given further ones. Raises ValidationError for what is unknown,
    for a role that does not fit, and for what the user has already.
    """
    check_role(role, tenant_ids)
    await existing(tx, workspaces, workspace_id, field="workspace")
    await existing(tx, users, user_id, field="user")
    whole = role in _WHOLE_WORKSPACE
    added = await tx.execute(_ADD, workspace_id=workspace_id, user_id=user_id, role=role if whole else MEMBER)
    if not added:
        present = await tx.one(_ROLE, of_workspace=workspace_id, of_user=user_id)
        if whole or present is None or present.role != MEMBER:
            raise ValidationError("The user is a member of this workspace already.", field="user")
    for tenant_id in tenant_ids:
        await _grant(tx, workspace_id=workspace_id, tenant_id=tenant_id, user_id=user_id, role=role)
    await audit.record(
        tx,
        by=by,
        action="membership.created" if added else "membership.changed",
        workspace_id=workspace_id,
        resource=("User", str(user_id)),
        details={"role": role, "tenants": [str(tenant_id) for tenant_id in tenant_ids]},
    )


def check_role(role: str, tenant_ids: Collection[UUID]) -> None:
    """Raises ValidationError for what is no role, and for tenants that do not go with it."""
    if role not in list(Role):
        raise ValidationError(f"A role is one of {', '.join(Role)}.", field="role")
    if role in _WHOLE_WORKSPACE and tenant_ids:
        raise ValidationError(
            f"A member with the role {role} reaches all tenants: name none.", field="tenants"
        )
    if role not in _WHOLE_WORKSPACE and not tenant_ids:
        raise ValidationError(f"The role {role} is given for tenants: name at least one.", field="tenants")


async def _grant(tx: Transaction, *, workspace_id: UUID, tenant_id: UUID, user_id: UUID, role: str) -> None:
    tenant = await existing(tx, tenants, tenant_id, field="tenants")
    if tenant.workspace_id != workspace_id:
        raise ValidationError("A tenant belongs to another workspace.", field="tenants")
    added = await tx.execute(
        _GRANT, tenant_id=tenant_id, workspace_id=workspace_id, user_id=user_id, role=role
    )
    if not added:
        raise ValidationError(f"The user has a role for the tenant {tenant.name} already.", field="tenants")


async def all_users(tx: Transaction) -> list[Row]:
    """Every user, by name."""
    return await tx.fetch(_USERS)


async def members_of(tx: Transaction, workspace_id: UUID) -> list[Row]:
    """The members of a workspace by name: a row for each role, with the names of the `tenants` it reaches.

    `tenants` is None where that is all of them.
    """
    return await tx.fetch(_MEMBERS, of_workspace=workspace_id)
