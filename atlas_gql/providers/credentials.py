"""Credentials: what an application proves its identity with, sealed at rest."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import credentials, workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.providers.material import Material
from atlas_gql.providers.sealing import Sealer
from atlas_gql.values import checked_name

_ADD = adding(
    credentials, "id", "workspace_id", "name", "kind", "sealed", "key_id", "expires_at"
).on_conflict_do_nothing(index_elements=["workspace_id", "name"])


async def create_credential(
    tx: Transaction,
    by: By,
    sealer: Sealer,
    *,
    workspace_id: UUID,
    name: str,
    material: Material,
    expires_at: datetime | None = None,
) -> UUID:
    """Seal a secret or certificate for a workspace and give the credential's id.

    Without `expires_at`, it ends when the material says. Raises ValidationError for a malformed or taken
    name, an unknown workspace, and what has ended already.
    """
    credential_id, name = new_id(), checked_name(name)
    expires_at = expires_at or material.expires_at
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise ValidationError("The credential has expired already.", field="expiresAt")
    await existing(tx, workspaces, workspace_id, field="workspace")
    sealed = sealer.seal(material.text, row=credential_id)
    added = await tx.execute(
        _ADD,
        id=credential_id,
        workspace_id=workspace_id,
        name=name,
        kind=material.kind,
        sealed=sealed.data,
        key_id=sealed.key_id,
        expires_at=expires_at,
    )
    if not added:
        raise ValidationError("The workspace has a credential of this name already.", field="name")
    await audit.record(
        tx,
        by=by,
        action="credential.created",
        workspace_id=workspace_id,
        resource=("Credential", str(credential_id)),
        details={
            "name": name,
            "kind": material.kind,
            "expiresAt": expires_at.isoformat() if expires_at else None,
        },
    )
    return credential_id
