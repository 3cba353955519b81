"""Checking for drift: a comparison with the newest complete backup, and what was known before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from atlas_drift.memory import remember, remembered, since_when
from atlas_drift.report import Comparison, DriftReport, report_on
from atlas_gql.plugins import EndedRun, OperationFailure, ReasonCode, RunContext

NO_BACKUP = "no_backup"
NOT_COMPARED = "not_compared"


@dataclass(frozen=True, kw_only=True)
class DriftCheckInput:
    """Which tenant to check."""


async def check(ctx: RunContext, _given: DriftCheckInput) -> DriftReport:
    """Report on what drifted, with an item for each policy; remember since when."""
    backup = await ctx.backups.newest()
    if backup is None:
        raise OperationFailure(
            "The tenant has no complete backup to compare it with.",
            reason=ReasonCode.EXTENSION,
            detail=NO_BACKUP,
            code=NO_BACKUP,
        )
    ended = await ctx.start("assignments.compare", {"backup_set_id": backup.id}, result=Comparison)
    comparison = ended.result
    if comparison is None:
        raise _not_compared(ended)
    drifted = {policy.key for policy in comparison.policies}
    before = await remembered(ctx)
    since = since_when(drifted, before, backed_up=backup.completed_at, now=datetime.now(UTC))
    gone = before.keys() - drifted
    # What could not be compared may have drifted still.
    unsure = comparison.not_compared > 0 or not comparison.complete
    await remember(ctx, {**{key: before[key] for key in gone if unsure}, **since})
    await ctx.total(len(comparison.policies))
    done = await ctx.done()
    for policy in comparison.policies:
        if policy.key not in done:
            said = f"{policy.difference}: {policy.summary}"
            await ctx.succeeded(policy.key, policy.name, result=said)
    return report_on(comparison, backup_set_id=backup.id, since=since, returned=0 if unsure else len(gone))


def _not_compared(ended: EndedRun[Comparison]) -> OperationFailure:
    """Why there is no report: what the comparison failed for, or that it was cancelled."""
    reason = ended.failure_reason or ReasonCode.EXTENSION
    return OperationFailure(
        ended.failure_message or "The comparison with the backup ended without a result.",
        reason=reason,
        detail=NOT_COMPARED if reason is ReasonCode.EXTENSION else None,
        code=NOT_COMPARED,
    )
