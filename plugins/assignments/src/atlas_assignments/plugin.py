"""The assignments plugin: its operations, as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from atlas_assignments.compare import CompareBackupInput, compare, create_comparison
from atlas_assignments.differences import BackupComparison
from atlas_assignments.errors import (
    NotExecutable,
    PlanExecuted,
    PlanExpired,
    PlanMismatch,
    PlanNotReady,
    WarningsNotAcknowledged,
)
from atlas_assignments.fetch import FetchAssignmentsInput, create_backup_set, describe_backup, fetch
from atlas_assignments.plan import PlanAssignmentRestoreInput, create_restore_run, plan
from atlas_assignments.restore import (
    RestoreAssignmentsInput,
    check_confirmation,
    describe_restore,
    keep_state_before,
    restore,
)
from atlas_assignments.undo import UndoAssignmentRestoreInput, create_undo, undo
from atlas_gql.plugins import Operation, existing, hookimpl, new


@hookimpl
def atlas_operations() -> Iterable[Operation[Any]]:
    """Return fetch, plan, restore, undo and compare."""
    return [
        Operation(
            type="assignments.fetch",
            mutation="fetchAssignments",
            label="Back up assignments",
            description="Backs up the assignments of a tenant's policies into a new backup set.",
            input=FetchAssignmentsInput,
            target=new("BackupSet", create=create_backup_set),
            capability="backups.create",
            audit_action="backup.started",
            audit_details=describe_backup,
            handler=fetch,
        ),
        Operation(
            type="assignments.plan",
            mutation="planAssignmentRestore",
            label="Plan a restore of assignments",
            description="Computes what restoring a backup set would do to a tenant; writes nothing there.",
            input=PlanAssignmentRestoreInput,
            target=new("RestoreRun", create=create_restore_run, whole=True),
            capability="restores.plan",
            handler=plan,
        ),
        Operation(
            type="assignments.restore",
            mutation="restoreAssignments",
            label="Restore assignments",
            description="Carries out a restore run's plan, exactly as it was shown.",
            input=RestoreAssignmentsInput,
            target=existing(
                "RestoreRun", field="restore_run_id", check=check_confirmation, create=keep_state_before
            ),
            capability="restores.execute",
            audit_action="restore.executed",
            audit_details=describe_restore,
            errors=(
                PlanNotReady,
                PlanExpired,
                PlanMismatch,
                PlanExecuted,
                NotExecutable,
                WarningsNotAcknowledged,
            ),
            writes=True,
            confirmed=("plan_digest", "confirmation", "reason"),
            handler=restore,
            time_limit=timedelta(hours=6),
        ),
        Operation(
            type="assignments.undo",
            mutation="undoAssignmentRestore",
            label="Plan the undoing of a restore",
            description="Computes what would lead back to the state before a restore was executed; writes"
            " nothing to the tenant. The plan is executed as any other.",
            input=UndoAssignmentRestoreInput,
            target=new("RestoreRun", create=create_undo, whole=True),
            capability="restores.plan",
            handler=undo,
        ),
        Operation(
            type="assignments.compare",
            mutation="compareBackup",
            label="Compare a backup",
            description="Computes in what a tenant, or another backup of it, differs from a backup set: a"
            " plan that is read and never executed.",
            input=CompareBackupInput,
            target=new("RestoreRun", create=create_comparison, whole=True),
            capability="backups.view",
            handler=compare,
            result=BackupComparison,
        ),
    ]
