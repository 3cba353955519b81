"""Restore runs as an operation sees them: planned by one run, executed by others.

The plan's digest covers everything that an execution will write and everything it rests on; execution
takes the digest, so that what is done is what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, case, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.tables import (
    backup_contents,
    backup_items,
    backup_sets,
    restore_items,
    restore_runs,
    tenants,
)
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.errors import NotFound, OperationFailure
from atlas_gql.graph.contracts import contract_of
from atlas_gql.graph.model import Policy, parse_assignment
from atlas_gql.ops import backups, items
from atlas_gql.ops.crash import AFTER_RESULT, crash_here
from atlas_gql.ops.failures import classify
from atlas_gql.ops.inputs import digest
from atlas_gql.ops.items import Item
from atlas_gql.ops.leases import Claim
from atlas_gql.plugins.restores import (
    PlannedPolicy,
    PlannedWrite,
    RestoreOptions,
    RestorePlan,
    ShownPolicy,
    SourceItem,
)
from atlas_gql.reasons import ReasonCode

# By the real tenants: an imported set may have been captured anywhere.
_theirs, _ours = tenants.alias("theirs"), tenants.alias("ours")
_SAME_TENANT = (
    select(
        func.coalesce(cast(backup_sets.c.source["entraTenantId"].astext, Uuid), _theirs.c.entra_tenant_id)
        == _ours.c.entra_tenant_id
    )
    .select_from(backup_sets.join(_theirs, _theirs.c.id == backup_sets.c.tenant_id))
    .where(backup_sets.c.id == restore_runs.c.backup_set_id, _ours.c.id == restore_runs.c.tenant_id)
    .correlate(restore_runs)
    .scalar_subquery()
)
_RUN = select(restore_runs).where(restore_runs.c.id == bindparam("restore_run_id"))
_OPTIONS = _RUN.add_columns(
    func.coalesce(_SAME_TENANT, restore_runs.c.source_tenant_id == restore_runs.c.tenant_id).label(
        "same_tenant"
    )
)
_OF_BACKUP = (
    restore_items.c.restore_run_id == bindparam("restore_run_id"),
    restore_items.c.action != "not_in_backup",
)
_ITEMS = select(restore_items).where(*_OF_BACKUP).order_by(restore_items.c.position)
_columns = restore_items.c
# Of a large plan a restore needs little: the sets of those policies that it writes.
_PLAN = (
    select(
        _columns.id,
        _columns.policy_type,
        _columns.action,
        _columns.target_id,
        _columns.target_name,
        _columns.source_name,
        _columns.base_hash,
        _columns.blocked_reason,
        _columns.blocked_message,
        case((_columns.action == "write", _columns.desired)).label("desired"),
    )
    .where(*_OF_BACKUP)
    .order_by(_columns.position)
)
_SHOWN = (
    select(
        _columns.policy_type,
        _columns.target_id,
        _columns.action,
        _columns.base_hash,
        _columns.desired,
        _columns.changes,
        _columns.warnings,
        _columns.blocked_reason,
    )
    .where(*_OF_BACKUP)
    .order_by(_columns.position)
)
_READ = (
    select(
        _columns.policy_type,
        func.coalesce(_columns.source_id, _columns.target_id).label("id"),
        func.coalesce(_columns.target_name, _columns.source_name).label("name"),
        _columns.action,
        _columns.blocked_reason,
        case((_columns.action == "write", _columns.changes)).label("changes"),
    )
    .where(_columns.restore_run_id == bindparam("restore_run_id"))
    .order_by(_columns.position)
)
_GROUPS = text(
    """
    SELECT DISTINCT assignment->'target'->>'groupId' AS id
    FROM restore_items AS item, jsonb_array_elements(item.base) AS assignment
    WHERE item.restore_run_id = :restore_run_id AND item.action = 'write'
    """
)
_WARNINGS = select(restore_items.c.action, restore_items.c.warnings).where(*_OF_BACKUP)
_EXECUTED = (
    select(runs.c.id)
    .where(
        runs.c.tenant_id == restore_runs.c.tenant_id,
        runs.c.subject_id == restore_runs.c.id,
        runs.c.writes,
        runs.c.id != bindparam("but"),
    )
    .correlate(restore_runs)
    .exists()
    .label("executed")
)

# The set belongs to the run's own tenant: the foreign key says so.
_AGAINST = (
    select(
        backup_items.c.id,
        backup_items.c.policy_type,
        backup_items.c.external_id.label("source_id"),
        backup_items.c.name.label("source_name"),
        backup_items.c.platform,
        backup_items.c.assignments_state,
        func.coalesce(
            backup_contents.c.content,
            func.jsonb_build_object(
                text("'reason'"), backup_items.c.reason, text("'message'"), backup_items.c.message
            ),
            type_=JSONB,
        ).label("source"),
    )
    .select_from(
        restore_runs.join(
            backup_items, backup_items.c.backup_set_id == restore_runs.c.against_set_id
        ).outerjoin(
            backup_contents,
            (backup_contents.c.tenant_id == backup_items.c.tenant_id)
            & (backup_contents.c.hash == backup_items.c.content_hash),
        )
    )
    .where(restore_runs.c.id == bindparam("restore_run_id"))
    .order_by(backup_items.c.policy_type, backup_items.c.name, backup_items.c.external_id)
)

_OTHERS = text(
    """
    INSERT INTO restore_items (id, tenant_id, workspace_id, restore_run_id, position, policy_type, platform,
        target_id, target_name, action)
    SELECT gen_random_uuid(), :tenant_id, :workspace_id, :restore_run_id, given.position, given.policy_type,
        given.platform, given.target_id, given.target_name, 'not_in_backup'
    FROM jsonb_to_recordset(:rows) AS given(position int, policy_type text, platform text, target_id text,
        target_name text)
    """
).bindparams(bindparam("rows", type_=JSONB))

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


async def plan_of(
    database: Transaction | ScopedDatabase, restore_run_id: UUID, *, run_id: UUID, again: bool = False
) -> RestorePlan:
    """A restore run's plan as the start of an execution, the run `run_id`, checks it.

    With `again`, the run is a retry, and earlier executions are what it goes on with.
    """
    run = await database.one(_RUN.add_columns(_EXPIRED, _EXECUTED), restore_run_id=restore_run_id, but=run_id)
    if run is None:
        raise NotFound
    rows = await database.fetch(_WARNINGS, restore_run_id=restore_run_id)
    return RestorePlan(
        state=run.state,
        purpose=run.purpose,
        digest=run.plan_digest,
        expires_at=run.expires_at,
        expired=bool(run.expired),
        executed=run.executed and not again,
        source_tenant_id=run.source_tenant_id,
        backup_set_id=run.backup_set_id,
        writes=sum(row.action == "write" for row in rows),
        fetched=any(row.action != "blocked" for row in rows),
        warnings=tuple(warning for row in rows for warning in row.warnings),
    )


_EXPIRED = (restore_runs.c.expires_at <= func.clock_timestamp()).label("expired")


class RunRestores:
    """The restore run that one run plans or executes (`Restores` of the plugin API, without writing)."""

    def __init__(self, database: ScopedDatabase, claim: Claim, *, plan_life: timedelta) -> None:
        self._database = database
        self._claim = claim
        self._plan_life = plan_life

    @property
    def _id(self) -> UUID:
        subject: UUID = self._claim.row.subject_id
        return subject

    async def options(self) -> RestoreOptions:
        run = await self._database.one(_OPTIONS, restore_run_id=self._id)
        assert run is not None
        covers = run.options.get("covers")
        return RestoreOptions(
            mode=run.mode,
            options=run.options,
            same_tenant=run.same_tenant,
            covers=None if covers is None else frozenset(covers),
            against=run.against_set_id is not None,
            planned=run.state == "planned",
        )

    async def source(self) -> list[SourceItem]:
        rows = await self._database.fetch(_ITEMS, restore_run_id=self._id)
        return [_source(row, row.position, row.left_behind) for row in rows]

    async def against(self) -> list[SourceItem]:
        rows = await self._database.fetch(_AGAINST, restore_run_id=self._id)
        return [_source(row, position) for position, row in enumerate(rows)]

    async def save(self, planned: Sequence[PlannedPolicy]) -> None:
        claim = self._claim
        planned_rows = [_planned_row(policy, claim) for policy in planned]

        async def keep(tx: Transaction) -> None:
            await items.hold(tx, claim)
            rows = await tx.fetch(_PLAN_ITEM, restore_run_id=self._id, rows=planned_rows)
            await items.record(tx, claim, [_planned_item(row) for row in rows])

        await self._database.step(keep)
        crash_here(AFTER_RESULT)
        items.stop_if_cancelled(claim)

    async def complete(
        self,
        *,
        mappings: Sequence[Mapping[str, Any]],
        summary: Mapping[str, Any],
        others: Sequence[Policy] = (),
    ) -> None:
        async def close(tx: Transaction) -> None:
            await items.hold(tx, self._claim)
            rows = await tx.fetch(_SHOWN, restore_run_id=self._id)
            if any(row.action == "pending" for row in rows):
                raise OperationFailure("The plan is not complete.", reason=ReasonCode.UNKNOWN_ERROR)
            closed = await tx.execute(
                _COMPLETE,
                restore_run_id=self._id,
                map=[dict(mapping) for mapping in mappings],
                counts=dict(summary),
                digest=_digest(rows),
                life=self._plan_life,
            )
            if closed and others:
                await tx.execute(
                    _OTHERS,
                    restore_run_id=self._id,
                    tenant_id=self._claim.tenant_id,
                    workspace_id=self._claim.workspace_id,
                    rows=[_other(policy, len(rows) + n) for n, policy in enumerate(others)],
                )

        await self._database.step(close)

    async def plan(self) -> list[PlannedWrite]:
        rows = await self._database.fetch(_PLAN, restore_run_id=self._id)
        return [_write(row) for row in rows]

    async def shown(self) -> list[ShownPolicy]:
        rows = await self._database.fetch(_READ, restore_run_id=self._id)
        return [
            ShownPolicy(
                policy_type=row.policy_type,
                id=row.id,
                name=row.name,
                action=row.action,
                blocked_reason=ReasonCode(row.blocked_reason) if row.blocked_reason else None,
                changes=tuple(row.changes or ()),
            )
            for row in rows
        ]

    async def plan_groups(self) -> frozenset[str]:
        """The ids of the groups that the policies to be written were assigned to when they were planned."""
        rows = await self._database.fetch(_GROUPS, restore_run_id=self._id)
        return frozenset(row.id for row in rows if row.id)


def _source(row: Any, position: int, left_behind: Sequence[str] | None = None) -> SourceItem:
    content = row.source or {}
    error = None
    if content.get("reason"):
        error = OperationFailure(content["message"] or "", reason=ReasonCode(content["reason"]))
    return SourceItem(
        id=row.id,
        position=position,
        left_behind=None if left_behind is None else tuple(left_behind),
        assignments_state=row.assignments_state,
        policy=backups.captured_from(
            policy_type=row.policy_type,
            external_id=row.source_id,
            name=row.source_name,
            platform=row.platform,
            content=content,
            error=error,
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


def _other(policy: Policy, position: int) -> dict[str, Any]:
    return {
        "position": position,
        "policy_type": policy.policy_type,
        "platform": policy.platform,
        "target_id": policy.id,
        "target_name": policy.name,
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
