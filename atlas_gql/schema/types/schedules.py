"""Schedules: which operation is started, where and when, again and again, and what came of that last."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import JSON

from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import BadUserInput
from atlas_gql.ops.cron import Cron
from atlas_gql.ops.schedules import ScheduleDisabledReason
from atlas_gql.schema import lists
from atlas_gql.schema.connections import After, Connection, First
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import containing, given, keys, uuids
from atlas_gql.schema.maps import SCHEDULE
from atlas_gql.schema.pages import WITHIN
from atlas_gql.schema.permissions import HasCapability, HasCapabilitySomewhere, granted, looked_up
from atlas_gql.schema.types.nodes import Node
from atlas_gql.schema.types.runs import RunConnection

if TYPE_CHECKING:
    from atlas_gql.schema.types.tenants import Tenant

MOST_TICKS = 20


@strawberry.type(description="With whose rights a schedule starts.")
class ScheduleOwner:
    uuid: str = strawberry.field(description="The user's key, as the audit trail shows it.")
    name: str | None = strawberry.field(
        description="The user's name; null for who is no member of the workspace any more."
    )


@strawberry.type(description="In how many tenants a tick started nothing, for one reason.")
class TickRefusal:
    code: str = strawberry.field(description="The reason, as the `code` of an error.")
    tenants: int = strawberry.field(description="In how many tenants.")


@strawberry.type(description="What came of a schedule at one time at which it was due.")
class ScheduleTick:
    due_at: datetime = strawberry.field(description="When it was due.")
    missed: bool = strawberry.field(
        description="Whether it, or the rest of it, was left out: no worker was there within an hour. Then so"
        " were those after it that were too late as well."
    )
    request_id: str = strawberry.field(description="The `requestId` of all its runs.")
    started: int = strawberry.field(description="In how many tenants a run was started.")
    deduplicated: int = strawberry.field(
        description="In how many tenants a run that does the same was active already."
    )
    archived: int = strawberry.field(description="How many tenants were left out because they are archived.")
    refused: int = strawberry.field(description="In how many tenants nothing was started: see `refusals`.")
    refusals: list[TickRefusal] = strawberry.field(description="Why, the most frequent reason first.")


@strawberry.type(
    description="An operation that is started by itself in all or some of a workspace's tenants, whenever it"
    " is due, with its owner's rights of that time. Its owner is who last made, changed or enabled it."
)
class Schedule(Node):
    name: str = strawberry.field(description="Its name, unique in the workspace.")
    operation_type: str = strawberry.field(description="The `type` of the operation that it starts.")
    cron: str = strawberry.field(
        description="When it is due: minute, hour, day of month, month and day of week, as cron reads them."
    )
    time_zone: str = strawberry.field(description="The time zone of `cron`, by its name in the tz database.")
    jitter_seconds: int = strawberry.field(
        description="Over how many seconds the tenants' runs are spread, each always as far into them."
    )
    all_tenants: bool = strawberry.field(
        description="Whether it starts in all tenants of the workspace, also in those that come later."
    )
    enabled: bool = strawberry.field(description="Whether it starts anything.")
    disabled_reason: ScheduleDisabledReason | None = strawberry.field(
        description="Why Atlas itself disabled it; null when a person did."
    )
    next_at: datetime | None = strawberry.field(description="When it is due next; null while it is disabled.")
    created_at: datetime = strawberry.field(description="When it was made.")
    changed_at: datetime | None = strawberry.field(
        description="When it was last changed, enabled or disabled."
    )
    deleted_at: datetime | None = strawberry.field(
        description="When it was deleted: only its runs lead to it then."
    )
    asked_input: strawberry.Private[Any]
    owner_uuid: strawberry.Private[str]
    owner_name: strawberry.Private[str | None]
    tick: strawberry.Private[Any]

    @resolved("The operation's input, as it was given.")
    def input(self) -> JSON:
        return JSON(self.asked_input)

    @resolved("With whose rights it starts.")
    def owner(self) -> ScheduleOwner:
        return ScheduleOwner(uuid=self.owner_uuid, name=self.owner_name)

    @resolved("What came of it when it was last due; null before the first time.")
    def last_tick(self) -> ScheduleTick | None:
        return None if self.tick is None else _shown(self.tick)

    @resolved("When it is due from now on; empty while it is disabled.")
    def next_ticks(
        self,
        first: Annotated[
            int, strawberry.argument(description=f"How many times to give, from 0 to {MOST_TICKS}.")
        ] = 5,
    ) -> list[datetime]:
        if not 0 <= first <= MOST_TICKS:
            raise BadUserInput(f"`first` must be between 0 and {MOST_TICKS}.", "first")
        if self.next_at is None or first == 0:
            return []
        return [self.next_at, *Cron(self.cron, self.time_zone).some_after(self.next_at, first - 1)]

    @resolved("The tenants in which it starts, by name; of those that you have any right on.")
    async def tenants(
        self, info: Info, first: First = 25, after: After = None
    ) -> Connection[Annotated[Tenant, strawberry.lazy("atlas_gql.schema.types.tenants")]] | None:
        return await lists.SCHEDULE_TENANTS.page(
            info, self.uuid, first=first, after=after, where=_within(info, self)
        )

    @resolved(
        "The runs that it started, the newest first; of those tenants whose runs you may see.",
        HasCapabilitySomewhere(Capability.RUNS_VIEW),
    )
    async def runs(self, info: Info, first: First = 25, after: After = None) -> RunConnection | None:
        return await lists.SCHEDULE_RUNS.page(
            info,
            self.uuid,
            first=first,
            after=after,
            where=_within(info, self, Capability.RUNS_VIEW),
            connection=RunConnection,
        )


def _within(info: Info, schedule: Schedule, *capabilities: str) -> dict[str, Any]:
    """That a tenant is one where the viewer holds capabilities."""
    reach = granted(info.context.actor, schedule.workspace_id, *capabilities)
    return {} if reach is None else {WITHIN: reach}


def _shown(tick: Any) -> ScheduleTick:
    refused = sorted(tick["refused"].items(), key=lambda item: (-item[1], item[0]))
    return ScheduleTick(
        due_at=datetime.fromisoformat(tick["dueAt"]),
        missed=tick["missed"],
        request_id=tick["requestId"],
        started=tick["started"],
        deduplicated=tick["deduplicated"],
        archived=tick["archived"],
        refused=sum(tick["refused"].values()),
        refusals=[TickRefusal(code=code, tenants=count) for code, count in refused],
    )


@strawberry.input(description="Which schedules to list; all conditions must hold.")
class ScheduleFilter:
    enabled: bool | None = strawberry.field(description="Whether they start anything.", default=None)
    operation_type: list[str] | None = strawberry.field(
        description="Start one of these operations.", default=None
    )
    tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Start in one of these tenants, or in all.", default=None
    )
    owner_uuid: list[str] | None = strawberry.field(
        description="Start with the rights of one of these users: the `uuid` of their `owner`.", default=None
    )
    name_contains: str | None = strawberry.field(
        description="The name contains this, in whatever case.", default=None
    )

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput naming the field that no schedule could meet."""
        tenants = given(tenant_id=keys(self.tenant_id, "tenantId", "Tenant"))
        conditions = given(
            enabled=self.enabled,
            operation_type=self.operation_type,
            owner_uuid=uuids(self.owner_uuid, "ownerUuid"),
            name_contains=containing(self.name_contains),
        )
        return {**conditions, **({"reaching": tenants["tenant_id"]} if tenants else {})}


@strawberry.type(description="A schedule was made or changed.")
class SchedulePayload:
    schedule_id: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any] = None

    @resolved("The schedule as it is now.", HasCapability(Capability.RUNS_VIEW))
    async def schedule(self, info: Info) -> Schedule | None:
        row: Schedule | None = await looked_up(info, SCHEDULE, self.schedule_id)
        return row
