"""`/system/graphql`: the platform's schema, for the platform's tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from atlas_gql.access.actors import Actor
from atlas_gql.access.tokens import Plane
from atlas_gql.db.database import ENGINE
from atlas_gql.schema.context import Context
from atlas_gql.schema.http import GraphQLEndpoint
from atlas_gql.schema.system.host import Host


@dataclass(kw_only=True)
class SystemContext(Context):
    """What the resolvers of the platform share."""

    host: Host


class SystemEndpoint(GraphQLEndpoint):
    """Executes operations of the platform."""

    plane = Plane.PLATFORM

    def __init__(self, *args: Any, host: Host, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._host = host

    def _ahead(self, request: Request) -> None:  # noqa: ARG002 # what is read as the engine is read by itself
        return None

    def _context(self, actor: Actor, request_id: str) -> SystemContext:
        return SystemContext(
            actor=actor,
            # Workspaces and users are nobody's: no member's scope reaches them.
            database=self._database.scope(ENGINE),
            engine=self._engine,
            sealer=self._sealer,
            request_id=request_id,
            host=self._host,
        )
