"""Planning a restore: the live tenant is read, nothing is written there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from atlas_assignments.choices import (
    AssignmentSelectionInput,
    FilterMappings,
    GroupMappings,
    OfKinds,
    OfPolicies,
    check_mapped,
    options_of,
)
from atlas_assignments.fetch import check_policy_types
from atlas_assignments.planner import AssignmentRestoreMode
from atlas_assignments.planning import make_plan
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import BackupSet, Doc, Id, RunContext, Start, ValidationError


@dataclass(frozen=True, kw_only=True)
class PlanAssignmentRestoreInput:
    """What to restore, into the tenant, and how."""

    backup_set_id: Annotated[
        Id[BackupSet],
        Doc("The backup set to restore from, of this tenant or another one of the workspace."),
    ]
    mode: Annotated[
        AssignmentRestoreMode, Doc("How the backup's set and the one that is there become one.")
    ] = AssignmentRestoreMode.REPLACE
    policy_types: OfKinds = ()
    policy_ids: OfPolicies = ()
    assignments: Annotated[
        tuple[AssignmentSelectionInput, ...],
        Doc("Only these assignments. They are merged into what is there: `mode` must be MERGE."),
    ] = ()
    unresolved_includes: Annotated[
        UnresolvedIncludes, Doc("What to do about an included group that the target tenant does not have.")
    ] = UnresolvedIncludes.BLOCK
    group_mappings: GroupMappings = ()
    filter_mappings: FilterMappings = ()


async def create_restore_run(start: Start, given: PlanAssignmentRestoreInput) -> None:
    """Make the restore run, with a copy of what is selected of the backup."""
    check_policy_types(given.policy_types)
    if given.assignments and given.policy_ids:
        raise ValidationError("Select policies or single assignments, not both.", field="assignments")
    if given.assignments and given.mode is not AssignmentRestoreMode.MERGE:
        raise ValidationError("Single assignments are merged: choose the mode MERGE.", field="mode")
    options = options_of(
        unresolved_includes=given.unresolved_includes,
        groups=given.group_mappings,
        filters=given.filter_mappings,
        assignments=given.assignments,
        whole=not (given.policy_ids or given.assignments),
    )
    await start.new_restore_run(
        backup_set_id=given.backup_set_id,
        mode=given.mode.value,
        policy_types=given.policy_types,
        policy_ids=given.policy_ids or tuple(options["selected"]),
        options=options,
    )
    await check_mapped(start, options)


async def plan(ctx: RunContext, _given: PlanAssignmentRestoreInput) -> None:
    """Match, map and compare every selected policy with the live tenant, and store what would be done."""
    await make_plan(ctx)
