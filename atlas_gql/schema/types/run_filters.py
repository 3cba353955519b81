"""Which runs are asked for: as conditions of a list, and as a question to a run that was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import strawberry

from atlas_gql.reasons import ReasonCode
from atlas_gql.schema.enums import RunOutcome, RunStatus
from atlas_gql.schema.filters import given, keys, uuids, within
from atlas_gql.schema.maps import SUBJECTS
from atlas_gql.schema.pages import WITHIN


@strawberry.input(description="Which runs to list; all conditions must hold.")
class OperationRunFilter:
    type: list[str] | None = strawberry.field(description="Of one of these operation types.", default=None)
    status: list[RunStatus] | None = strawberry.field(description="In one of these states.", default=None)
    outcome: list[RunOutcome] | None = strawberry.field(
        description="With one of these outcomes.", default=None
    )
    reason_code: list[ReasonCode] | None = strawberry.field(
        description="Failed as a whole for one of these reasons; those of single items are not looked at.",
        default=None,
    )
    tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Of one of these tenants.", default=None
    )
    subject_id: list[strawberry.ID] | None = strawberry.field(
        description="Work on one of these things: the `id` of their `subject`.", default=None
    )
    initiator_uuid: list[str] | None = strawberry.field(
        description="Started by one of these users: the `uuid` of their `initiator`.", default=None
    )
    request_id: list[str] | None = strawberry.field(
        description="Started by one of these requests.", default=None
    )
    retry_of_id: list[strawberry.ID] | None = strawberry.field(
        description="Repeat one of these runs.", default=None
    )
    schedule_id: list[strawberry.ID] | None = strawberry.field(
        description="Started by one of these schedules.", default=None
    )
    internal: bool | None = strawberry.field(
        description="What plugins do when runs have ended: these alone if true; else they are left out.",
        default=None,
    )
    created_after: datetime | None = strawberry.field(description="Accepted after this.", default=None)
    created_before: datetime | None = strawberry.field(description="Accepted before this.", default=None)
    finished_after: datetime | None = strawberry.field(
        description="Ended after this. Goes with the order by `FINISHED_AT`.", default=None
    )
    finished_before: datetime | None = strawberry.field(
        description="Ended before this. Goes with the order by `FINISHED_AT`.", default=None
    )

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput naming the field that no run could meet."""
        conditions = given(
            type=self.type,
            status=self.status,
            outcome=self.outcome,
            reason_code=self.reason_code,
            subject_id=keys(self.subject_id, "subjectId", *SUBJECTS),
            initiator_uuid=uuids(self.initiator_uuid, "initiatorUuid"),
            request_id=self.request_id,
            retry_of_id=keys(self.retry_of_id, "retryOfId", "OperationRun"),
            schedule_id=keys(self.schedule_id, "scheduleId", "Schedule"),
            internal=self.internal,
            created_after=self.created_after,
            created_before=self.created_before,
            finished_after=self.finished_after,
            finished_before=self.finished_before,
        )
        return within(self.tenant_id, conditions)


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": lambda row, values: row.type in values,
    "status": lambda row, values: row.status in values,
    "outcome": lambda row, values: row.outcome in values,
    "reason_code": lambda row, values: row.failure_reason in values,
    WITHIN: lambda row, values: row.tenant_id in values,
    "subject_id": lambda row, values: row.subject_id in values,
    "initiator_uuid": lambda row, values: row.initiator_uuid in map(str, values),
    "request_id": lambda row, values: row.request_id in values,
    "retry_of_id": lambda row, values: row.retry_of_id in values,
    "schedule_id": lambda row, values: row.schedule_id in values,
    "internal": lambda row, value: row.internal is value,
    "created_after": lambda row, instant: row.created_at > instant,
    "created_before": lambda row, instant: row.created_at < instant,
    "finished_after": lambda row, instant: row.finished_at is not None and row.finished_at > instant,
    "finished_before": lambda row, instant: row.finished_at is not None and row.finished_at < instant,
}


def meets(row: Any, where: Mapping[str, Any]) -> bool:
    """Whether a run that was read meets the conditions of a filter."""
    return all(_TESTS[name](row, value) for name, value in {"internal": False, **where}.items())
