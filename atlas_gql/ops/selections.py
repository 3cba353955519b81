"""What a start copies into a restore run: selected policies of a backup, or of the state before a restore.

The plan's run sees what it needs there, and never reads the source tenant's rows itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import Transaction
from atlas_gql.db.tables import backup_sets, restore_items, tenants
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import NotFound, ValidationError
from atlas_gql.plugins.restores import Mentioned

# Held: until the plan is there that needs it, nobody deletes the set or purges its tenant.
_SET = (
    select(
        backup_sets.c.tenant_id,
        backup_sets.c.state,
        # An imported set says what it was where it was made.
        func.coalesce(backup_sets.c.source["origin"].astext, backup_sets.c.origin).label("origin"),
        backup_sets.c.policy_types,
    )
    .join(tenants, tenants.c.id == backup_sets.c.tenant_id)
    .where(
        backup_sets.c.id == bindparam("set_id"),
        backup_sets.c.workspace_id == bindparam("of_workspace"),
        tenants.c.purge_started_at.is_(None),
    )
    .with_for_update(read=True, key_share=True)
)

_NEW = text(
    """
    INSERT INTO restore_runs (id, tenant_id, workspace_id, backup_set_id, source_tenant_id, purpose,
        against_set_id, mode, options, created_by)
    VALUES (:id, :tenant_id, :workspace_id, :backup_set_id, :source_tenant_id, :purpose, :against_set_id,
        :mode, :options, :created_by)
    """
).bindparams(bindparam("options", type_=JSONB))

# An undo's policies bring along what the journal of the execution says that it may have left of each.
_COPY = text(
    """
    INSERT INTO restore_items (id, tenant_id, workspace_id, restore_run_id, position, policy_type, source_id,
        source_name, platform, assignments_state, source, left_behind)
    SELECT gen_random_uuid(), :tenant_id, :workspace_id, :id,
        row_number() OVER (ORDER BY item.policy_type, item.name, item.external_id) - 1,
        item.policy_type, item.external_id, item.name, item.platform, item.assignments_state,
        coalesce(kept.content, jsonb_build_object('reason', item.reason, 'message', item.message)),
        CASE WHEN cast(:undone_by AS uuid) IS NOT NULL THEN coalesce(did.data -> 'ours', '[]') END
    FROM backup_items AS item
    LEFT JOIN backup_contents AS kept
        ON kept.tenant_id = item.tenant_id AND kept.hash = item.content_hash
    LEFT JOIN restore_items AS planned
        ON planned.restore_run_id = :undone AND planned.policy_type = item.policy_type
        AND planned.target_id = item.external_id AND planned.action = 'write'
    LEFT JOIN run_items AS did ON did.run_id = :undone_by AND did.key = planned.id::text
    WHERE item.backup_set_id = :backup_set_id AND item.workspace_id = :workspace_id
        AND (cardinality(:policy_types::text[]) = 0 OR item.policy_type = ANY (:policy_types::text[]))
        AND (cardinality(:policy_ids::text[]) = 0 OR item.external_id = ANY (:policy_ids::text[]))
    """.replace("::", r"\:\:")
)

_COPIED = select(restore_items.c.source_id).where(
    restore_items.c.restore_run_id == bindparam("restore_run_id")
)

_MENTIONED = text(
    """
    SELECT coalesce(array_agg(DISTINCT lower(g)) FILTER (WHERE g IS NOT NULL), '{}') AS groups,
        coalesce(array_agg(DISTINCT lower(f)) FILTER (WHERE f IS NOT NULL), '{}') AS filters
    FROM restore_items AS item
    LEFT JOIN LATERAL jsonb_object_keys(item.source -> 'groups') AS g ON true
    LEFT JOIN LATERAL jsonb_object_keys(item.source -> 'filters') AS f ON true
    WHERE item.restore_run_id = :restore_run_id
    """
)

_EXECUTION = (
    select(
        runs.c.id,
        runs.c.status,
        runs.c.subject_id,
        backup_sets.c.id.label("set_id"),
    )
    .select_from(
        runs.outerjoin(
            backup_sets, (backup_sets.c.run_id == runs.c.id) & (backup_sets.c.origin == "before_restore")
        )
    )
    .where(runs.c.id == bindparam("run_id"), runs.c.tenant_id == bindparam("of_tenant"))
)


async def new_restore_run(
    tx: Transaction,
    *,
    restore_run_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    created_by: str,
    backup_set_id: UUID,
    purpose: str = "restore",
    against_set_id: UUID | None = None,
    mode: str,
    policy_types: Sequence[str],
    policy_ids: Sequence[str],
    options: Mapping[str, Any],
    undone: Any = None,
) -> None:
    """Make a restore run and copy the selected items into it; `undone` is the execution that it undoes.

    Raises ValidationError for a set that is still being captured, for a set to compare with that is not of
    the run's tenant, and for a selection that is empty or names a policy that the backup does not hold.
    """
    source = await _complete_set(tx, backup_set_id, workspace_id, "backupSetId")
    if against_set_id is not None:
        other = await _complete_set(tx, against_set_id, workspace_id, "againstSetId")
        if other.tenant_id != tenant_id:
            raise ValidationError("The backup set to compare with is of another tenant.", "againstSetId")
    await tx.execute(
        _NEW,
        id=restore_run_id,
        tenant_id=tenant_id,
        workspace_id=workspace_id,
        backup_set_id=backup_set_id,
        source_tenant_id=source.tenant_id,
        purpose=purpose,
        against_set_id=against_set_id,
        mode=mode,
        options={**options, "covers": _covered(source)},
        created_by=created_by,
    )
    copied = await tx.execute(
        _COPY,
        id=restore_run_id,
        tenant_id=tenant_id,
        workspace_id=workspace_id,
        backup_set_id=backup_set_id,
        policy_types=list(policy_types),
        policy_ids=list(policy_ids),
        undone=undone.subject_id if undone else None,
        undone_by=undone.id if undone else None,
    )
    if policy_ids:
        whole = "run did not write the" if undone else "backup set, as far as it is selected, holds no"
        await _all_there(tx, restore_run_id, policy_ids, f"The {whole} policy")
    if copied == 0:
        raise ValidationError(
            "Nothing in the backup set is selected: it is empty, or no policy fits the selection.",
            field="policyTypes" if policy_types else "backupSetId",
        )


async def new_undo(
    tx: Transaction,
    *,
    restore_run_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    created_by: str,
    run_id: UUID,
    mode: str,
    policy_ids: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Make a restore run that undoes an execution: of the state before it, with what it may have left.

    Raises ValidationError for a run that is no ended execution of this tenant, or that wrote none of these.
    """
    undone = await tx.one(_EXECUTION, run_id=run_id, of_tenant=tenant_id)
    if undone is None:
        raise ValidationError("The run is of another tenant.", field="runId")
    if undone.set_id is None:
        raise ValidationError(
            "There is nothing to undo: the run is no execution of a restore, or the state before it is no"
            " longer kept.",
            field="runId",
        )
    if undone.status != "completed":
        raise ValidationError("The run has not ended yet: wait for its end, or cancel it.", field="runId")
    if await tx.one(_ANY_ITEM, set_id=undone.set_id) is None:
        raise ValidationError("The run wrote nothing: there is nothing to undo.", field="runId")
    await new_restore_run(
        tx,
        restore_run_id=restore_run_id,
        tenant_id=tenant_id,
        workspace_id=workspace_id,
        created_by=created_by,
        backup_set_id=undone.set_id,
        purpose="undo",
        mode=mode,
        policy_types=(),
        policy_ids=policy_ids,
        options=options,
        undone=undone,
    )


_ANY_ITEM = text("SELECT id FROM backup_items WHERE backup_set_id = :set_id LIMIT 1")


async def mentioned(tx: Transaction, restore_run_id: UUID) -> Mentioned:
    """The groups and filters that the copied policies name."""
    row = await tx.one(_MENTIONED, restore_run_id=restore_run_id)
    assert row is not None  # an aggregate
    return Mentioned(groups=frozenset(row.groups), filters=frozenset(row.filters))


def _covered(backup_set: Any) -> list[str] | None:
    """The kinds that a set was to hold all policies of; None for all kinds."""
    if backup_set.origin == "before_restore":
        return []
    chosen = backup_set.policy_types
    return None if chosen is None else [name for name in chosen if "/" not in name]


async def _complete_set(tx: Transaction, set_id: UUID, workspace_id: UUID, field: str) -> Any:
    row = await tx.one(_SET, set_id=set_id, of_workspace=workspace_id)
    if row is None:
        raise NotFound
    if row.state == "capturing":
        raise ValidationError("The backup set is still being captured.", field=field)
    return row


async def _all_there(tx: Transaction, restore_run_id: UUID, policy_ids: Sequence[str], refusal: str) -> None:
    found = {row.source_id for row in await tx.fetch(_COPIED, restore_run_id=restore_run_id)}
    for policy_id in policy_ids:
        if policy_id not in found:
            raise ValidationError(f"{refusal} {policy_id[:80]!r}.", field="policyIds")
