"""Undoing a restore: a plan that leads back to the state before an execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from atlas_assignments.choices import options_of
from atlas_assignments.planner import AssignmentRestoreMode
from atlas_assignments.planning import make_plan
from atlas_gql.plugins import Doc, Ref, RunContext, Start


@dataclass(frozen=True, kw_only=True)
class UndoAssignmentRestoreInput:
    """Which execution of a restore to undo."""

    run_id: Annotated[
        UUID,
        Ref("OperationRun", "restores.plan"),
        Doc("The run that wrote, of this tenant; however it ended."),
    ]
    policy_ids: Annotated[
        tuple[str, ...], Doc("Only these policies, by their Graph ids; all that it wrote when absent.")
    ] = ()


async def create_undo(start: Start, given: UndoAssignmentRestoreInput) -> None:
    """Make the restore run, with the state before the execution and what that may have left."""
    await start.new_undo(
        run_id=given.run_id,
        mode=AssignmentRestoreMode.REPLACE.value,
        policy_ids=given.policy_ids,
        options=options_of(),
    )


async def undo(ctx: RunContext, _given: UndoAssignmentRestoreInput) -> None:
    """Plan the way back, without the policies that somebody else has changed since."""
    await make_plan(ctx)
