"""Backup sets as an operation sees them: made by a start, filled by a run, read by a plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import backup_sets
from atlas_gql.errors import NothingToRetry, OperationFailure
from atlas_gql.ops import earlier, items
from atlas_gql.ops.crash import AFTER_RESULT, crash_here
from atlas_gql.ops.failures import Failure, classify
from atlas_gql.ops.inputs import digest
from atlas_gql.ops.items import Item
from atlas_gql.ops.leases import Claim
from atlas_gql.ops.retries import Left
from atlas_gql.plugins.backups import CapturedPolicy, WholeBackup

_NEW = insert(backup_sets).values(
    {
        name: bindparam(name, type_=backup_sets.c[name].type)
        for name in ("id", "tenant_id", "workspace_id", "origin", "run_id", "restore_run_id", "policy_types")
    }
)

# Contents that nothing uses any more are deleted while nobody stores: else what is about to be pointed to
# would be taken away in between. Many may store at once.
_STORING = select(func.pg_advisory_xact_lock_shared(func.hashtextextended(bindparam("of"), 8)))
_FORGETTING = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("of"), 8)))

_REOPEN = (
    update(backup_sets)
    .where(backup_sets.c.id == bindparam("set_id"))
    .values(state="capturing", completed_at=None)
)

# Content that an earlier backup holds already is found by its hash and not stored again.
_CONTENTS = text(
    """
    INSERT INTO backup_contents (tenant_id, workspace_id, hash, content)
    SELECT DISTINCT ON (given.hash) :tenant_id, :workspace_id, decode(given.hash, 'hex'), given.content
    FROM jsonb_to_recordset(:rows) AS given(hash text, content jsonb)
    WHERE given.hash IS NOT NULL
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("rows", type_=JSONB))

# What was captured stays as it was; only what could not be is tried again.
_ITEMS = text(
    """
    INSERT INTO backup_items AS item (id, tenant_id, workspace_id, backup_set_id, policy_type, external_id,
        name, platform, assignments_state, content_hash, assignment_count, reason, message)
    SELECT given.id, :tenant_id, :workspace_id, :backup_set_id, given.policy_type, given.external_id,
        given.name, given.platform, given.state, decode(given.hash, 'hex'), given.count, given.reason,
        given.message
    FROM jsonb_to_recordset(:rows) AS given(id uuid, policy_type text, external_id text, name text,
        platform text, state text, hash text, count int, reason text, message text)
    ON CONFLICT (backup_set_id, policy_type, external_id) DO UPDATE SET
        name = excluded.name, platform = excluded.platform, assignments_state = excluded.assignments_state,
        content_hash = excluded.content_hash, assignment_count = excluded.assignment_count,
        reason = excluded.reason, message = excluded.message, created_at = clock_timestamp()
    WHERE item.assignments_state = 'failed'
    """
).bindparams(bindparam("rows", type_=JSONB))

_POLICIES = text(
    """
    INSERT INTO policies AS seen (id, tenant_id, workspace_id, policy_type, external_id, name, platform,
        last_seen_at)
    SELECT given.id, :tenant_id, :workspace_id, given.policy_type, given.external_id, given.name,
        given.platform, clock_timestamp()
    FROM jsonb_to_recordset(:rows) AS given(id uuid, policy_type text, external_id text, name text,
        platform text)
    ORDER BY given.policy_type, given.external_id
    ON CONFLICT (tenant_id, policy_type, external_id) DO UPDATE SET
        name = excluded.name, platform = excluded.platform, last_seen_at = excluded.last_seen_at
    """
).bindparams(bindparam("rows", type_=JSONB))


async def new_backup_set(
    tx: Transaction,
    *,
    set_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    origin: str,
    run_id: UUID,
    restore_run_id: UUID | None = None,
    policy_types: Sequence[str] | None = None,
) -> None:
    """Make an empty set that a run will fill."""
    await tx.execute(
        _NEW,
        **new_set(
            set_id=set_id,
            tenant_id=tenant_id,
            workspace_id=workspace_id,
            origin=origin,
            run_id=run_id,
            restore_run_id=restore_run_id,
            policy_types=policy_types,
        ),
    )


def new_set(
    *,
    set_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    origin: str,
    run_id: UUID,
    restore_run_id: UUID | None = None,
    policy_types: Sequence[str] | None = None,
) -> dict[str, Any]:
    """An empty set for `new_backup_sets`."""
    return {
        "id": set_id,
        "tenant_id": tenant_id,
        "workspace_id": workspace_id,
        "origin": origin,
        "run_id": run_id,
        "restore_run_id": restore_run_id,
        "policy_types": list(policy_types) if policy_types else None,
    }


async def new_backup_sets(tx: Transaction, sets: Sequence[Mapping[str, Any]]) -> None:
    """Make empty sets, in one round trip."""
    await tx.execute_many(_NEW, sets)


async def reopen(tx: Transaction, set_id: UUID) -> None:
    """Let a run that retries another fill the holes of the set that it made.

    Raises NothingToRetry when the set is gone.
    """
    if not await tx.execute(_REOPEN, set_id=set_id):
        raise NothingToRetry("The backup set was deleted: make a new backup.")


def content_of(policy: CapturedPolicy) -> dict[str, Any]:
    """What a backup stores of a policy beside its identity."""
    # Only what is there, so that the content of all other policies stays what it was.
    doubtful = [dict(assignment) for assignment in policy.suspicious]
    return ({"suspicious": doubtful} if doubtful else {}) | {
        "assignments": [dict(assignment) for assignment in policy.assignments],
        "groups": {key: dict(value) for key, value in policy.groups.items()},
        "filters": {key: dict(value) for key, value in policy.filters.items()},
        "scopeTagIds": list(policy.scope_tag_ids),
    }


def captured_from(
    *,
    policy_type: str,
    external_id: str,
    name: str,
    platform: str | None,
    content: Mapping[str, Any],
    error: OperationFailure | None = None,
) -> CapturedPolicy:
    """The inverse: a policy from its identity and its stored content."""
    return CapturedPolicy(
        policy_type=policy_type,
        id=external_id,
        name=name,
        platform=platform,
        scope_tag_ids=tuple(content.get("scopeTagIds", ())),
        assignments=tuple(content.get("assignments", ())),
        groups=content.get("groups", {}),
        filters=content.get("filters", {}),
        suspicious=tuple(content.get("suspicious", ())),
        error=error,
    )


async def hold_contents(tx: Transaction, tenant_id: UUID, *, forgetting: bool = False) -> None:
    """To the end of the transaction no content of the tenant is deleted; with `forgetting`, none stored."""
    await tx.fetch(_FORGETTING if forgetting else _STORING, of=str(tenant_id))


async def store_contents(
    tx: Transaction, rows: Sequence[Mapping[str, Any]], *, tenant_id: UUID, workspace_id: UUID
) -> None:
    """Store the `content` of each row under its `hash`, once; items that point to it may follow."""
    await hold_contents(tx, tenant_id)
    await tx.execute(_CONTENTS, rows=rows, tenant_id=tenant_id, workspace_id=workspace_id)


async def store(
    tx: Transaction,
    *,
    set_id: UUID,
    tenant_id: UUID,
    workspace_id: UUID,
    policies: Sequence[CapturedPolicy],
    failures: Mapping[str, Failure],
) -> None:
    """Put policies into a set; those that were captured already stay as they are."""
    rows = [_row(policy, failures.get(policy.key)) for policy in policies]
    owner = {"tenant_id": tenant_id, "workspace_id": workspace_id}
    await store_contents(tx, rows, tenant_id=tenant_id, workspace_id=workspace_id)
    await tx.execute(_ITEMS, rows=rows, backup_set_id=set_id, **owner)
    await tx.execute(_POLICIES, rows=rows, **owner)


def _row(policy: CapturedPolicy, failure: Failure | None) -> dict[str, Any]:
    content = None if failure else content_of(policy)
    return {
        "id": str(new_id()),
        "policy_type": policy.policy_type,
        "external_id": policy.id,
        "name": policy.name,
        "platform": policy.platform,
        "state": "failed" if failure else "fetched",
        "hash": digest(content).hex() if content else None,
        "content": content,
        "count": len(policy.assignments),
        "reason": failure.reason if failure else None,
        "message": failure.message if failure else None,
    }


class RunBackups:
    """The tenant's backups as one run sees them (`Backups` of the plugin API)."""

    def __init__(self, database: ScopedDatabase, claim: Claim, left: Left) -> None:
        self._database = database
        self._claim = claim
        self._settled = left.settled

    async def newest(self) -> WholeBackup | None:
        row = await earlier.newest(self._database, tenant_id=self._claim.tenant_id)
        return WholeBackup(id=row.id, completed_at=row.completed_at) if row else None

    async def had(self, policy_type: str) -> bool:
        claim = self._claim
        return await earlier.had(
            self._database,
            tenant_id=claim.tenant_id,
            set_id=claim.row.subject_id,
            policy_type=policy_type,
        )

    async def last(self, policy_type: str, ids: Collection[str]) -> dict[str, CapturedPolicy]:
        claim = self._claim
        rows = await earlier.last(
            self._database,
            tenant_id=claim.tenant_id,
            set_id=claim.row.subject_id,
            policy_type=policy_type,
            ids=ids,
        )
        return {
            row.external_id: captured_from(
                policy_type=policy_type,
                external_id=row.external_id,
                name=row.name,
                platform=row.platform,
                content=row.content,
            )
            for row in rows
        }

    async def save(self, captured: Sequence[CapturedPolicy]) -> None:
        claim = self._claim
        captured = [policy for policy in captured if policy.key not in self._settled]
        failures = {
            policy.key: classify(policy.error, claim.type) for policy in captured if policy.error is not None
        }

        async def keep(tx: Transaction) -> None:
            new = await items.record(tx, claim, [_item(policy, failures) for policy in captured])
            await store(
                tx,
                set_id=claim.row.subject_id,
                tenant_id=claim.tenant_id,
                workspace_id=claim.workspace_id,
                policies=[policy for policy in captured if policy.key in new],
                failures=failures,
            )

        await self._database.step(keep)
        crash_here(AFTER_RESULT)
        items.stop_if_cancelled(claim)


def _item(policy: CapturedPolicy, failures: Mapping[str, Failure]) -> Item:
    failure = failures.get(policy.key)
    state = items.FAILED if failure else items.SUCCEEDED
    return Item(
        key=policy.key,
        label=policy.name,
        state=state,
        result=None if failure else "suspicious" if policy.suspicious else "captured",
        failure=failure,
    )
