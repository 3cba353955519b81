"""A workspace keeps an owner, whatever happens at the same time.

Whoever takes a membership away, or makes less of it, first holds all memberships of the workspace: of two
owners who remove each other at once, the second finds itself the last.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, func, select

from atlas_gql.access.capabilities import Role
from atlas_gql.db.database import Transaction
from atlas_gql.db.tables import memberships, users
from atlas_gql.errors import LastOwner

# A lock of its own: rows would have to be locked in one order, and by whoever may only read them.
_HOLD = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("of"), 10)))
_ANOTHER = (
    select(memberships.c.user_id)
    .select_from(memberships.join(users))
    .where(
        memberships.c.workspace_id == bindparam("of_workspace"),
        memberships.c.role == Role.OWNER.value,
        memberships.c.user_id != bindparam("other_than"),
        users.c.disabled_at.is_(None),
    )
    .limit(1)
)


async def hold_members(tx: Transaction, workspace_id: UUID) -> None:
    """Let nobody else change the workspace's memberships until the transaction ends."""
    await tx.execute(_HOLD, of=str(workspace_id))


async def check_another_owner(tx: Transaction, workspace_id: UUID, user_id: UUID) -> None:
    """Raises LastOwner unless the workspace, which is held, has an owner beside this one who can log in."""
    if await tx.one(_ANOTHER, of_workspace=workspace_id, other_than=user_id) is None:
        raise LastOwner
