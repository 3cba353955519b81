"""From what a login proves to a user: linked by issuer and subject, made when an invitation waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from atlas_gql import audit
from atlas_gql.access import tokens
from atlas_gql.access.actors import Actor
from atlas_gql.access.capabilities import Role
from atlas_gql.access.invitations import WAITING, checked_identity
from atlas_gql.access.logins import Login
from atlas_gql.access.members import MEMBER
from atlas_gql.audit import COMMAND, By
from atlas_gql.db.database import ENGINE, NOBODY, Database, Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import (
    identities,
    invitations,
    memberships,
    tenant_grants,
    tenants,
    users,
)
from atlas_gql.errors import ValidationError
from atlas_gql.values import LONGEST_NAME

# Two first logins of one person are one after the other.
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 11)))
_WAITING = select(invitations).where(WAITING).order_by(invitations.c.id).with_for_update()
_KNOWN = (
    select(users.c.id, users.c.name, users.c.disabled_at)
    .select_from(identities.join(users, users.c.id == identities.c.user_id))
    .where(identities.c.issuer == bindparam("issuer"), identities.c.subject == bindparam("subject"))
)
_ADD_USER = adding(users, "id", "name", "email").on_conflict_do_nothing(index_elements=["name"])
_LINK = adding(identities, "issuer", "subject", "user_id")
_UNLINK = delete(identities).where(
    identities.c.issuer == bindparam("of_issuer"),
    identities.c.subject == bindparam("of_subject"),
    identities.c.user_id == bindparam("of_user"),
)
_ACCEPT = (
    update(invitations).where(invitations.c.id == bindparam("of_invitation")).values(accepted_at=func.now())
)
_rank = {Role.OWNER.value: 3, Role.MANAGER.value: 2, MEMBER: 1}
_ADD = insert(memberships).values(
    workspace_id=bindparam("workspace_id"), user_id=bindparam("user_id"), role=bindparam("role")
)
# What somebody has already is never taken away by an invitation.
_JOIN = _ADD.on_conflict_do_update(
    index_elements=["workspace_id", "user_id"],
    set_={
        "role": case(
            (
                case(_rank, value=_ADD.excluded.role) > case(_rank, value=memberships.c.role),
                _ADD.excluded.role,
            ),
            else_=memberships.c.role,
        )
    },
).returning(memberships.c.role)
_STILL_THERE = select(tenants.c.id).where(
    tenants.c.workspace_id == bindparam("of_workspace"),
    tenants.c.id == any_(bindparam("tenant_ids", type_=ARRAY(Uuid))),
    tenants.c.archived_at.is_(None),
)
_GRANT = insert(tenant_grants).values(
    tenant_id=bindparam("tenant_id"),
    workspace_id=bindparam("workspace_id"),
    user_id=bindparam("user_id"),
    role=bindparam("role"),
)
_GRANT = _GRANT.on_conflict_do_update(
    index_elements=["tenant_id", "user_id"],
    set_={"role": _GRANT.excluded.role},
    where=_GRANT.excluded.role == Role.OPERATOR.value,
)
# As with every role for all tenants: a later step back must not bring them to life again.
_END_GRANTS = delete(tenant_grants).where(
    tenant_grants.c.workspace_id == bindparam("of_workspace"), tenant_grants.c.user_id == bindparam("of_user")
)


async def actor_of_login(database: Database, login: Login) -> Actor | None:
    """The actor behind a login; None for whoever is neither known nor invited, or is disabled.

    Costs one statement; the login that accepts an invitation takes a transaction more.
    """
    asked = {"issuer": login.issuer, "subject": login.subject, "email": login.email}
    row = await database.scope(NOBODY).one(tokens.LOGIN, **asked)
    if row is not None and row.invited:
        async with database.scope(ENGINE).begin() as tx:
            await _accept(tx, login, asked)
        row = await database.scope(NOBODY).one(tokens.LOGIN, **asked)
    if row is None or row.user_id is None:
        return None
    return tokens.actor_of_rights(row, ends_at=login.ends_at)


async def _accept(tx: Transaction, login: Login, asked: dict[str, Any]) -> None:
    """Accept every invitation that waits for this login."""
    await tx.one(_LOCK, key=f"{login.issuer} {login.subject}")
    known = await tx.one(_KNOWN, issuer=login.issuer, subject=login.subject)
    if known is not None and known.disabled_at is not None:
        return
    waiting = await tx.fetch(_WAITING, **asked)
    if not waiting:
        return
    user_id, name = (known.id, known.name) if known else await _add_user(tx, login)
    by = By(kind="user", name=name, user_id=user_id)
    if known is None:
        await audit.record(
            tx, by=by, action="user.created", resource=("User", str(user_id)), details={"name": name}
        )
    for invitation in waiting:
        await _join(tx, by, user_id, invitation)


async def _add_user(tx: Transaction, login: Login) -> tuple[UUID, str]:
    user_id = new_id()
    wanted = login.name or "Somebody"
    # Names are unique, and whoever comes second is told apart.
    for name in (wanted, f"{wanted[: LONGEST_NAME - 40]} ({user_id})"):
        if await tx.execute(_ADD_USER, id=user_id, name=name, email=login.email):
            break
    await tx.execute(_LINK, issuer=login.issuer, subject=login.subject, user_id=user_id)
    return user_id, name


async def _join(tx: Transaction, by: By, user_id: UUID, invitation: Row) -> None:
    whole = (Role.OWNER, Role.MANAGER)
    of = {"workspace_id": invitation.workspace_id, "user_id": user_id}
    joined = await tx.one(_JOIN, **of, role=invitation.role if invitation.role in whole else MEMBER)
    granted = []
    if joined is not None and joined.role in whole:
        await tx.execute(_END_GRANTS, of_workspace=invitation.workspace_id, of_user=user_id)
    else:
        rows = await tx.fetch(
            _STILL_THERE, of_workspace=invitation.workspace_id, tenant_ids=invitation.tenant_ids
        )
        granted = [row.id for row in rows]
        for tenant_id in granted:
            await tx.execute(_GRANT, **of, tenant_id=tenant_id, role=invitation.role)
    await tx.execute(_ACCEPT, of_invitation=invitation.id)
    await audit.record(
        tx,
        by=by,
        action="invitation.accepted",
        workspace_id=invitation.workspace_id,
        resource=("Invitation", str(invitation.id)),
        details={"role": invitation.role, "tenants": sorted(map(str, granted))},
    )


async def link(tx: Transaction, *, user_id: UUID, issuer: str, subject: str, by: By = COMMAND) -> bool:
    """Let whoever an issuer knows by this subject in as a user who is there; False when that was so before.

    Raises ValidationError for an unknown user, and for an identity that cannot be one or is another user's.
    """
    issuer, subject = checked_identity(issuer, subject)
    user = await existing(tx, users, user_id, field="user")
    await tx.one(_LOCK, key=f"{issuer} {subject}")
    known = await tx.one(_KNOWN, issuer=issuer, subject=subject)
    if known is not None and known.id != user_id:
        raise ValidationError("This is another user already.", field="subject")
    if known is not None:
        return False
    await tx.execute(_LINK, issuer=issuer, subject=subject, user_id=user_id)
    await _record(tx, by, "user.linked", user.id, issuer)
    return True


async def unlink(tx: Transaction, *, user_id: UUID, issuer: str, subject: str, by: By = COMMAND) -> bool:
    """Let a subject of an issuer be the user no more; False when it was not. Raises ValidationError."""
    user = await existing(tx, users, user_id, field="user")
    if not await tx.execute(_UNLINK, of_issuer=issuer, of_subject=subject, of_user=user_id):
        return False
    await _record(tx, by, "user.unlinked", user.id, issuer)
    return True


async def _record(tx: Transaction, by: By, action: str, user_id: UUID, issuer: str) -> None:
    # Not the subject: to some issuers it is an address, and the trail holds none.
    await audit.record(tx, by=by, action=action, resource=("User", str(user_id)), details={"issuer": issuer})
