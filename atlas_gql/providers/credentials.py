"""Credentials: what an application proves its identity with, sealed at rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import bindparam, delete, func, or_, select, update

from atlas_gql import audit
from atlas_gql.audit import By, changes_between
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import credentials, providers, workspaces
from atlas_gql.errors import CredentialInUse, ValidationError
from atlas_gql.providers.material import Material
from atlas_gql.providers.sealing import Sealer
from atlas_gql.values import checked_name

NAME_TAKEN = "The workspace has a credential of this name already."

USES = or_(providers.c.credential_id == credentials.c.id, providers.c.write_credential_id == credentials.c.id)
"""That a provider uses a credential, to read or to write."""
_ADD = adding(
    credentials, "id", "workspace_id", "name", "kind", "sealed", "key_id", "expires_at"
).on_conflict_do_nothing(index_elements=["workspace_id", "name"])
_LOCKED = (
    select(*(column for column in credentials.c if column.name not in ("sealed", "key_id")))
    .where(credentials.c.id == bindparam("of_credential"))
    .with_for_update()
)
_ROTATE = (
    update(credentials)
    .where(credentials.c.id == bindparam("of_credential"))
    .values(
        kind=bindparam("new_kind"),
        sealed=bindparam("data"),
        key_id=bindparam("by_key"),
        expires_at=bindparam("ends"),
        rotated_at=func.now(),
    )
)
_RENAME = (
    update(credentials)
    .where(credentials.c.id == bindparam("of_credential"))
    .values(name=bindparam("new_name"))
)
_USERS = (
    select(func.count().label("total"))
    .select_from(providers.join(credentials, USES))
    .where(credentials.c.id == bindparam("of_credential"))
)
_DELETE = delete(credentials).where(credentials.c.id == bindparam("of_credential"))
_OF_WORKSPACE = (
    select(
        *(column for column in credentials.c if column.name not in ("sealed", "key_id")),
        select(func.count())
        .select_from(providers)
        .where(USES)
        .correlate(credentials)
        .scalar_subquery()
        .label("providers"),
    )
    .where(credentials.c.workspace_id == bindparam("of_workspace"))
    .order_by(credentials.c.name, credentials.c.id)
)


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
    ends = _end(material, expires_at)
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
        expires_at=ends,
    )
    if not added:
        raise ValidationError(NAME_TAKEN, field="name")
    details = {"name": name, "kind": material.kind, "expiresAt": ends.isoformat() if ends else None}
    await _record(tx, by, "credential.created", credential_id, workspace_id, details)
    return credential_id


async def rotate_credential(
    tx: Transaction,
    by: By,
    sealer: Sealer,
    *,
    credential_id: UUID,
    material: Material,
    expires_at: datetime | None = None,
) -> None:
    """Put a new secret or certificate in the place of the old one; every provider that uses it follows.

    Without `expires_at`, it ends when the material says. Raises ValidationError for an unknown credential
    and for what has ended already.
    """
    ends = _end(material, expires_at)
    old = await _locked(tx, credential_id)
    sealed = sealer.seal(material.text, row=credential_id)
    await tx.execute(
        _ROTATE,
        of_credential=credential_id,
        new_kind=material.kind,
        data=sealed.data,
        by_key=sealed.key_id,
        ends=ends,
    )
    changes = changes_between(
        {"kind": old.kind, "expiresAt": old.expires_at}, {"kind": material.kind, "expiresAt": ends}
    )
    details = {"name": old.name, "changes": changes}
    await _record(tx, by, "credential.rotated", credential_id, old.workspace_id, details)


async def rename_credential(tx: Transaction, by: By, *, credential_id: UUID, name: str) -> bool:
    """Give a credential another name; False when it is called so already.

    Raises ValidationError for a malformed or taken name and an unknown credential.
    """
    name = checked_name(name)
    old = await _locked(tx, credential_id)
    if old.name == name:
        return False
    try:
        await tx.execute(_RENAME, of_credential=credential_id, new_name=name)
    except UniqueViolation as exc:
        raise ValidationError(NAME_TAKEN, field="name") from exc
    details = {"changes": changes_between({"name": old.name}, {"name": name})}
    await _record(tx, by, "credential.renamed", credential_id, old.workspace_id, details)
    return True


async def delete_credential(tx: Transaction, by: By, *, credential_id: UUID) -> None:
    """Forget a credential. Raises CredentialInUse while a provider uses it, ValidationError when unknown."""
    old = await _locked(tx, credential_id)
    users = await tx.one(_USERS, of_credential=credential_id)
    if users is not None and users.total:
        raise CredentialInUse(users.total)
    await tx.execute(_DELETE, of_credential=credential_id)
    details = {"name": old.name, "kind": old.kind}
    await _record(tx, by, "credential.deleted", credential_id, old.workspace_id, details)


async def credentials_of(tx: Transaction, workspace_id: UUID) -> list[Row]:
    """A workspace's credentials by name, without what is sealed, with how many `providers` use each."""
    return await tx.fetch(_OF_WORKSPACE, of_workspace=workspace_id)


async def _locked(tx: Transaction, credential_id: UUID) -> Row:
    """The credential, which nobody else changes or begins to use before the transaction's end."""
    row = await tx.one(_LOCKED, of_credential=credential_id)
    if row is None:
        raise ValidationError("There is no credential with this id.", field="credential")
    return row


def _end(material: Material, expires_at: datetime | None) -> datetime | None:
    ends = expires_at or material.expires_at
    if ends is not None and ends.tzinfo is None:
        raise ValidationError("The time lacks its time zone.", field="expiresAt")
    if ends is not None and ends <= datetime.now(UTC):
        raise ValidationError("The credential has expired already.", field="expiresAt")
    return ends


async def _record(
    tx: Transaction,
    by: By,
    action: str,
    credential_id: UUID,
    workspace_id: UUID,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        resource=("Credential", str(credential_id)),
        details=details,
    )
