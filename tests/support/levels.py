"""How many levels of a query are loaded, one below the other.

A level is a field that waits for the database: it leads from one thing to another, to a list of things, or
to what is computed of stored rows. What a field only takes out of a row that was read is none, and neither
are `nodes` and `edges`, which belong to the list that they are of.
"""

from __future__ import annotations

from inspect import iscoroutinefunction

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter


def operation_of(document: DocumentNode) -> OperationDefinitionNode:
    """The one operation of a document."""
    (found,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return found


def is_query(document: DocumentNode) -> bool:
    return operation_of(document).operation is OperationType.QUERY


def loading(schema: strawberry.Schema) -> frozenset[str]:
    """The fields that wait for the database, as `Type.field`."""
    return frozenset(
        f"{owner.name}.{name}"
        for owner in schema._schema.type_map.values()
        if isinstance(owner, GraphQLObjectType) and not owner.name.startswith("__")
        for name, field in owner.fields.items()
        if (declared := field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]).base_resolver
        and iscoroutinefunction(declared.base_resolver.wrapped_func)
    )


def levels(schema: strawberry.Schema, document: DocumentNode) -> int:
    """The greatest number of fields that load and stand below each other in a query."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    waits = loading(schema)

    def below(selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> int:
        return max((at(node, parent) for node in selections.selections), default=0) if selections else 0

    def at(node: SelectionNode, parent: GraphQLNamedType | None) -> int:
        if isinstance(node, FieldNode):
            if node.name.value.startswith("__"):
                return 0
            assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
            field = parent.fields[node.name.value]
            return (f"{parent.name}.{node.name.value}" in waits) + below(
                node.selection_set, get_named_type(field.type)
            )
        inner = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        on = inner.type_condition
        return below(inner.selection_set, schema._schema.get_type(on.name.value) if on else parent)

    return below(operation_of(document).selection_set, schema._schema.query_type)
