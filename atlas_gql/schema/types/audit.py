"""Audit entries: who did what to which resource, when, why, with what outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given
from atlas_gql.schema.types.actors import Actor
from atlas_gql.schema.types.nodes import Node


@strawberry.type(description="What an audit entry is about.")
class AuditResource:
    kind: str = strawberry.field(description="The kind of thing, such as `RestoreRun`.")
    id: str | None = strawberry.field(description="The key of the thing, as its `uuid` shows it.")


@strawberry.type(description="An entry of the audit trail. Entries are added and never changed.")
class AuditEntry(Node):
    action: str = strawberry.field(description="What was done, in past tense: `restore.executed`.")
    outcome: str | None = strawberry.field(description="How it ended, where that can differ.")
    reason: str | None = strawberry.field(description="Why, in the words of whoever did it.")
    details: JSON = strawberry.field(description="More about it, by action.")
    run_uuid: str | None = strawberry.field(
        description="The `uuid` of the run that did it; the run itself is kept for a shorter time."
    )
    request_id: str | None = strawberry.field(description="The id of the request that led to it.")
    created_at: datetime = strawberry.field(description="When it was recorded.")
    actor_kind: strawberry.Private[str]
    actor_name: strawberry.Private[str]
    resource_kind: strawberry.Private[str | None]
    resource_id: strawberry.Private[str | None]

    @resolved("Who did it.")
    def actor(self) -> Actor:
        return Actor(kind=self.actor_kind, name=self.actor_name)

    @resolved("What it was done to.")
    def resource(self) -> AuditResource | None:
        return AuditResource(kind=self.resource_kind, id=self.resource_id) if self.resource_kind else None


@strawberry.input(description="Which audit entries to list; all conditions must hold.")
class AuditEntryFilter:
    actions: list[str] | None = strawberry.field(description="One of these actions.", default=None)

    def where(self) -> dict[str, Any]:
        return given(actions=self.actions)
