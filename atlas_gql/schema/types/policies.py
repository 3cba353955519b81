"""Policies: what was last observed in a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import strawberry

from atlas_gql.schema.filters import containing, given, within
from atlas_gql.schema.types.nodes import Node


@strawberry.type(description="A policy of a tenant, as last observed.")
class Policy(Node):
    policy_type: str = strawberry.field(description="The kind of policy, such as `deviceConfigurations`.")
    external_id: str = strawberry.field(description="Its id at Microsoft.")
    name: str = strawberry.field(description="Its name.")
    platform: str | None = strawberry.field(description="The platform it is for, where it has one.")
    last_seen_at: datetime = strawberry.field(description="When it was last seen in the tenant.")


@strawberry.input(description="Which policies to list; all conditions must hold.")
class PolicyFilter:
    policy_types: list[str] | None = strawberry.field(
        name="policyType", description="One of these kinds.", default=None
    )
    name_contains: str | None = strawberry.field(
        description="The name contains this, in any case.", default=None
    )

    name: list[str] | None = strawberry.field(description="Called exactly one of these.", default=None)
    external_id: list[str] | None = strawberry.field(
        description="With one of these ids at Microsoft.", default=None
    )
    platform: list[str] | None = strawberry.field(description="For one of these platforms.", default=None)
    last_seen_after: datetime | None = strawberry.field(description="Last seen after this.", default=None)
    last_seen_before: datetime | None = strawberry.field(
        description="Last seen before this: backups since then, of their kind, did not find them.",
        default=None,
    )
    tenant_id: list[strawberry.ID] | None = strawberry.field(
        description="Of one of these tenants.", default=None
    )

    def where(self) -> dict[str, Any]:
        """Raises BadUserInput naming the field that no policy could meet."""
        return within(
            self.tenant_id,
            given(
                policy_type=self.policy_types,
                name_contains=containing(self.name_contains),
                name=self.name,
                external_id=self.external_id,
                platform=self.platform,
                last_seen_after=self.last_seen_after,
                last_seen_before=self.last_seen_before,
            ),
        )


PoliciesFilter = Annotated[
    PolicyFilter | None, strawberry.argument(description="Which policies; all when absent.")
]
