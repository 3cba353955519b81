"""Things by their keys, and the context that names a policy's set of assignments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from atlas_gql.simulator.calls import Call, is_guid
from atlas_gql.simulator.errors import bad_directory_request, no_such_object, not_found
from atlas_gql.simulator.kind import Kind
from atlas_gql.simulator.state import Collection, Document, Entity, Policy

E = TypeVar("E", bound=Entity)


def found(collection: Collection[E], key: str) -> E:
    """The entity of this id. Raises Refused (404)."""
    entity = collection.get(key)
    if entity is None:
        raise not_found(f"The resource '{key}' was not found.")
    return entity


def found_group(groups: Collection[Entity] | None, key: str) -> Entity:
    """The group of this id, as the directory looks it up. Raises Refused."""
    if not is_guid(key):
        raise bad_directory_request(f"Invalid object identifier '{key}'.")
    group = groups.get(key) if groups is not None else None
    if group is None:
        raise no_such_object(key)
    return group


def held(assignments: Iterable[Document], key: str) -> Document:
    """The assignment of this id. Raises Refused (404)."""
    assignment = next((a for a in assignments if a["id"] == key), None)
    if assignment is None:
        raise not_found(f"The assignment '{key}' was not found.")
    return assignment


def set_context(call: Call, kind: Kind, policy: Policy) -> str:
    """`@odata.context` of a policy's assignments; tools find the policy's id in it."""
    return f"{call.base}/{call.version}/$metadata#{kind.path}('{policy.id}')/assignments"
