"""Audit entries: who did what to which resource, when, why, with what outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from atlas_gql.errors import BadUserInput
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
    tenant_uuid: str | None = strawberry.field(
        description="The `uuid` of the tenant that it is about; the tenant itself may have been purged since."
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
    tenant_uuids: list[str] | None = strawberry.field(
        name="tenantUuid",
        description="About one of the tenants with these `uuid`s; also about a tenant that was purged.",
        default=None,
    )

    def where(self) -> dict[str, Any]:
        return given(actions=self.actions, tenants=self.tenant_uuids and list(map(_uuid, self.tenant_uuids)))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadUserInput("`tenantUuid` must hold uuids.", "tenantUuid") from None
