"""What everything with an id has in common."""

from __future__ import annotations

from typing import Any

import strawberry

from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.fields import resolved


@strawberry.interface(description="A thing with an id.")
class Node:
    """Its sources are rows; those read for a field that gives any kind of thing say their kind."""

    uuid: str = strawberry.field(description="The key behind the id, as logs and links show it.")
    # Every row has these for its guards; they are no part of the schema.
    workspace_id: strawberry.Private[Any] = None
    tenant_id: strawberry.Private[Any] = None

    @resolved("An opaque id, unique among all things; `node` takes it.")
    def id(self, info: Info) -> strawberry.ID:
        return ids.encode(info._raw_info.parent_type.name, self.uuid)

    @classmethod
    def resolve_type(cls, row: Any, *_: Any) -> str:
        kind: str = row.kind_
        return kind

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        # A row has no class to go by; each field's statement reads the table of its own type.
        return True
