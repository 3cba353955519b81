"""What subscriptions tell."""

from __future__ import annotations

from typing import Any

import strawberry

from atlas_gql.access.capabilities import Capability
from atlas_gql.schema.fields import resolved
from atlas_gql.schema.permissions import HasCapability, HasCapabilitySomewhere
from atlas_gql.schema.types.runs import OperationRun


@strawberry.type(description="A run as it was at one moment.")
class RunEvent:
    event_cursor: str = strawberry.field(description="Where the stream goes on after this event.")
    row: strawberry.Private[Any]
    # Whose rights this event was checked with; they may be others than at the event before.
    actor: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]
    tenant_id: strawberry.Private[Any]

    @resolved("The run.", HasCapability(Capability.RUNS_VIEW))
    def run(self) -> OperationRun | None:
        run: OperationRun = self.row
        return run


@strawberry.type(description="Runs that have changed, as they were at one moment.")
class RunsChanged:
    event_cursor: str = strawberry.field(description="Where the stream goes on after this event.")
    rows: strawberry.Private[list[Any]]
    actor: strawberry.Private[Any]
    workspace_id: strawberry.Private[Any]

    @resolved(
        "Each run that has changed, once; none in the first event, which says where the stream begins.",
        HasCapabilitySomewhere(Capability.RUNS_VIEW),
    )
    def runs(self) -> list[OperationRun] | None:
        runs: list[OperationRun] = self.rows
        return runs
