"""Restore runs as an operation sees them: planned by one run, executed by others.

The plan's digest covers everything that an execution will write and everything it rests on; execution
takes the digest, so that what is done is what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ENGINE, Database, ScopedDatabase, Transaction
from atlas_gql.db.tables import backup_sets, restore_items, restore_runs
from atlas_gql.errors import NotFound, OperationFailure, ValidationError
from atlas_gql.graph.contracts import contract_of
from atlas_gql.graph.model import parse_assignment
from atlas_gql.ops import backups, items
from atlas_gql.ops.crash import AFTER_RESULT, crash_here
from atlas_gql.ops.failures import classify
from atlas_gql.ops.inputs import digest
from atlas_gql.ops.items import Item
from atlas_gql.ops.leases import Claim
from atlas_gql.plugins.api import (
    PlannedPolicy,
    PlannedWrite,
    RestoreOptions,
    RestorePlan,
    SourceItem,
)
from atlas_gql.reasons import ReasonCode

_SET = select(backup_sets.c.tenant_id, backup_sets.c.state).where(
    backup_sets.c.id == bindparam("backup_set_id"), backup_sets.c.workspace_id == bindparam("workspace_id")
)

_NEW = text(
    """
    INSERT INTO restore_runs (id, tenant_id, workspace_id, backup_set_id, source_tenant_id, mode, options,
        created_by)
    VALUES (:id, :tenant_id, :workspace_id, :backup_set_id, :source_tenant_id, :mode, :options, :created_by)
    """
).bindparams(bindparam("options", type_=JSONB))

# The plan's run sees what it needs here and never reads the source tenant's rows itself.
_COPY = text(
    """
    INSERT INTO restore_items (id, tenant_id, workspace_id, restore_run_id, position, policy_type, source_id,
        source_name, platform, assignments_state, source)
    SELECT gen_random_uuid(), :tenant_id, :workspace_id, :id,
        row_number() OVER (ORDER BY item.policy_type, item.name, item.external_id) - 1,
        item.policy_type, item.external_id, item.name, item.platform, item.assignments_state, kept.content
    FROM backup_items AS item
    LEFT JOIN backup_contents AS kept
        ON kept.tenant_id = item.tenant_id AND kept.hash = item.content_hash
    WHERE item.backup_set_id = :backup_set_id AND item.workspace_id = :workspace_id
        AND (cardinality(:policy_types::text[]) = 0 OR item.policy_type = ANY (:policy_types::text[]))
        AND (cardinality(:policy_ids::text[]) = 0 OR item.external_id = ANY (:policy_ids::text[]))
    """.replace("::", r"\:\:")
)

_RUN = select(restore_runs).where(restore_runs.c.id == bindparam("restore_run_id"))
_ITEMS = (
    select(restore_items)
    .where(restore_items.c.restore_run_id == bindparam("restore_run_id"))
    .order_by(restore_items.c.position)
)
_WARNINGS = select(restore_items.c.action, restore_items.c.warnings).where(
    restore_items.c.restore_run_id == bindparam("restore_run_id")
)

_PLAN_ITEM = text(
    """
    UPDATE restore_items AS item SET
        action = given.action, target_id = given.target_id, target_name = given.target_name,
        matched_by = given.matched_by, blocked_reason = given.blocked_reason,
        blocked_message = given.blocked_message, base_hash = given.base_hash, base = given.base,
        desired = given.desired, changes = given.changes, warnings = given.warnings
    FROM jsonb_to_recordset(:rows) AS given(id uuid, action text, target_id text, target_name text,
        matched_by text, blocked_reason text, blocked_message text, base_hash text, base jsonb,
        desired jsonb, changes jsonb, warnings jsonb)
    WHERE item.id = given.id AND item.restore_run_id = :restore_run_id
    RETURNING item.id, item.action, coalesce(item.target_name, item.source_name) AS label
    """
).bindparams(bindparam("rows", type_=JSONB))

_COMPLETE = (
    update(restore_runs)
    .where(restore_runs.c.id == bindparam("restore_run_id"), restore_runs.c.state == "planning")
    .values(
        state="planned",
        mappings=bindparam("map", type_=JSONB),
        summary=bindparam("counts", type_=JSONB),
        plan_digest=bindparam("digest"),
        planned_at=func.clock_timestamp(),
        expires_at=func.clock_timestamp() + bindparam("life"),
    )
)


async def new_restore_run(
    tx: Transaction,
    *,
    restore_run_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    created_by: str,
    backup_set_id: UUID,
    mode: str,
    policy_types: Sequence[str],
    policy_ids: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Make a restore run and copy the selected items into it.

    Raises ValidationError for a set that is still being captured and for a selection that is empty.
    """
    source = await tx.one(_SET, backup_set_id=backup_set_id, workspace_id=workspace_id)
    if source is None:
        raise NotFound
    if source.state == "capturing":
        raise ValidationError("The backup set is still being captured.", field="backupSetId")
    await tx.execute(
        _NEW,
        id=restore_run_id,
        tenant_id=tenant_id,
        workspace_id=workspace_id,
        backup_set_id=backup_set_id,
        source_tenant_id=source.tenant_id,
        mode=mode,
        options=dict(options),
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
    )
    if copied == 0:
        raise ValidationError(
            "Nothing in the backup set is selected: it is empty, or no policy fits the selection.",
            field="policyIds" if policy_ids else "policyTypes" if policy_types else "backupSetId",
        )


async def plan_of(database: Transaction | ScopedDatabase, restore_run_id: UUID) -> RestorePlan:
    """A restore run's plan as the start of an execution checks it."""
    run = await database.one(_RUN.add_columns(_EXPIRED), restore_run_id=restore_run_id)
    if run is None:
        raise NotFound
    rows = await database.fetch(_WARNINGS, restore_run_id=restore_run_id)
    return RestorePlan(
        state=run.state,
        digest=run.plan_digest,
        expires_at=run.expires_at,
        expired=bool(run.expired),
        source_tenant_id=run.source_tenant_id,
        backup_set_id=run.backup_set_id,
        writes=sum(row.action == "write" for row in rows),
        fetched=any(row.action != "blocked" for row in rows),
        warnings=tuple(warning for row in rows for warning in row.warnings),
    )


_EXPIRED = (restore_runs.c.expires_at <= func.clock_timestamp()).label("expired")


class RunRestores:
    """The restore run that one run plans or executes (`Restores` of the plugin API, without writing)."""

    def __init__(self, database: Database, claim: Claim, *, plan_life: timedelta) -> None:
        self._database = database
        self._claim = claim
        self._plan_life = plan_life

    @property
    def _id(self) -> UUID:
        subject: UUID = self._claim.row.subject_id
        return subject

    async def options(self) -> RestoreOptions:
        run = await self._database.scope(ENGINE).one(_RUN, restore_run_id=self._id)
        assert run is not None
        return RestoreOptions(
            mode=run.mode, options=run.options, same_tenant=run.source_tenant_id == run.tenant_id
        )

    async def source(self) -> list[SourceItem]:
        rows = await self._database.scope(ENGINE).fetch(_ITEMS, restore_run_id=self._id)
        return [_source(row) for row in rows]

    async def save(self, planned: Sequence[PlannedPolicy]) -> None:
        claim = self._claim
        planned_rows = [_planned_row(policy, claim) for policy in planned]

        async def keep(tx: Transaction) -> None:
            await items.hold(tx, claim)
            rows = await tx.fetch(_PLAN_ITEM, restore_run_id=self._id, rows=planned_rows)
            await items.record(tx, claim, [_planned_item(row) for row in rows])

        await self._database.scope(ENGINE).step(keep)
        crash_here(AFTER_RESULT)
        items.stop_if_cancelled(claim)

    async def complete(self, *, mappings: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
        async def close(tx: Transaction) -> None:
            await items.hold(tx, self._claim)
            rows = await tx.fetch(_ITEMS, restore_run_id=self._id)
            if any(row.action == "pending" for row in rows):
                raise OperationFailure("The plan is not complete.", reason=ReasonCode.UNKNOWN_ERROR)
            await tx.execute(
                _COMPLETE,
                restore_run_id=self._id,
                map=[dict(mapping) for mapping in mappings],
                counts=dict(summary),
                digest=_digest(rows),
                life=self._plan_life,
            )

        await self._database.scope(ENGINE).step(close)

    async def plan(self) -> list[PlannedWrite]:
        rows = await self._database.scope(ENGINE).fetch(_ITEMS, restore_run_id=self._id)
        return [_write(row) for row in rows]

    async def plan_groups(self) -> frozenset[str]:
        """The ids of the groups that the policies to be written were assigned to when they were planned."""
        rows = await self._database.scope(ENGINE).fetch(_ITEMS, restore_run_id=self._id)
        return frozenset(
            target["groupId"]
            for row in rows
            if row.action == "write"
            for target in (assignment.get("target") or {} for assignment in row.base or ())
            if target.get("groupId")
        )


def _source(row: Any) -> SourceItem:
    content = row.source or {}
    return SourceItem(
        id=row.id,
        position=row.position,
        assignments_state=row.assignments_state,
        policy=backups.captured_from(
            policy_type=row.policy_type,
            external_id=row.source_id,
            name=row.source_name,
            platform=row.platform,
            content=content,
        ),
    )


def _planned_row(policy: PlannedPolicy, claim: Claim) -> dict[str, Any]:
    blocked = classify(policy.blocked, claim.type) if policy.blocked else None
    return {
        "id": str(policy.item_id),
        "action": policy.action,
        "target_id": policy.target_id,
        "target_name": policy.target_name,
        "matched_by": policy.matched_by,
        "blocked_reason": blocked.reason if blocked else None,
        "blocked_message": blocked.message if blocked else None,
        "base_hash": policy.base_hash,
        "base": _objects(policy.base),
        "desired": _objects(policy.desired),
        "changes": _objects(policy.changes),
        "warnings": _objects(policy.warnings),
    }


def _objects(values: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if values is None else [dict(value) for value in values]


def _planned_item(row: Any) -> Item:
    return Item(key=str(row.id), label=row.label, state=items.SUCCEEDED, result=row.action)


def _digest(rows: Sequence[Any]) -> str:
    """SHA-256 over all that will be written, in order, and all that the caller was shown of it."""
    seen = [
        [
            row.policy_type,
            row.target_id,
            row.action,
            row.base_hash,
            row.desired,
            row.changes,
            row.warnings,
            row.blocked_reason,
        ]
        for row in rows
    ]
    return digest(seen).hex()


def _write(row: Any) -> PlannedWrite:
    contract = contract_of(row.policy_type) if row.desired is not None else None
    return PlannedWrite(
        item_id=row.id,
        policy_type=row.policy_type,
        action=row.action,
        target_id=row.target_id or "",
        label=row.target_name or row.source_name,
        base_hash=row.base_hash or "",
        desired=tuple(parse_assignment(contract, raw) for raw in row.desired or ()) if contract else (),
        blocked_reason=row.blocked_reason,
        blocked_message=row.blocked_message,
    )
