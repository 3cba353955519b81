"""Comparing a backup with the tenant, or with another backup: a plan to be read and never executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from atlas_assignments.choices import (
    FilterMappings,
    GroupMappings,
    OfKinds,
    OfPolicies,
    check_mapped,
    options_of,
)
from atlas_assignments.differences import BackupComparison, compared
from atlas_assignments.fetch import check_policy_types
from atlas_assignments.planner import AssignmentRestoreMode
from atlas_assignments.planning import make_plan
from atlas_gql.plugins import BackupSet, Doc, Id, RunContext, Start


@dataclass(frozen=True, kw_only=True)
class CompareBackupInput:
    """What to compare the tenant with."""

    backup_set_id: Annotated[
        Id[BackupSet],
        Doc("The backup set to compare, of this tenant or another one of the workspace."),
    ]
    against_set_id: Annotated[
        Id[BackupSet] | None,
        Doc("The backup set of this tenant to compare it with; the tenant as it is when absent."),
    ] = None
    policy_types: OfKinds = ()
    policy_ids: OfPolicies = ()
    group_mappings: GroupMappings = ()
    filter_mappings: FilterMappings = ()


async def create_comparison(start: Start, given: CompareBackupInput) -> None:
    """Make the restore run that holds the comparison, with a copy of what is selected of the backup."""
    check_policy_types(given.policy_types)
    options = options_of(
        groups=given.group_mappings, filters=given.filter_mappings, whole=not given.policy_ids
    )
    await start.new_restore_run(
        backup_set_id=given.backup_set_id,
        mode=AssignmentRestoreMode.REPLACE.value,
        policy_types=given.policy_types,
        policy_ids=given.policy_ids,
        options=options,
        purpose="compare",
        against_set_id=given.against_set_id,
    )
    await check_mapped(start, options)


async def compare(ctx: RunContext, _given: CompareBackupInput) -> BackupComparison:
    """Store what would lead from the tenant, or from the other set, to the backup; give what differs."""
    await make_plan(ctx)
    assert ctx.run.subject_id is not None  # its target
    return compared(ctx.run.subject_id, await ctx.restores.shown())
