"""Schedules as tests make, change and read them, and a clock that they move."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from atlas_gql.ops.scheduler import Scheduler
from atlas_gql.ops.start import Starter
from atlas_gql.ops.together import Starts
from atlas_gql.plugins import Operation
from atlas_gql.testing.installation import Installation, Place

T = TypeVar("T")
FETCH = "assignments.fetch"
SCHEDULE = """
  id uuid name operationType input cron timeZone jitterSeconds allTenants enabled disabledReason nextAt
  changedAt deletedAt owner { uuid name } nextTicks(first: 3) tenants { nodes { id } }
  lastTick {
    dueAt missed requestId started deduplicated archived refused refusals { code tenants }
  }
"""
_ERRORS = {
    True: "... on Error { code message } ... on ValidationError { field }",
    False: "",
}
_SHOW = f"query Schedule($id: ID!) {{ node(id: $id) {{ ... on Schedule {{ {SCHEDULE} }} }} }}"
_TRAIL = """
query Trail($id: ID!) {
  workspace(id: $id) {
    auditEntries(first: 100) { nodes { action actor { kind name } resource { kind id } details } }
  }
}
"""


class Clock:
    """What schedules go by, until a test moves it."""

    def __init__(self, text: str = "2026-11-01T12:00") -> None:
        self.set(text)

    def set(self, text: str) -> None:
        """In UTC."""
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def change(place: Place, mutation: str, token: str | None = None, **given: Any) -> dict[str, Any]:
    """The whole answer to a mutation of schedules."""
    errors = _ERRORS[mutation in ("createSchedule", "updateSchedule", "enableSchedule")]
    payload = "DeletePayload { deletedId }" if mutation == "deleteSchedule" else _PAYLOAD
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    return place.ask(
        f"mutation Change($input: {kind}!) {{ {mutation}(input: $input) {{"
        f" __typename ... on {payload} {errors} }} }}",
        token,
        input=given,
    )


_PAYLOAD = f"SchedulePayload {{ schedule {{ {SCHEDULE} }} }}"


def changed(place: Place, mutation: str, token: str | None = None, **given: Any) -> dict[str, Any]:
    """The schedule after a mutation, which must have been done."""
    answer = change(place, mutation, token, **given)
    assert "errors" not in answer, answer
    result = answer["data"][mutation]
    assert result["__typename"] == "SchedulePayload", result
    schedule: dict[str, Any] = result["schedule"]
    return schedule


def made(place: Place, token: str | None = None, **given: Any) -> dict[str, Any]:
    """A new schedule of all tenants: nightly backups, unless given."""
    wanted = {"name": "Nightly", "operationType": FETCH, "cron": "0 2 * * *", **given}
    if "tenantIds" not in wanted:
        wanted["allTenants"] = True
    return changed(place, "createSchedule", token, workspaceId=place.workspace_id, **wanted)


def shown(place: Place, schedule: dict[str, Any]) -> dict[str, Any]:
    """The schedule as it is now."""
    found: dict[str, Any] = place.ask(_SHOW, id=schedule["id"])["data"]["node"]
    return found


def trail(place: Place) -> list[dict[str, Any]]:
    """What the audit trail says of the workspace's schedules, the oldest first."""
    nodes = place.ask(_TRAIL, id=place.workspace_id)["data"]["workspace"]["auditEntries"]["nodes"]
    return [entry for entry in reversed(nodes) if entry["resource"]["kind"] == "Schedule"]


def scheduler(atlas: Installation, operations: dict[str, Operation[Any]], clock: Clock) -> Scheduler:
    """One like that of a worker, on the installation's loop; its rings are heard by nobody."""

    async def ring(_run_id: UUID, _type: str) -> None:
        pass

    starts = Starts(atlas.database, Starter(atlas.database, ring), ring)
    return Scheduler(atlas.database, operations, starts, clock=clock)


def done(atlas: Installation, work: Coroutine[Any, Any, T]) -> T:
    """What something gives, done on the installation's loop."""
    return asyncio.run_coroutine_threadsafe(work, atlas._loop).result(60)


def look(atlas: Installation, *schedulers: Scheduler) -> list[int]:
    """What comes of it when these look at once."""

    async def together() -> list[int]:
        return await asyncio.gather(*(one.look() for one in schedulers))

    return done(atlas, together())
