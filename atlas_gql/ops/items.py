"""The items of a run: what became of each thing it worked on, and the counters that follow from them.

An item is final once, whoever delivers it again: the counters grow only by the items that became final
in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import operation_runs as runs
from atlas_gql.db.tables import run_items
from atlas_gql.ops.control import LeaseLost, RunCancelled, RunReleased
from atlas_gql.ops.failures import Failure
from atlas_gql.ops.leases import Claim, fence
from atlas_gql.redaction import redact_text

INTENT, SUCCEEDED, FAILED, SKIPPED = "intent", "succeeded", "failed", "skipped"


@dataclass(frozen=True, kw_only=True)
class Item:
    """What became of one thing; `state` is succeeded, failed, skipped, or intent: about to be written."""

    key: str
    label: str
    state: str
    result: str | None = None
    failure: Failure | None = None
    data: Mapping[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        failure = self.failure
        return {
            "id": str(new_id()),
            "key": self.key.replace("\x00", ""),
            "label": redact_text(self.label),
            "state": self.state,
            "result": redact_text(self.result) if self.result else None,
            "code": failure.code if failure else None,
            "reason": failure.reason if failure else None,
            "detail": failure.detail if failure else None,
            "message": failure.message if failure else None,
            "graph_request_id": failure.request_id if failure else None,
            "data": self.data,
        }


_HOLD = select(runs.c.cancel_requested_at).where(fence()).with_for_update()

_TOTAL = (
    update(runs)
    .where(fence())
    .values(total=func.greatest(func.coalesce(runs.c.total, 0), bindparam("count")))
)

# One statement for a batch of any size. A final item never changes; an intent becomes final once.
_RECORD = text(
    """
    INSERT INTO run_items AS item (id, tenant_id, workspace_id, run_id, key, label, state, result, code,
        reason, detail, message, graph_request_id, data, attempt, finished_at)
    SELECT given.id, :tenant_id, :workspace_id, :run_id, given.key, given.label, given.state, given.result,
        given.code, given.reason, given.detail, given.message, given.graph_request_id, given.data, :attempt,
        CASE WHEN given.state <> 'intent' THEN clock_timestamp() END
    FROM jsonb_to_recordset(:rows) AS given(id uuid, key text, label text, state text, result text,
        code text, reason text, detail text, message text, graph_request_id text, data jsonb)
    ON CONFLICT (run_id, key) DO UPDATE SET
        label = excluded.label, state = excluded.state, result = excluded.result, code = excluded.code,
        reason = excluded.reason, detail = excluded.detail, message = excluded.message,
        graph_request_id = excluded.graph_request_id, data = coalesce(excluded.data, item.data),
        attempt = excluded.attempt, finished_at = excluded.finished_at
    WHERE item.state = 'intent'
    RETURNING key, state
    """
).bindparams(bindparam("rows", type_=JSONB))

_COUNT = (
    update(runs)
    .where(fence())
    .values(
        total=func.greatest(
            func.coalesce(runs.c.total, 0),
            runs.c.processed + bindparam("ok") + runs.c.failed + bindparam("bad"),
        ),
        processed=runs.c.processed + bindparam("ok"),
        failed=runs.c.failed + bindparam("bad"),
        skipped=runs.c.skipped + bindparam("out"),
    )
)

_FINAL = select(run_items.c.key).where(run_items.c.run_id == bindparam("run_id"), run_items.c.state != INTENT)
_INTENTS = select(run_items.c.key, run_items.c.data).where(
    run_items.c.run_id == bindparam("run_id"), run_items.c.state == INTENT
)


async def hold(tx: Transaction, claim: Claim) -> None:
    """Lock the run for this transaction. Raises LeaseLost when it is another's, RunCancelled when asked."""
    row = await tx.one(_HOLD, run_id=claim.run_id, attempt=claim.attempt) if claim.holds() else None
    if row is None:
        claim.lost = True
        raise LeaseLost
    if row.cancel_requested_at is not None:
        claim.cancelled = True


async def record(tx: Transaction, claim: Claim, items: Sequence[Item]) -> frozenset[str]:
    """Write items and the counters that follow, in the caller's transaction, under the fence.

    Gives the keys of those that were not final before.
    """
    if not items:
        return frozenset()
    await hold(tx, claim)
    rows = await tx.fetch(
        _RECORD,
        run_id=claim.run_id,
        tenant_id=claim.tenant_id,
        workspace_id=claim.workspace_id,
        attempt=claim.attempt,
        rows=[item.row() for item in items],
    )
    became = Counter(row.state for row in rows)
    if became[SUCCEEDED] or became[FAILED] or became[SKIPPED]:
        await tx.execute(
            _COUNT,
            run_id=claim.run_id,
            attempt=claim.attempt,
            ok=became[SUCCEEDED],
            bad=became[FAILED],
            out=became[SKIPPED],
        )
    return frozenset(row.key for row in rows)


async def set_total(database: ScopedDatabase, claim: Claim, count: int) -> None:
    """Raise the number of items to `count`."""

    async def raise_it(tx: Transaction) -> None:
        await hold(tx, claim)
        await tx.execute(_TOTAL, run_id=claim.run_id, attempt=claim.attempt, count=count)

    await database.step(raise_it)


async def final_keys(database: ScopedDatabase, run_id: UUID) -> frozenset[str]:
    """The keys of the items that are final."""
    return frozenset(row.key for row in await database.fetch(_FINAL, run_id=run_id))


async def open_intents(database: ScopedDatabase, run_id: UUID) -> dict[str, Any]:
    """What earlier attempts were about to write and left no result for: key to the intent's data."""
    return {row.key: row.data for row in await database.fetch(_INTENTS, run_id=run_id)}


def stop_if_cancelled(claim: Claim) -> None:
    """Raises RunCancelled, RunReleased or LeaseLost when the run should go no further here."""
    if claim.cancelled:
        raise RunCancelled
    if claim.released:
        raise RunReleased
    if not claim.holds():
        raise LeaseLost
