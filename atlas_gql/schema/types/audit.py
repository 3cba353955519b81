"""Audit entries: who did what to which resource, when, why, with what outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from atlas_gql.schema.fields import resolved
from atlas_gql.schema.filters import given, uuids
from atlas_gql.schema.pages import WITHIN
from atlas_gql.schema.types.actors import Actor
from atlas_gql.schema.types.nodes import Node


@strawberry.type(description="What an audit entry is about.")
class AuditResource:
    kind: str = strawberry.field(description="The kind of thing, such as `RestoreRun`.")
    id: str | None = strawberry.field(description="The key of the thing, as its `uuid` shows it.")


@strawberry.type
class Recorded:
    """What an entry of either plane's audit trail says."""

    details: JSON = strawberry.field(description="More about it, by action.")
    request_id: str | None = strawberry.field(description="The id of the request that led to it.")
    created_at: datetime = strawberry.field(description="When it was recorded.")
    actor_kind: strawberry.Private[str]
    actor_name: strawberry.Private[str]
    actor_uuid: strawberry.Private[str | None]
    resource_kind: strawberry.Private[str | None]
    resource_id: strawberry.Private[str | None]

    @resolved("Who did it.")
    def actor(self) -> Actor:
        return Actor(kind=self.actor_kind, name=self.actor_name, uuid=self.actor_uuid)

    @resolved("What it was done to.")
    def resource(self) -> AuditResource | None:
        return AuditResource(kind=self.resource_kind, id=self.resource_id) if self.resource_kind else None


@strawberry.type(description="An entry of the audit trail. Entries are added and never changed.")
class AuditEntry(Recorded, Node):
    action: str = strawberry.field(description="What was done, in past tense: `restore.executed`.")
    outcome: str | None = strawberry.field(description="How it ended, where that can differ.")
    reason: str | None = strawberry.field(description="Why, in the words of whoever did it.")
    run_uuid: str | None = strawberry.field(
        description="The `uuid` of the run that did it; the run itself is kept for a shorter time."
    )
    tenant_uuid: str | None = strawberry.field(
        description="The `uuid` of the tenant that it is about; the tenant itself may have been purged since."
    )


@strawberry.input(description="Which audit entries to list; all conditions must hold.")
class AuditEntryFilter:
    actions: list[str] | None = strawberry.field(description="One of these actions.", default=None)
    tenant_uuids: list[str] | None = strawberry.field(
        name="tenantUuid",
        description="About one of the tenants with these `uuid`s; also about a tenant that was purged.",
        default=None,
    )
    actor_uuid: list[str] | None = strawberry.field(
        description="Done by one of these users: the `uuid` of their `actor`.", default=None
    )
    resource_uuid: list[str] | None = strawberry.field(
        description="Done to one of these things: the `id` of their `resource`.", default=None
    )
    outcome: list[str] | None = strawberry.field(description="Ended in one of these ways.", default=None)
    run_uuid: list[str] | None = strawberry.field(
        description="Done by one of the runs with these `uuid`s; also by a run that is no longer kept.",
        default=None,
    )
    request_id: list[str] | None = strawberry.field(
        description="Led to by one of these requests.", default=None
    )
    created_after: datetime | None = strawberry.field(description="Recorded after this.", default=None)
    created_before: datetime | None = strawberry.field(description="Recorded before this.", default=None)

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput naming the field that no entry could meet."""
        conditions = given(
            actions=self.actions,
            tenant_uuid=uuids(self.tenant_uuids, "tenantUuid"),
            actor_uuid=uuids(self.actor_uuid, "actorUuid"),
            resource_uuid=self.resource_uuid,
            outcome=self.outcome,
            run_uuid=uuids(self.run_uuid, "runUuid"),
            request_id=self.request_id,
            created_after=self.created_after,
            created_before=self.created_before,
        )
        return {WITHIN if name == "tenant_uuid" else name: value for name, value in conditions.items()}
