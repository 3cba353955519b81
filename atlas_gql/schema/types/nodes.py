"""What everything with an id has in common."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.types.base import get_object_definition

from atlas_gql.schema import ids
from atlas_gql.schema.context import Info
from atlas_gql.schema.maps import KINDS
from atlas_gql.schema.permissions import held


@strawberry.interface(description="A thing with an id.")
class Node:
    """Its sources are rows; those read for a field of this type say their kind themselves."""

    uuid: str = strawberry.field(description="The key behind the id, as logs and links show it.")

    # Not of the schema: every row has them, and guards ask for them.
    workspace_id: strawberry.Private[Any] = None
    tenant_id: strawberry.Private[Any] = None

    @strawberry.field(description="An opaque id, unique among all things; `node` takes it.")
    def id(self, info: Info) -> strawberry.ID:
        return ids.encode(info._raw_info.parent_type.name, self.uuid)

    @classmethod
    def resolve_type(cls, row: Any, *_: Any) -> str:
        kind: str = row.kind_
        return kind

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        # Rows carry no class of ours; each field's statement reads its own type's table.
        return True


__all__ = ["KINDS", "Node", "get_object_definition", "held"]
