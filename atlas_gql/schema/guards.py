"""Which field of a schema is guarded by what: for tests, and for the documentation of permissions."""

from __future__ import annotations

from collections.abc import Mapping

import strawberry
from graphql import GraphQLNamedType, GraphQLObjectType, get_named_type
from strawberry.schema.schema_converter import GraphQLCoreConverter

from atlas_gql.schema.maps import KINDS
from atlas_gql.schema.permissions import Guard, Permission

FREE: Mapping[str, str] = {
    "Query.viewer": "you may always know who you are",
    "Viewer.workspaces": "lists your own memberships",
    "Viewer.tokens": "lists your own tokens, as far as the one that asks may know them",
    "ApiToken.tenants": "gives those of its tenants that you have any right on",
    "Invitation.tenants": "gives those of its tenants that you have any right on",
    "Schedule.tenants": "lists those of its tenants that you have any right on",
    "Workspace.tenants": "lists the tenants that you have any right on, by its filter",
    "Tenant.workspace": "who reaches a tenant is a member of its workspace",
    "StartOnTenantsPayload.results": "says of tenants what was asked for; tenant and run are guarded",
    "RunItem.failure": "is part of the item",
    "Failure.item": "is the item whose failure it is; `failures` and `items` are guarded",
}
"""The fields that lead to a thing and are open to whoever got that far, and why."""

PAGES = ("Connection", "Edge")
"""Ends of the names of types that only hold what a guarded field gave."""


def guards(schema: strawberry.Schema) -> Mapping[str, tuple[Permission, ...]]:
    """Every field, as `Type.field`, with its permission classes; none for what is not guarded."""
    found: dict[str, tuple[Permission, ...]] = {}
    for owner in _objects(schema):
        for name, field in owner.fields.items():
            declared = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            found[f"{owner.name}.{name}"] = tuple(
                permission
                for extension in declared.extensions
                if isinstance(extension, Guard)
                for permission in extension.permissions
                if isinstance(permission, Permission)
            )
    return found


def leading_to_things(schema: strawberry.Schema) -> frozenset[str]:
    """The fields that lead from one thing to another, or to a list, and so must ask who asks."""
    return frozenset(
        f"{owner.name}.{name}"
        for owner in _objects(schema)
        if not owner.name.endswith(PAGES)
        for name, field in owner.fields.items()
        if _leads(get_named_type(field.type), frozenset())
    )


def _objects(schema: strawberry.Schema) -> list[GraphQLObjectType]:
    known = schema._schema.type_map.values()
    return [
        type_ for type_ in known if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
    ]


def _leads(to: GraphQLNamedType, seen: frozenset[str]) -> bool:
    """Whether a type is a thing, or a value that holds one."""
    if to.name == "Node" or to.name in KINDS:
        return True
    if not isinstance(to, GraphQLObjectType) or to.name in seen:
        return False
    inner = (get_named_type(field.type) for field in to.fields.values())
    return any(_leads(type_, seen | {to.name}) for type_ in inner)
