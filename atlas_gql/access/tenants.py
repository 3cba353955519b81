"""Tenants: the Microsoft Entra tenants that a workspace looks after.

An archived tenant keeps everything, for whoever could read it; nothing is started or changed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from atlas_gql import audit
from atlas_gql.audit import By, changes_between
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import existing
from atlas_gql.db.statements import adding
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.db.tables import tenants, workspaces
from atlas_gql.errors import NotFound, TenantArchived, TenantInUse, ValidationError
from atlas_gql.values import checked_domain, checked_guid, checked_name

_ADD = adding(
    tenants, "id", "workspace_id", "name", "entra_tenant_id", "primary_domain"
).on_conflict_do_nothing(index_elements=["workspace_id", "entra_tenant_id"])

CHANGEABLE = {"name": "name", "primary_domain": "primaryDomain"}
"""What a rename changes, and how the API calls it."""

# Against any start, which holds the row for its key: one that waits sees what became of it.
_HOLD = select(
    tenants.c.name, tenants.c.primary_domain, tenants.c.archived_at, tenants.c.purge_started_at
).where(
    tenants.c.id == bindparam("of_tenant"), tenants.c.workspace_id == bindparam("of_workspace")
).with_for_update()  # fmt: skip
_HOLD_NAMES = _HOLD.with_for_update(key_share=True)
_RENAME = (
    update(tenants)
    .where(tenants.c.id == bindparam("of_tenant"))
    .values(name=bindparam("new_name"), primary_domain=bindparam("new_domain"))
)
_ARCHIVE = (
    update(tenants).where(tenants.c.id == bindparam("of_tenant")).values(archived_at=func.clock_timestamp())
)
_UNARCHIVE = update(tenants).where(tenants.c.id == bindparam("of_tenant")).values(archived_at=None)
# What listeners do keeps nobody waiting: it is asked to stop with the rest.
_RUNNING = (
    select(runs.c.id)
    .where(runs.c.tenant_id == bindparam("of_tenant"), runs.c.status == "running", ~runs.c.internal)
    .limit(1)
)
# One that a worker takes up at this moment is asked to stop between two items.
_STOP = (
    update(runs)
    .where(runs.c.tenant_id == bindparam("of_tenant"), runs.c.status != "completed")
    .values(cancel_requested_at=func.coalesce(runs.c.cancel_requested_at, func.clock_timestamp()))
    .returning(runs.c.id, runs.c.attempt, runs.c.status)
)


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


async def rename_tenant(
    tx: Transaction, by: By, *, workspace_id: UUID, tenant_id: UUID, changes: Mapping[str, str]
) -> None:
    """Change what a tenant is called: its `name`, its `primary_domain`; nothing where that is so already.

    Raises ValidationError, TenantArchived, and NotFound.
    """
    wanted: dict[str, str] = {}
    if "name" in changes:
        wanted["name"] = checked_name(changes["name"])
    if "primary_domain" in changes:
        wanted["primary_domain"] = checked_domain(changes["primary_domain"], field="primaryDomain")
    row = await _held(tx, _HOLD_NAMES, workspace_id, tenant_id)
    if row.archived_at is not None:
        raise TenantArchived
    old = {name: getattr(row, name) for name in CHANGEABLE}
    new = {**old, **wanted}
    if new == old:
        return
    await tx.execute(_RENAME, of_tenant=tenant_id, new_name=new["name"], new_domain=new["primary_domain"])
    changed = changes_between(_as_called(old), _as_called(new))
    await _record(tx, by, "tenant.renamed", workspace_id, tenant_id, changes=changed)


async def archive_tenant(tx: Transaction, by: By, *, workspace_id: UUID, tenant_id: UUID) -> list[Row]:
    """Archive a tenant; gives its queued runs (`id`, `attempt`), to be ended as cancelled after the commit.

    Nothing is done where it is archived already. Raises TenantInUse while a run of it is running, and
    NotFound.
    """
    row = await _held(tx, _HOLD, workspace_id, tenant_id)
    if row.archived_at is not None:
        return []
    if await tx.one(_RUNNING, of_tenant=tenant_id) is not None:
        raise TenantInUse("A run of the tenant is running: cancel it, or wait for its end.")
    await tx.execute(_ARCHIVE, of_tenant=tenant_id)
    stopped = await tx.fetch(_STOP, of_tenant=tenant_id)
    ended = {"cancelledRuns": sorted(str(run.id) for run in stopped)} if stopped else {}
    await _record(tx, by, "tenant.archived", workspace_id, tenant_id, name=row.name, **ended)
    return [run for run in stopped if run.status == "queued"]


async def unarchive_tenant(tx: Transaction, by: By, *, workspace_id: UUID, tenant_id: UUID) -> None:
    """Let work go on in an archived tenant; nothing is done where it is not archived.

    Raises TenantInUse for one that is being removed, and NotFound.
    """
    row = await _held(tx, _HOLD, workspace_id, tenant_id)
    if row.archived_at is None:
        return
    if row.purge_started_at is not None:
        raise TenantInUse("The tenant is being removed: that has no way back.")
    await tx.execute(_UNARCHIVE, of_tenant=tenant_id)
    await _record(tx, by, "tenant.unarchived", workspace_id, tenant_id, name=row.name)


async def _held(tx: Transaction, hold: Any, workspace_id: UUID, tenant_id: UUID) -> Row:
    row = await tx.one(hold, of_tenant=tenant_id, of_workspace=workspace_id)
    if row is None:
        raise NotFound
    return row


def _as_called(values: Mapping[str, str]) -> dict[str, str]:
    return {CHANGEABLE[name]: value for name, value in values.items()}


async def _record(
    tx: Transaction, by: By, action: str, workspace_id: UUID, tenant_id: UUID, **details: Any
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        resource=("Tenant", str(tenant_id)),
        details=details,
    )
