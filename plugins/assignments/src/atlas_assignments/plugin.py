"""The assignments plugin: its three operations, as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from atlas_assignments.errors import PlanExpired, PlanMismatch, PlanNotReady, WarningsNotAcknowledged
from atlas_assignments.fetch import FetchAssignmentsInput, create_backup_set, describe_backup, fetch
from atlas_assignments.plan import PlanAssignmentRestoreInput, create_restore_run, plan
from atlas_assignments.restore import (
    RestoreAssignmentsInput,
    check_confirmation,
    describe_restore,
    keep_state_before,
    restore,
)
from atlas_gql.plugins import Operation, existing, hookimpl, new


@hookimpl
def atlas_operations() -> Iterable[Operation[Any]]:
    """Return fetch, plan and restore."""
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
            errors=(PlanNotReady, PlanExpired, PlanMismatch, WarningsNotAcknowledged),
            writes=True,
            confirmed=("plan_digest", "confirmation", "reason"),
            handler=restore,
            time_limit=timedelta(hours=6),
        ),
    ]
