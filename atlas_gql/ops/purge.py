"""Purging a tenant whose customer left: everything of it goes, and the audit trail stays.

It begins with one transaction that a person confirmed; from then on the tenant is archived, and workers
remove it part by part, in small transactions that any of them can go on with after any other died. The
tenant's own row is the record of how far they are; it goes last.

Plans in other tenants that were made of its backups hold its names, so they go as well, with their runs;
what their executions did stays in the audit trail, and the state before them in backup sets.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Table, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.db.tables import (
    backup_contents,
    backup_sets,
    operation_runs,
    plugin_documents,
    plugin_tenant_settings,
    policies,
    providers,
    restore_runs,
    tenant_grants,
)
from atlas_gql.errors import NotFound, TenantInUse, ValidationError
from atlas_gql.ops.schedules import forget_tenant
from atlas_gql.redaction import redact_text

log = structlog.get_logger("atlas.upkeep")

PARTS: tuple[tuple[Table, int], ...] = (
    (operation_runs, 10),
    (restore_runs, 10),
    (backup_sets, 5),
    (backup_contents, 1000),
    (policies, 1000),
    (plugin_documents, 100),
    (plugin_tenant_settings, 10),
    (providers, 10),
    (tenant_grants, 1000),
)
"""What a tenant owns, in the order in which it goes, and how many rows go at once; rows below them go with
them. A test sees to it that nothing is missing."""

_HOLD = text(
    "SELECT name, entra_tenant_id, primary_domain, purge_started_at FROM tenants"
    " WHERE id = :tenant_id FOR UPDATE"
)
_ACTIVE = text(
    """
    SELECT FROM operation_runs AS run LEFT JOIN restore_runs AS plan ON plan.id = run.subject_id
    WHERE run.status <> 'completed' AND NOT run.internal AND run.workspace_id = :workspace_id
        AND (run.tenant_id = :tenant_id OR plan.source_tenant_id = :tenant_id)
    LIMIT 1
    """
)
_COPIES = text(
    """
    SELECT count(*) AS sets FROM backup_sets
    WHERE workspace_id = :workspace_id AND origin = 'imported' AND tenant_id <> :tenant_id
        AND source ->> 'entraTenantId' = :entra_tenant_id
    """
)
_CREDENTIALS = text("SELECT credential_id, write_credential_id FROM providers WHERE tenant_id = :tenant_id")
_BEGIN = text(
    """
    UPDATE tenants SET archived_at = coalesce(archived_at, clock_timestamp()),
        purge_started_at = clock_timestamp(), purge = :purge
    WHERE id = :tenant_id
    """
).bindparams(bindparam("purge", type_=JSONB))

_PURGING = text("SELECT id FROM tenants WHERE purge IS NOT NULL ORDER BY purge_started_at")
# One worker at a time goes on with a tenant.
_TAKE = text(
    """
    SELECT id, workspace_id, purge FROM tenants WHERE id = :tenant_id AND purge IS NOT NULL
    FOR UPDATE SKIP LOCKED
    """
)
_NOTE = text(
    """
    UPDATE tenants SET purge = jsonb_set(purge, ARRAY['removed', CAST(:part AS text)], to_jsonb(
        coalesce(CAST(purge #>> ARRAY['removed', CAST(:part AS text)] AS int), 0) + CAST(:count AS int)
    ))
    WHERE id = :tenant_id
    """
)
_RUNS_ELSEWHERE = text(
    """
    DELETE FROM operation_runs WHERE id IN (
        SELECT run.id FROM operation_runs AS run
        JOIN restore_runs AS plan ON plan.id = run.subject_id AND plan.tenant_id = run.tenant_id
        WHERE plan.source_tenant_id = :tenant_id AND plan.tenant_id <> :tenant_id
            AND NOT EXISTS (
                SELECT FROM operation_runs AS later
                WHERE later.retry_of = run.id OR later.parent_run_id = run.id
            )
        LIMIT 10
    )
    """
)
_PLANS_ELSEWHERE = text(
    """
    DELETE FROM restore_runs WHERE id IN (
        SELECT id FROM restore_runs WHERE source_tenant_id = :tenant_id AND tenant_id <> :tenant_id LIMIT 10
    )
    """
)
_FORGET_CREDENTIALS = text(
    """
    DELETE FROM credentials WHERE id = ANY (:ids) AND NOT EXISTS (
        SELECT FROM providers
        WHERE providers.credential_id = credentials.id OR providers.write_credential_id = credentials.id
    ) RETURNING id, name
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
_END = text("DELETE FROM tenants WHERE id = :tenant_id")


def _deleting(table: Table, at_once: int) -> Any:
    """The statement that deletes some of a tenant's rows; a run goes after what it led to."""
    leaf = (
        "NOT EXISTS (SELECT FROM operation_runs AS later"
        " WHERE later.retry_of = part.id OR later.parent_run_id = part.id)"
    )
    return text(
        f"DELETE FROM {table.name} WHERE ctid = ANY (ARRAY("  # noqa: S608 # literals
        f" SELECT ctid FROM {table.name} AS part WHERE tenant_id = :tenant_id"
        f" AND {leaf if table is operation_runs else 'true'} LIMIT {at_once}))"
    )


_DELETIONS = {table.name: _deleting(table, at_once) for table, at_once in PARTS}


async def begin_purge(
    tx: Transaction,
    by: By,
    *,
    tenant_id: UUID,
    workspace_id: UUID,
    confirmation: str,
    reason: str,
    delete_credentials: bool,
) -> None:
    """Archive a tenant and let workers remove it; audited. Nothing is done where that has begun already.

    `confirmation` is its primary domain. Raises ValidationError, TenantInUse, and NotFound.
    """
    row = await tx.one(_HOLD, tenant_id=tenant_id)
    if row is None:
        raise NotFound
    if row.purge_started_at is not None:
        return
    if confirmation.strip().lower() != row.primary_domain.lower():
        raise ValidationError("Type the tenant's primary domain to confirm.", field="confirmation")
    if not reason.strip():
        raise ValidationError("Say why: the audit trail keeps the reason.", field="reason")
    await _check_idle(tx, tenant_id, workspace_id, str(row.entra_tenant_id))
    provider = await tx.one(_CREDENTIALS, tenant_id=tenant_id) if delete_credentials else None
    credentials = {provider.credential_id, provider.write_credential_id} - {None} if provider else set()
    known = {
        "name": row.name,
        "primaryDomain": row.primary_domain,
        "entraTenantId": str(row.entra_tenant_id),
        "deleteCredentials": delete_credentials,
    }
    purge = {
        "by": by.to_json(),
        "reason": redact_text(reason),
        "known": known,
        "credentials": sorted(map(str, credentials)),
        "removed": {},
    }
    await tx.execute(_BEGIN, tenant_id=tenant_id, purge=purge)
    await _audit(tx, by, "tenant.purge_started", tenant_id, workspace_id, reason, known)


async def _check_idle(tx: Transaction, tenant_id: UUID, workspace_id: UUID, entra_tenant_id: str) -> None:
    if await tx.one(_ACTIVE, tenant_id=tenant_id, workspace_id=workspace_id) is not None:
        raise TenantInUse(
            "A run of the tenant, or a restore of its backups into another tenant, is active: cancel it, or"
            " wait for its end."
        )
    copies = await tx.one(
        _COPIES, tenant_id=tenant_id, workspace_id=workspace_id, entra_tenant_id=entra_tenant_id
    )
    if copies is not None and copies.sets:
        raise TenantInUse(
            "Another tenant of the workspace holds imported backups of this tenant: delete these first."
        )


async def purge(database: Database) -> int:
    """Go on with every tenant that is being purged, as far as nobody else does; gives how many are gone."""
    gone = 0
    for row in await database.scope(ENGINE).fetch(_PURGING):
        try:
            while (left := await purge_some(database, row.id)) is True:
                pass
            gone += left is False
        except Exception as exc:
            # One tenant that cannot be removed must not keep the others.
            log.exception("tenant could not be purged", tenant=str(row.id), exc_info=exc)
    return gone


async def purge_some(database: Database, tenant_id: UUID) -> bool | None:
    """Remove one part, in one transaction. True while more is left, False when the tenant itself is gone;
    None when somebody else is at it, or it is gone already."""
    async with database.scope(ENGINE).begin() as tx:
        row = await tx.one(_TAKE, tenant_id=tenant_id)
        if row is None:
            return None
        for part, statement in (
            ("runs_elsewhere", _RUNS_ELSEWHERE),
            ("plans_elsewhere", _PLANS_ELSEWHERE),
            *_DELETIONS.items(),
        ):
            if count := await tx.execute(statement, tenant_id=tenant_id):
                await tx.execute(_NOTE, tenant_id=tenant_id, part=part, count=count)
                return True
        await _end(tx, row)
        return False


async def _end(tx: Transaction, row: Any) -> None:
    by, reason = By.from_json(row.purge["by"]), row.purge["reason"]
    ids = [UUID(credential) for credential in row.purge["credentials"]]
    for credential in await tx.fetch(_FORGET_CREDENTIALS, ids=ids):
        await audit.record(
            tx,
            by=by,
            action="credential.deleted",
            workspace_id=row.workspace_id,
            resource=("Credential", str(credential.id)),
            details={"name": credential.name},
        )
    details = {**row.purge["known"], "removed": row.purge["removed"]}
    await forget_tenant(tx, workspace_id=row.workspace_id, tenant_id=row.id)
    await _audit(tx, by, "tenant.purged", row.id, row.workspace_id, reason, details)
    await tx.execute(_END, tenant_id=row.id)


async def _audit(
    tx: Transaction,
    by: By,
    action: str,
    tenant_id: UUID,
    workspace_id: UUID,
    reason: str,
    details: dict[str, Any],
) -> None:
    await audit.record(
        tx,
        by=by,
        action=action,
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        resource=("Tenant", str(tenant_id)),
        reason=reason,
        details=details,
    )
