"""Tenants: the Microsoft Entra tenants that a workspace looks after."""

from __future__ import annotations

from uuid import UUID

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import tenants, workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.values import checked_domain, checked_guid, checked_name

_ADD = adding(
    tenants, "id", "workspace_id", "name", "entra_tenant_id", "primary_domain"
).on_conflict_do_nothing(index_elements=["workspace_id", "entra_tenant_id"])


async def create_tenant(
    tx: Transaction, by: By, *, workspace_id: UUID, name: str, entra_tenant_id: str, primary_domain: str
) -> UUID:
    """Add a tenant to a workspace and give its id; `entra_tenant_id` is the id Microsoft gave it.

    Raises ValidationError for malformed values, an unknown workspace, and a tenant that it has already.
    """
    tenant_id, name = new_id(), checked_name(name)
    entra_id = checked_guid(entra_tenant_id, field="entraTenantId")
    domain = checked_domain(primary_domain, field="primaryDomain")
    await existing(tx, workspaces, workspace_id, field="workspace")
    added = await tx.execute(
        _ADD,
        id=tenant_id,
        workspace_id=workspace_id,
        name=name,
        entra_tenant_id=entra_id,
        primary_domain=domain,
    )
    if not added:
        raise ValidationError("The workspace has this Entra tenant already.", field="entraTenantId")
    await audit.record(
        tx,
        by=by,
        action="tenant.created",
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        resource=("Tenant", str(tenant_id)),
        details={"name": name, "entraTenantId": str(entra_id), "primaryDomain": domain},
    )
    return tenant_id
