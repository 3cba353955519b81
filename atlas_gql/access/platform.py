"""What the platform's operators change: workspaces, users, and who owns a workspace first."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from atlas_gql import audit
from atlas_gql.access.capabilities import Role
from atlas_gql.access.invitations import invite
from atlas_gql.audit import By, changes_between
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.references import existing
from atlas_gql.db.tables import memberships, users, workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_name

# Whoever asks second waits, and then sees what the first one did.
_LOCK = select(workspaces.c.id).where(workspaces.c.id == bindparam("of_workspace")).with_for_update()
_TAKEN = select(
    exists().where(workspaces.c.name == bindparam("of_name"), workspaces.c.id != bindparam("of_workspace"))
)
_RENAME = update(workspaces).where(workspaces.c.id == bindparam("of_workspace")).values(name=bindparam("to"))
_OWNED = select(
    exists()
    .where(memberships.c.workspace_id == bindparam("of_workspace"), memberships.c.role == Role.OWNER.value)
    .where(memberships.c.user_id == users.c.id, users.c.disabled_at.is_(None))
)
_OWN = (
    insert(memberships)
    .values(workspace_id=bindparam("workspace_id"), user_id=bindparam("user_id"), role=Role.OWNER.value)
    .on_conflict_do_update(index_elements=["workspace_id", "user_id"], set_={"role": Role.OWNER.value})
)
_DISABLE = (
    update(users)
    .where(users.c.id == bindparam("of_user"), users.c.disabled_at.is_(None))
    .values(disabled_at=func.now())
)
_ENABLE = (
    update(users)
    .where(users.c.id == bindparam("of_user"), users.c.disabled_at.is_not(None))
    .values(disabled_at=None)
)


async def rename_workspace(tx: Transaction, by: By, *, workspace_id: UUID, name: str) -> None:
    """Give a workspace another name. Raises ValidationError for one that is malformed or taken."""
    name = checked_name(name)
    workspace = await _locked(tx, workspace_id)
    changes = changes_between({"name": workspace.name}, {"name": name})
    if not changes:
        return
    taken = await tx.one(_TAKEN, of_name=name, of_workspace=workspace_id)
    if taken is None or taken[0]:
        raise ValidationError("There is a workspace of this name already.", field="name")
    await tx.execute(_RENAME, of_workspace=workspace_id, to=name)
    await audit.record(
        tx,
        by=by,
        action="workspace.renamed",
        workspace_id=workspace_id,
        resource=("Workspace", str(workspace_id)),
        details=changes,
    )


async def set_first_owner(tx: Transaction, by: By, *, workspace_id: UUID, user_id: UUID) -> None:
    """Make a user the owner of a workspace that has none; after that, owners make others.

    Raises ValidationError when it has one, and for what is unknown or disabled.
    """
    await _locked(tx, workspace_id)
    user = await existing(tx, users, user_id, field="user_id")
    if user.disabled_at is not None:
        raise ValidationError("The user is disabled.", field="user_id")
    await _check_unowned(tx, workspace_id)
    await tx.execute(_OWN, workspace_id=workspace_id, user_id=user_id)
    await audit.record(
        tx,
        by=by,
        action="workspace.owner_set",
        workspace_id=workspace_id,
        resource=("User", str(user_id)),
        details={"role": Role.OWNER.value},
    )


async def invite_first_owner(
    tx: Transaction, by: By, *, workspace_id: UUID, email: str | None, issuer: str | None, subject: str | None
) -> UUID:
    """Invite the owner of a workspace that has none. Raises ValidationError."""
    await _locked(tx, workspace_id)
    await _check_unowned(tx, workspace_id)
    return await invite(
        tx,
        by,
        workspace_id=workspace_id,
        email=email,
        issuer=issuer,
        subject=subject,
        role=Role.OWNER,
        tenant_ids=(),
    )


async def _check_unowned(tx: Transaction, workspace_id: UUID) -> None:
    owned = await tx.one(_OWNED, of_workspace=workspace_id)
    if owned is None or owned[0]:
        raise ValidationError("The workspace has an owner, who can make others.", field="workspace_id")


async def set_disabled(tx: Transaction, by: By, *, user_id: UUID, disabled: bool) -> None:
    """Let a user in no more, or again; nothing of what the user did or may do is changed by that.

    Raises ValidationError for an unknown user, and for whoever asks.
    """
    await existing(tx, users, user_id, field="user_id")
    if user_id == by.user_id:
        raise ValidationError("This is you: somebody else has to do that.", field="user_id")
    if await tx.execute(_DISABLE if disabled else _ENABLE, of_user=user_id):
        await audit.record(
            tx,
            by=by,
            action="user.disabled" if disabled else "user.enabled",
            resource=("User", str(user_id)),
        )


async def _locked(tx: Transaction, workspace_id: UUID) -> Row:
    await tx.one(_LOCK, of_workspace=workspace_id)
    return await existing(tx, workspaces, workspace_id, field="workspace_id")
