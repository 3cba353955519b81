"""Invitations: who may become a member at the first login, and as what."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, and_, any_, bindparam, exists, func, literal_column, or_, select, update

from atlas_gql import audit
from atlas_gql.access.capabilities import CAPABILITIES, Capability, Role
from atlas_gql.access.members import check_role
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import invitations, memberships, tenants, users
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_email

LIFE = timedelta(days=14)
MOST = 500
"""Open invitations of a workspace."""
MOST_TENANTS = 200
LONGEST = 500
"""Characters of an issuer or a subject."""

_ADD = adding(
    invitations,
    *("id", "workspace_id", "email", "issuer", "subject", "role", "tenant_ids", "invited_by", "expires_at"),
)
_open = and_(
    invitations.c.accepted_at.is_(None),
    invitations.c.revoked_at.is_(None),
    invitations.c.expires_at > func.now(),
)
# Whoever makes the last one at the same time counts after the first has committed.
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 13)))
_OPEN = select(func.count().label("total")).where(
    invitations.c.workspace_id == bindparam("of_workspace"), _open
)
_TENANTS = select(tenants.c.id).where(
    tenants.c.workspace_id == bindparam("of_workspace"),
    tenants.c.id == any_(bindparam("tenant_ids", type_=ARRAY(Uuid))),
)
_REVOKE = (
    update(invitations)
    .where(
        invitations.c.id == bindparam("of_invitation"),
        invitations.c.accepted_at.is_(None),
        invitations.c.revoked_at.is_(None),
    )
    .values(revoked_at=func.now())
)

_INVITING = [
    role.value for role in (Role.OWNER, Role.MANAGER) if Capability.MEMBERS_MANAGE in CAPABILITIES[role]
]
# An invitation is worth what its inviter may still give: the platform gives a workspace its first owner only.
_by_somebody_who_may = or_(
    and_(
        invitations.c.invited_by.is_(None),
        ~exists()
        .where(
            memberships.c.workspace_id == invitations.c.workspace_id,
            memberships.c.role == Role.OWNER.value,
            users.c.id == memberships.c.user_id,
            users.c.disabled_at.is_(None),
        )
        .correlate(invitations),
    ),
    exists()
    .where(
        memberships.c.workspace_id == invitations.c.workspace_id,
        memberships.c.user_id == invitations.c.invited_by,
        or_(*(memberships.c.role == literal_column(f"'{role}'") for role in _INVITING)),
        users.c.id == invitations.c.invited_by,
        users.c.disabled_at.is_(None),
    )
    .correlate(invitations),
)
WAITING = and_(
    _open,
    or_(
        and_(invitations.c.issuer == bindparam("issuer"), invitations.c.subject == bindparam("subject")),
        invitations.c.email == bindparam("email", type_=invitations.c.email.type),
    ),
    _by_somebody_who_may,
)
"""That an invitation waits for whoever logs in; without a verified address, `email` is None."""


async def invite(
    tx: Transaction,
    by: By,
    *,
    workspace_id: UUID,
    email: str | None,
    issuer: str | None,
    subject: str | None,
    role: str,
    tenant_ids: Collection[UUID],
    held: frozenset[str] | None = None,
) -> UUID:
    """Invite whoever has this verified address, or this identity; gives the invitation's id.

    `held` are the capabilities of who invites, who cannot give more; None for the platform. Raises
    ValidationError.
    """
    email, issuer, subject = _whom(email, issuer, subject)
    check_role(role, tenant_ids)
    if held is not None and not CAPABILITIES[Role(role)] <= held:
        raise ValidationError("You cannot give more than you hold.", field="role")
    await _check(tx, workspace_id, tenant_ids)
    invitation_id = new_id()
    await tx.execute(
        _ADD,
        id=invitation_id,
        workspace_id=workspace_id,
        email=email,
        issuer=issuer,
        subject=subject,
        role=role,
        tenant_ids=list(tenant_ids) or None,
        invited_by=None if held is None else by.user_id,
        expires_at=datetime.now(UTC) + LIFE,
    )
    # Whom is not said: the trail holds no personal address, and is kept for ever.
    details = {"role": role, "tenants": [str(tenant_id) for tenant_id in tenant_ids]}
    await _record(tx, by, "invitation.created", workspace_id, invitation_id, details)
    return invitation_id


async def revoke(tx: Transaction, by: By, *, workspace_id: UUID, invitation_id: UUID) -> bool:
    """Let an invitation count no more; False when it was accepted or revoked before."""
    if not await tx.execute(_REVOKE, of_invitation=invitation_id):
        return False
    await _record(tx, by, "invitation.revoked", workspace_id, invitation_id, {})
    return True


def _whom(email: str | None, issuer: str | None, subject: str | None) -> tuple[str | None, ...]:
    if (email is None) == (subject is None):
        raise ValidationError("Give an e-mail address, or an issuer and a subject.", field="email")
    if (issuer is None) != (subject is None):
        raise ValidationError("An issuer and a subject go together.", field="issuer")
    if email is not None:
        return checked_email(email).lower(), None, None
    return None, *checked_identity(issuer or "", subject or "")


def checked_identity(issuer: str, subject: str) -> tuple[str, str]:
    """Who somebody is to an issuer, as it was given. Raises ValidationError for what cannot be that."""
    for field, text in (("issuer", issuer), ("subject", subject)):
        if not text or len(text) > LONGEST or not text.isprintable():
            raise ValidationError("This cannot be one.", field=field)
    return issuer, subject


async def _check(tx: Transaction, workspace_id: UUID, tenant_ids: Collection[UUID]) -> None:
    if len(tenant_ids) > MOST_TENANTS:
        raise ValidationError(f"Name at most {MOST_TENANTS} tenants.", field="tenant_ids")
    rows = await tx.fetch(_TENANTS, of_workspace=workspace_id, tenant_ids=list(tenant_ids))
    if {row.id for row in rows} != set(tenant_ids):
        raise ValidationError("There is no such tenant in the workspace.", field="tenant_ids")
    await tx.execute(_LOCK, key=str(workspace_id))
    row = await tx.one(_OPEN, of_workspace=workspace_id)
    assert row is not None
    if row.total >= MOST:
        raise ValidationError(f"{MOST} invitations are open: revoke some first.", field="workspace_id")


async def _record(
    tx: Transaction, by: By, action: str, workspace_id: UUID, invitation_id: UUID, details: dict[str, Any]
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        resource=("Invitation", str(invitation_id)),
        details=details,
    )
