"""Providers: how Atlas reaches a tenant, and whether it may write there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, delete, select, update

from atlas_gql import audit
from atlas_gql.audit import By, changes_between
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import credentials, providers, tenants, workspaces
from atlas_gql.errors import TenantArchived, ValidationError
from atlas_gql.values import checked_guid

CHANGEABLE = {
    "cloud": "cloud",
    "client_id": "clientId",
    "credential_id": "credentialId",
    "write_credential_id": "writeCredentialId",
    "write_client_id": "writeClientId",
    "writes_enabled": "writesEnabled",
}
"""What can be said of a provider, and changed: the columns, and their names in audit entries."""

_ADD = adding(providers, "id", "tenant_id", "workspace_id", *CHANGEABLE).on_conflict_do_nothing(
    index_elements=["tenant_id"]
)
_LOCKED = (
    select(providers, tenants.c.archived_at)
    .join(tenants, tenants.c.id == providers.c.tenant_id)
    .where(providers.c.id == bindparam("of_provider"))
    .with_for_update(of=providers)
)
_OF_TENANT = select(providers.c.id).where(providers.c.tenant_id == bindparam("of_tenant"))
_CHANGE = (
    update(providers)
    .where(providers.c.id == bindparam("of_provider"))
    .values({name: bindparam(f"new_{name}", type_=providers.c[name].type) for name in CHANGEABLE})
)
_DELETE = delete(providers).where(providers.c.id == bindparam("of_provider"))
# Locked as a new row's foreign key does it: a credential that is being deleted is waited for.
_WORKSPACES = (
    select(credentials.c.id, credentials.c.workspace_id)
    .where(credentials.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .with_for_update(read=True, key_share=True)
)
_writing = credentials.alias("writing")
_ALL: Select[Any] = (
    select(
        providers.c.id,
        workspaces.c.name.label("workspace"),
        tenants.c.name.label("tenant"),
        providers.c.tenant_id,
        providers.c.cloud,
        providers.c.client_id,
        credentials.c.name.label("credential"),
        providers.c.write_client_id,
        _writing.c.name.label("write_credential"),
        providers.c.writes_enabled,
        providers.c.created_at,
    )
    .select_from(
        providers.join(tenants, tenants.c.id == providers.c.tenant_id)
        .join(workspaces, workspaces.c.id == providers.c.workspace_id)
        .join(credentials, credentials.c.id == providers.c.credential_id)
        .outerjoin(_writing, _writing.c.id == providers.c.write_credential_id)
    )
    .order_by(workspaces.c.name, tenants.c.name, providers.c.id)
)
_OF_WORKSPACE = _ALL.where(providers.c.workspace_id == bindparam("of_workspace", type_=Uuid))


class CloudName(StrEnum):
    """Where a tenant lives: one of Microsoft's clouds, or a simulator."""

    GLOBAL = "global"
    US_GOVERNMENT = "us_government"
    US_GOVERNMENT_DOD = "us_government_dod"
    CHINA = "china"
    SIMULATOR = "simulator"


class Changes(TypedDict, total=False):
    """What to change of a provider; what is left out stays.

    With the write credential, its client id goes as well.
    """

    cloud: str
    client_id: str
    credential_id: UUID
    write_credential_id: UUID | None
    write_client_id: str | None
    writes_enabled: bool


async def create_provider(
    tx: Transaction,
    by: By,
    *,
    tenant_id: UUID,
    cloud: str,
    client_id: str,
    credential_id: UUID,
    write_credential_id: UUID | None = None,
    write_client_id: str | None = None,
    writes_enabled: bool = False,
) -> UUID:
    """Connect a tenant with Microsoft and give the provider's id; `client_id` is the application's.

    With a write credential, writing runs use that one, with a client id of its own where one is given.
    Raises ValidationError for malformed or unknown values, a credential of another workspace, and a tenant
    that has a provider; TenantArchived.
    """
    tenant = await existing(tx, tenants, tenant_id, field="tenant")
    if tenant.archived_at is not None:
        raise TenantArchived
    given = {
        "cloud": cloud,
        "client_id": client_id,
        "credential_id": credential_id,
        "write_credential_id": write_credential_id,
        "write_client_id": write_client_id,
        "writes_enabled": writes_enabled,
    }
    values = await _checked(tx, given, tenant.workspace_id)
    provider_id = new_id()
    added = await tx.execute(
        _ADD, id=provider_id, tenant_id=tenant_id, workspace_id=tenant.workspace_id, **values
    )
    if not added:
        raise ValidationError("The tenant has a provider already.", field="tenant")
    details = {key: value for key, value in _told(values).items() if value is not None}
    await _record(tx, by, "provider.created", provider_id, tenant_id, tenant.workspace_id, details)
    return provider_id


async def update_provider(tx: Transaction, by: By, *, provider_id: UUID, changes: Changes) -> bool:
    """Change a provider; False when all is as wanted already. Runs that start from then on follow it.

    Raises ValidationError for malformed or unknown values, and a credential of another workspace;
    TenantArchived.
    """
    old = await _locked(tx, provider_id)
    before = {name: getattr(old, name) for name in CHANGEABLE}
    wanted = {**before, **changes}
    if wanted["write_credential_id"] is None and "write_client_id" not in changes:
        wanted["write_client_id"] = None
    values = await _checked(tx, wanted, old.workspace_id)
    told = changes_between(_told(before), _told(values))
    if not told:
        return False
    await tx.execute(_CHANGE, of_provider=provider_id, **{f"new_{key}": values[key] for key in CHANGEABLE})
    details = {"changes": told}
    await _record(tx, by, "provider.changed", provider_id, old.tenant_id, old.workspace_id, details)
    return True


async def delete_provider(tx: Transaction, by: By, *, provider_id: UUID) -> None:
    """Disconnect a tenant; what was backed up stays.

    Raises ValidationError for an unknown provider; TenantArchived.
    """
    old = await _locked(tx, provider_id)
    await tx.execute(_DELETE, of_provider=provider_id)
    before = _told({name: getattr(old, name) for name in CHANGEABLE})
    details = {key: value for key, value in before.items() if value is not None}
    await _record(tx, by, "provider.deleted", provider_id, old.tenant_id, old.workspace_id, details)


async def provider_of(tx: Transaction, tenant_id: UUID) -> UUID:
    """The id of a tenant's provider. Raises ValidationError when it has none."""
    row = await tx.one(_OF_TENANT, of_tenant=tenant_id)
    if row is None:
        raise ValidationError("The tenant has no provider.", field="tenant")
    provider_id: UUID = row.id
    return provider_id


async def all_providers(tx: Transaction, workspace_id: UUID | None = None) -> list[Row]:
    """The providers of a workspace, or all, with the names of what they link; by workspace and tenant."""
    if workspace_id is None:
        return await tx.fetch(_ALL)
    return await tx.fetch(_OF_WORKSPACE, of_workspace=workspace_id)


async def _locked(tx: Transaction, provider_id: UUID) -> Row:
    row = await tx.one(_LOCKED, of_provider=provider_id)
    if row is None:
        raise ValidationError("There is no provider with this id.", field="provider")
    if row.archived_at is not None:
        raise TenantArchived
    return row


async def _checked(tx: Transaction, given: Mapping[str, Any], workspace_id: UUID) -> dict[str, Any]:
    """The values as they are stored. Raises ValidationError for what does not fit."""
    values = dict(given)
    if values["cloud"] not in list(CloudName):
        raise ValidationError(f"A cloud is one of {', '.join(CloudName)}.", field="cloud")
    values["client_id"] = str(checked_guid(values["client_id"], field="clientId"))
    if values["write_client_id"] is not None:
        if values["write_credential_id"] is None:
            raise ValidationError("A client id for writes needs a write credential.", field="writeClientId")
        values["write_client_id"] = str(checked_guid(values["write_client_id"], field="writeClientId"))
    used = {"credential": values["credential_id"], "writeCredential": values["write_credential_id"]}
    ids = list({credential_id for credential_id in used.values() if credential_id is not None})
    owners = {row.id: row.workspace_id for row in await tx.fetch(_WORKSPACES, ids=ids)}
    for field, credential_id in used.items():
        if credential_id is None:
            continue
        if credential_id not in owners:
            raise ValidationError("There is no credential with this id.", field=field)
        if owners[credential_id] != workspace_id:
            raise ValidationError("The credential belongs to another workspace.", field=field)
    return values


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as an audit entry shows them."""
    return {
        told: str(values[name]) if isinstance(values[name], UUID) else values[name]
        for name, told in CHANGEABLE.items()
    }


async def _record(
    tx: Transaction,
    by: By,
    action: str,
    provider_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        resource=("Provider", str(provider_id)),
        details=details,
    )
