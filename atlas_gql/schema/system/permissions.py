"""The one guard of the platform plane."""

from __future__ import annotations

from typing import Any

from atlas_gql.access.tokens import Plane
from atlas_gql.schema.context import Info
from atlas_gql.schema.permissions import Permission


class OnPlatform(Permission):
    """Whoever has a token of the platform. The endpoint lets nobody else in; this is the second lock."""

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        return info.context.actor.plane == Plane.PLATFORM
