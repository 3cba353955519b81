"""Policies: what was last observed in a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from atlas_gql.schema.filters import containing, given
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

    def where(self) -> dict[str, Any]:
        return given(policy_types=self.policy_types, name_contains=containing(self.name_contains))
