"""The root fields of subscriptions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import strawberry

from atlas_gql.access.actors import Actor
from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import NotFound
from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import watched
from atlas_gql.schema.live.changes import run_now
from atlas_gql.schema.live.hub import Hub
from atlas_gql.schema.live.moments import Moment, check_follows, cursor_of, moment_of
from atlas_gql.schema.live.types import RunEvent, RunsChanged
from atlas_gql.schema.maps import OPERATION_RUN
from atlas_gql.schema.permissions import CanWatchRun, CanWatchWorkspace, visible
from atlas_gql.schema.rows import load_row
from atlas_gql.schema.types.run_filters import meets
from atlas_gql.schema.types.runs import RunFilter

_WORKSPACE = CanWatchWorkspace(Capability.RUNS_VIEW)
_RUN = CanWatchRun(Capability.RUNS_VIEW)

AfterEvent = Annotated[
    str | None,
    strawberry.argument(description="Go on after this `eventCursor`, of a query or an event."),
]


@strawberry.type(description="What can be watched. Rights are checked again before each event.")
class Subscription:
    @watched(
        "A run: as it is, unless `after` has seen that, then each time it has changed, twice a"
        " second at most. Ends with the run.",
        _RUN,
    )
    async def run_events(
        self,
        info: Info,
        run_id: Annotated[strawberry.ID, strawberry.argument(description="The run's id.")],
        after: AfterEvent = None,
    ) -> AsyncGenerator[RunEvent | None, None]:
        uuid = ids.decode(run_id, kind="OperationRun", argument="runId")
        place = await load_row(info.context, OPERATION_RUN, uuid)  # which the guard has found
        since = moment_of(after) if after is not None else None
        events = _run_events(_hub(info), info.context.actor, place, since)
        async with aclosing(events):
            async for event in events:
                yield event

    @watched(
        "The runs of a workspace that you may see, each time some have changed, twice a second at"
        " most. Without `after` it begins now.",
        _WORKSPACE,
    )
    async def runs_changed(
        self,
        info: Info,
        workspace_id: Annotated[strawberry.ID, strawberry.argument(description="The workspace's id.")],
        filter: RunFilter = None,
        after: AfterEvent = None,
    ) -> AsyncGenerator[RunsChanged | None, None]:
        uuid = ids.decode(workspace_id, kind="Workspace", argument="workspaceId")
        where = filter.where() if filter else {}
        since = moment_of(after) if after is not None else None
        events = _runs_changed(_hub(info), info.context.actor, uuid, where, since)
        async with aclosing(events):
            async for event in events:
                yield event


def _hub(info: Info) -> Hub:
    hub: Hub | None = info.context.hub
    assert hub is not None  # subscriptions are executed by what has one
    return hub


async def _run_events(
    hub: Hub, actor: Actor, place: Any, after: Moment | None
) -> AsyncGenerator[RunEvent, None]:
    run, known = place, after.snapshot if after else None
    with hub.watching(actor, place.workspace_id) as watcher:
        async with aclosing(watcher.changes(None)) as changes:
            async for found in changes:
                if run is place:
                    if after is not None:
                        check_follows(found.moment, after)
                    run = await run_now(hub.database, UUID(place.uuid))
                else:
                    run = next((row for row in found.rows if row.uuid == place.uuid), run)
                now = watcher.actor
                if run is None or not _RUN.held_on(now, run):
                    raise NotFound
                if known is None or not known.sees(run.changed):
                    known = Moment.parse(run.moment).snapshot
                    yield _event(run, now)
                if run.status == "completed":
                    return


async def _runs_changed(
    hub: Hub, actor: Actor, workspace_id: UUID, where: Mapping[str, Any], after: Moment | None
) -> AsyncGenerator[RunsChanged, None]:
    with hub.watching(actor, workspace_id) as watcher:
        begun = after is not None
        async with aclosing(watcher.changes(after)) as changes:
            async for found in changes:
                now = watcher.actor
                if not _WORKSPACE.held_in(now, workspace_id):
                    raise NotFound
                rows = [row for row in found.rows if visible(now, row, OPERATION_RUN) and meets(row, where)]
                if rows or not begun:
                    begun = True
                    yield RunsChanged(
                        event_cursor=found.moment.cursor, rows=rows, actor=now, workspace_id=workspace_id
                    )


def _event(row: Any, actor: Actor) -> RunEvent:
    return RunEvent(
        event_cursor=cursor_of(row.moment),
        row=row,
        actor=actor,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
    )
