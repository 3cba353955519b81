"""The drift plugin: its one operation, as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from atlas_drift.check import NO_BACKUP, NOT_COMPARED, DriftCheckInput, check
from atlas_drift.report import DriftReport
from atlas_gql.plugins import Operation, ReasonDetail, hookimpl, new


@hookimpl
def atlas_operations() -> Iterable[Operation[Any]]:
    """Return check."""
    return [
        Operation(
            type="drift.check",
            mutation="driftCheck",
            label="Check for drift",
            description="Compares a tenant with its newest complete backup, and says since when which"
            " policies are no longer as they were backed up; changes nothing there.",
            input=DriftCheckInput,
            target=new(whole=True),
            capability="backups.view",
            handler=check,
            result=DriftReport,
            time_limit=timedelta(hours=3),
        )
    ]


@hookimpl
def atlas_reason_details() -> Iterable[ReasonDetail]:
    """Return why there may be no report."""
    return [
        ReasonDetail(name=NO_BACKUP, description="The tenant has no complete backup to compare it with."),
        ReasonDetail(name=NOT_COMPARED, description="The comparison with the backup ended without a result."),
    ]
