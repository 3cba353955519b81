"""Capabilities and the roles that hold them."""

from __future__ import annotations

import strawberry

from atlas_gql.access.capabilities import CAPABILITIES, MEANINGS


@strawberry.type(description="Something that somebody may do, in a workspace or for a tenant.")
class CapabilityDescription:
    name: str = strawberry.field(description="Its name, as `viewerCapabilities` has it: `runs.view`.")
    description: str = strawberry.field(description="What it lets somebody do.")
    roles: list[str] = strawberry.field(
        description="The roles that hold it, the most powerful first: `owner` and `manager` of a workspace,"
        " `operator` and `readonly` for single tenants."
    )


def capabilities() -> list[CapabilityDescription]:
    """All of them, those of plugins among them, by name."""
    return [
        CapabilityDescription(
            name=str(name),
            description=MEANINGS[name],
            roles=[role.value for role, held in reversed(CAPABILITIES.items()) if name in held],
        )
        for name in sorted(MEANINGS)
    ]
