"""Providers: how Atlas reaches a tenant, and whether it may write there."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import credentials, providers, tenants
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_guid

_ADD = adding(
    providers,
    "id",
    "tenant_id",
    "workspace_id",
    "cloud",
    "client_id",
    "credential_id",
    "write_credential_id",
    "writes_enabled",
).on_conflict_do_nothing(index_elements=["tenant_id"])
_OF_TENANT = select(providers).where(providers.c.tenant_id == bindparam("of_tenant")).with_for_update()
_SET_WRITES = (
    update(providers)
    .where(providers.c.id == bindparam("of_provider"))
    .values(writes_enabled=bindparam("enabled"))
)


class CloudName(StrEnum):
    """Where a tenant lives: one of Microsoft's clouds, or a simulator."""

    GLOBAL = "global"
    US_GOVERNMENT = "us_government"
    US_GOVERNMENT_DOD = "us_government_dod"
    CHINA = "china"
    SIMULATOR = "simulator"


async def create_provider(
    tx: Transaction,
    by: By,
    *,
    tenant_id: UUID,
    cloud: str,
    client_id: str,
    credential_id: UUID,
    write_credential_id: UUID | None = None,
    writes_enabled: bool = False,
) -> UUID:
    """Connect a tenant with Microsoft and give the provider's id; `client_id` is the application's.

    With a write credential, writing runs use that one. Raises ValidationError for malformed or unknown
    values, a credential of another workspace, and a tenant that has a provider.
    """
    if cloud not in list(CloudName):
        raise ValidationError(f"A cloud is one of {', '.join(CloudName)}.", field="cloud")
    application = str(checked_guid(client_id, field="clientId"))
    tenant = await existing(tx, tenants, tenant_id, field="tenant")
    await _check_credential(tx, credential_id, tenant.workspace_id, field="credential")
    if write_credential_id is not None:
        await _check_credential(tx, write_credential_id, tenant.workspace_id, field="writeCredential")
    provider_id = new_id()
    added = await tx.execute(
        _ADD,
        id=provider_id,
        tenant_id=tenant_id,
        workspace_id=tenant.workspace_id,
        cloud=cloud,
        client_id=application,
        credential_id=credential_id,
        write_credential_id=write_credential_id,
        writes_enabled=writes_enabled,
    )
    if not added:
        raise ValidationError("The tenant has a provider already.", field="tenant")
    details = {"cloud": cloud, "clientId": application, "writesEnabled": writes_enabled}
    await _record(tx, by, "provider.created", provider_id, tenant_id, tenant.workspace_id, details)
    return provider_id


async def set_writes(tx: Transaction, by: By, *, tenant_id: UUID, enabled: bool) -> bool:
    """Let writing runs use a tenant's provider, or not; False when that was so before.

    Raises ValidationError when the tenant has no provider.
    """
    provider = await tx.one(_OF_TENANT, of_tenant=tenant_id)
    if provider is None:
        raise ValidationError("The tenant has no provider.", field="tenant")
    if provider.writes_enabled == enabled:
        return False
    await tx.execute(_SET_WRITES, of_provider=provider.id, enabled=enabled)
    details = {"writesEnabled": enabled}
    await _record(tx, by, "provider.changed", provider.id, tenant_id, provider.workspace_id, details)
    return True


async def _check_credential(tx: Transaction, credential_id: UUID, workspace_id: UUID, *, field: str) -> None:
    credential = await existing(tx, credentials, credential_id, field=field)
    if credential.workspace_id != workspace_id:
        raise ValidationError("The credential belongs to another workspace.", field=field)


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
