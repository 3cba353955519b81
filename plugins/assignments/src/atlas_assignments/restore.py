"""Executing a plan: what was seen, confirmed by a person, policy by policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from atlas_assignments.errors import (
    NotExecutable,
    PlanExecuted,
    PlanExpired,
    PlanMismatch,
    PlanNotReady,
    WarningsNotAcknowledged,
)
from atlas_gql.plugins import Doc, Ref, RunContext, Start, ValidationError

AT_ONCE = 40
"""Policies on their way at once: few of them are being written, for which the safe write sees; the others
wait to be read back together, twenty to a call."""
TOGETHER = 20
"""Policies that are as wanted, and looked at together."""


@dataclass(frozen=True, kw_only=True)
class RestoreAssignmentsInput:
    """Which plan to execute, and the proof that it was seen."""

    restore_run_id: Annotated[
        UUID, Ref("RestoreRun", "restores.execute"), Doc("The restore run whose plan is executed.")
    ]
    plan_digest: Annotated[str, Doc("`planDigest` of the restore run, as it was shown.")]
    confirmation: Annotated[str, Doc("The target tenant's primary domain, typed by a person.")]
    reason: Annotated[str, Doc("Why, for the audit trail.")]
    acknowledged_warnings: Annotated[
        tuple[str, ...], Doc("Ids of the plan's warnings. All of them must be named.")
    ] = ()
    acknowledge_all_warnings: Annotated[
        bool, Doc("Acknowledge every warning that the digest covers, instead of naming each.")
    ] = False


async def check_confirmation(start: Start, given: RestoreAssignmentsInput) -> None:
    """Refuse whatever was not seen, not confirmed, or is no longer fresh."""
    if given.confirmation.strip().lower() != start.tenant.primary_domain.lower():
        raise ValidationError(
            "Type the target tenant's primary domain to confirm the restore.", field="confirmation"
        )
    if not given.reason.strip():
        raise ValidationError("Say why: the audit trail keeps the reason.", field="reason")
    plan = await start.restore_plan()
    if plan.purpose == "compare":
        raise NotExecutable
    if plan.state != "planned":
        raise PlanNotReady
    if plan.digest != given.plan_digest:
        raise PlanMismatch
    if plan.expired:
        raise PlanExpired
    if not plan.fetched:
        raise ValidationError("Every policy of the plan is blocked: there is nothing to do.", "restoreRunId")
    known = {warning["id"] for warning in plan.warnings}
    unknown = sorted(set(given.acknowledged_warnings) - known)
    if unknown:
        raise ValidationError(
            "The plan has no such warning.", field=f"acknowledgedWarnings.{unknown[0][:40]}"
        )
    missing = known - set(given.acknowledged_warnings)
    if missing and not given.acknowledge_all_warnings:
        raise WarningsNotAcknowledged(sorted(missing))


async def keep_state_before(start: Start, _given: RestoreAssignmentsInput) -> None:
    """Make the backup set that undo will be planned from. Raises PlanExecuted for a second execution."""
    # Here and not in the check: whoever repeats a start that is still active is given its run.
    if (await start.restore_plan()).executed:
        raise PlanExecuted
    await start.before_restore()


async def describe_restore(start: Start, given: RestoreAssignmentsInput) -> Mapping[str, Any]:
    """What the audit entry says of a restore: from where to where, which plan, which warnings were seen."""
    plan = await start.restore_plan()
    seen = [warning["id"] for warning in plan.warnings]
    backup_set = str(plan.backup_set_id) if plan.backup_set_id else None
    return {
        "source": {"tenantId": str(plan.source_tenant_id), "backupSetId": backup_set},
        "target": {"tenantId": str(start.tenant.id), "primaryDomain": start.tenant.primary_domain},
        "planDigest": given.plan_digest,
        "acknowledgedWarnings": seen if given.acknowledge_all_warnings else list(given.acknowledged_warnings),
    }


async def restore(ctx: RunContext, given: RestoreAssignmentsInput) -> None:
    """Carry out the plan, a few policies at a time; what the plan had blocked is skipped."""
    done = await ctx.done()
    plan = [policy for policy in await ctx.restores.plan() if policy.key not in done]
    await ctx.total(sum(policy.action != "blocked" for policy in plan))
    changing = [policy for policy in plan if policy.action != "none"]
    await ctx.each(
        changing, lambda policy: ctx.restores.apply(policy, justification=given.reason), at_once=AT_ONCE
    )
    as_wanted = [policy for policy in plan if policy.action == "none"]
    together = [as_wanted[first : first + TOGETHER] for first in range(0, len(as_wanted), TOGETHER)]
    await ctx.each(together, ctx.restores.confirm, at_once=AT_ONCE // TOGETHER)
