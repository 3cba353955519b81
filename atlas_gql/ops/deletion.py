"""Deleting backup sets: what something needs stays, and what nothing else uses goes with them.

A set is needed while it is captured, while a run works on it, while a plan that was made of it can be
executed, and, when it is the state before a restore, for as long as that restore can be undone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from atlas_gql import audit
from atlas_gql.audit import By
from atlas_gql.db.database import Transaction
from atlas_gql.errors import BackupSetInUse, NotFound
from atlas_gql.ops.backups import hold_contents

UNDO_WINDOW = timedelta(days=30)
"""How long the state before a restore is kept, whoever wants it gone."""

# Of a row `kept` of backup_sets; `:undo_window` is an interval. Null when nothing needs it.
NEEDED = """
    CASE
        WHEN kept.state = 'capturing' THEN 'capturing'
        WHEN EXISTS (
            SELECT FROM operation_runs AS run
            WHERE run.tenant_id = kept.tenant_id AND run.subject_id = kept.id AND run.status <> 'completed'
        ) THEN 'worked_on'
        WHEN EXISTS (
            SELECT FROM restore_runs AS plan
            WHERE (plan.backup_set_id = kept.id OR plan.against_set_id = kept.id) AND (
                plan.state = 'planned' AND plan.purpose <> 'compare'
                    AND plan.expires_at > clock_timestamp() AND NOT EXISTS (
                    SELECT FROM operation_runs AS run
                    WHERE run.tenant_id = plan.tenant_id AND run.subject_id = plan.id AND run.writes
                        AND run.outcome = 'succeeded'
                ) OR EXISTS (
                    SELECT FROM operation_runs AS run
                    WHERE run.tenant_id = plan.tenant_id AND run.subject_id = plan.id
                        AND run.status <> 'completed'
                )
            )
        ) THEN 'planned'
        WHEN kept.origin = 'before_restore' AND kept.item_count > 0
            AND kept.created_at > clock_timestamp() - :undo_window THEN 'undo'
    END
"""

_REFUSALS = {
    "capturing": "The backup set is being captured: wait for the end of its run, or cancel it.",
    "worked_on": "A run is working on the backup set: wait for its end, or cancel it.",
    "planned": "A plan made of the backup set can still be executed: wait until it has expired.",
    "undo": f"The backup set is the state before a restore: undoing may need it for {UNDO_WINDOW.days} days.",
}

# Whoever is about to plan with the set holds its row; then it is needed by that plan.
_HOLD = text(
    "SELECT tenant_id, workspace_id, origin, created_at, item_count FROM backup_sets"
    " WHERE id = :set_id FOR UPDATE"
)
# A statement of its own: it sees what was committed before the row was held.
_NEEDED = text(f"SELECT {NEEDED} AS by FROM backup_sets AS kept WHERE kept.id = :set_id")  # noqa: S608 # literals

# Contents and items in one statement: the link between them is checked at its end.
_DELETE_ITEMS = text(
    """
    WITH gone AS (
        DELETE FROM backup_items WHERE backup_set_id = :set_id RETURNING content_hash
    )
    DELETE FROM backup_contents AS content
    USING (SELECT DISTINCT content_hash FROM gone) AS used
    WHERE content.tenant_id = :tenant_id AND content.hash = used.content_hash AND NOT EXISTS (
        SELECT FROM backup_items AS other
        WHERE other.tenant_id = content.tenant_id AND other.content_hash = content.hash
            AND other.backup_set_id <> :set_id
    )
    """
)
_DELETE = text("DELETE FROM backup_sets WHERE id = :set_id")


async def delete_backup_set(
    tx: Transaction, by: By, *, set_id: UUID, tenant_id: UUID, because: dict[str, Any] | None = None
) -> None:
    """Delete a set of the tenant, with its items and the contents that no other set has; audited.

    `because` goes into the audit entry's details. Raises NotFound, and BackupSetInUse for what is needed.
    """
    await hold_contents(tx, tenant_id, forgetting=True)
    row = await tx.one(_HOLD, set_id=set_id)
    if row is None or row.tenant_id != tenant_id:
        raise NotFound
    needed = await tx.one(_NEEDED, set_id=set_id, undo_window=UNDO_WINDOW)
    if needed is not None and needed.by is not None:
        raise BackupSetInUse(_REFUSALS[needed.by])
    contents = await tx.execute(_DELETE_ITEMS, set_id=set_id, tenant_id=tenant_id)
    await tx.execute(_DELETE, set_id=set_id)
    await audit.record(
        tx,
        by=by,
        action="backup.deleted",
        workspace_id=row.workspace_id,
        tenant_id=tenant_id,
        resource=("BackupSet", str(set_id)),
        details={
            "origin": row.origin,
            "createdAt": row.created_at.isoformat(),
            "items": row.item_count,
            "contents": contents,
            **(because or {}),
        },
    )
