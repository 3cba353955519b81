"""Workspaces: the organisations that own tenants and members."""

from __future__ import annotations

from uuid import UUID

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_name

_ADD = adding(workspaces, "id", "name").on_conflict_do_nothing(index_elements=["name"])


async def create_workspace(tx: Transaction, by: By, *, name: str) -> UUID:
    """Make a workspace and give its id. Raises ValidationError for a name that is malformed or taken."""
    workspace_id, name = new_id(), checked_name(name)
    if not await tx.execute(_ADD, id=workspace_id, name=name):
        raise ValidationError("There is a workspace of this name already.", field="name")
    await audit.record(
        tx,
        by=by,
        action="workspace.created",
        workspace_id=workspace_id,
        resource=("Workspace", str(workspace_id)),
        details={"name": name},
    )
    return workspace_id
