"""How long backup sets are kept: the setting of a tenant, and what follows from it.

Sets that were made for the same reason, of the same choice of kinds, are a series. Of each series the
newest that are within the age and the count stay; so do the newest complete one, the newest one that
holds anything, and whatever is needed (`deletion`). Only sets that hold something are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text

from atlas_gql import audit
from atlas_gql.audit import ITSELF, By
from atlas_gql.db.database import ENGINE, Database, Row, Transaction
from atlas_gql.errors import BackupSetInUse, NotFound, ValidationError
from atlas_gql.ops.backups import hold_contents
from atlas_gql.ops.deletion import NEEDED, UNDO_WINDOW, delete_backup_set

LONGEST_DAYS, MOST_SETS = 36_500, 100_000

_READ = text(
    "SELECT backup_keep_days AS days, backup_keep_count AS count FROM tenants"
    " WHERE id = :tenant_id FOR NO KEY UPDATE"
)
_SET = text("UPDATE tenants SET backup_keep_days = :days, backup_keep_count = :count WHERE id = :tenant_id")

# Of one tenant, or of all. The oldest first.
_EXPIRED = text(
    f"""
    WITH series AS (
        SELECT kept.*, tenant.backup_keep_days AS days, tenant.backup_keep_count AS most,
            count(*) FILTER (WHERE kept.state IN ('complete', 'partial')) OVER newer AS newer,
            count(*) FILTER (WHERE kept.state = 'complete') OVER newer AS newer_complete
        FROM backup_sets AS kept JOIN tenants AS tenant ON tenant.id = kept.tenant_id
        WHERE (tenant.backup_keep_days IS NOT NULL OR tenant.backup_keep_count IS NOT NULL)
            AND tenant.purge_started_at IS NULL
            AND (CAST(:tenant_id AS uuid) IS NULL OR tenant.id = :tenant_id)
        WINDOW newer AS (
            PARTITION BY kept.tenant_id, kept.origin, kept.policy_types
            ORDER BY kept.created_at DESC, kept.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    )
    SELECT kept.id, kept.tenant_id, kept.days, kept.most FROM series AS kept
    WHERE (kept.newer >= kept.most OR kept.created_at < clock_timestamp() - make_interval(days => kept.days))
        AND NOT (kept.state = 'complete' AND kept.newer_complete = 0)
        AND NOT (kept.state IN ('complete', 'partial') AND kept.newer = 0)
        AND ({NEEDED}) IS NULL
    ORDER BY kept.created_at, kept.id LIMIT :at_most
    """  # noqa: S608 # literals
).bindparams(bindparam("tenant_id", type_=Uuid))


async def set_retention(
    tx: Transaction, by: By, *, tenant_id: UUID, workspace_id: UUID, days: int | None, count: int | None
) -> None:
    """Keep a tenant's backup sets for so many days, and so many of each series; null for ever, and all.

    Raises ValidationError, and NotFound for a tenant that is gone.
    """
    for name, value, most in (("days", days, LONGEST_DAYS), ("count", count, MOST_SETS)):
        if value is not None and not 1 <= value <= most:
            raise ValidationError(f"Give a number from 1 to {most}, or null.", field=name)
    before = await tx.one(_READ, tenant_id=tenant_id)
    if before is None:
        raise NotFound
    await tx.execute(_SET, tenant_id=tenant_id, days=days, count=count)
    await audit.record(
        tx,
        by=by,
        action="retention.changed",
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        resource=("Tenant", str(tenant_id)),
        details={
            "days": {"old": before.days, "new": days},
            "count": {"old": before.count, "new": count},
        },
    )


async def expired(database: Database, *, most: int = 1_000_000) -> Sequence[Row]:
    """The sets that would go now, of all tenants: `id`, `tenant_id`."""
    return await database.scope(ENGINE).fetch(_EXPIRED, tenant_id=None, undo_window=UNDO_WINDOW, at_most=most)


async def expire(database: Database, *, by: By = ITSELF) -> int:
    """Delete every set that is kept no longer, each in a transaction of its own; gives how many went."""
    gone = 0
    for tenant_id in dict.fromkeys(row.tenant_id for row in await expired(database)):
        try:
            while await _expire_one(database, tenant_id, by):
                gone += 1
        except BackupSetInUse:
            continue  # a plan was made of it at this very moment: the next pass looks again
    return gone


async def _expire_one(database: Database, tenant_id: UUID, by: By) -> bool:
    async with database.scope(ENGINE).begin() as tx:
        # First of all: nobody else deletes a set of the tenant meanwhile, which could leave it without any.
        await hold_contents(tx, tenant_id, forgetting=True)
        row = await tx.one(_EXPIRED, tenant_id=tenant_id, undo_window=UNDO_WINDOW, at_most=1)
        if row is None:
            return False
        because = {"retention": {"days": row.days, "count": row.most}}
        await delete_backup_set(tx, by, set_id=row.id, tenant_id=tenant_id, because=because)
        return True
