"""What is found out once of an operation, and holds whenever it is executed.

Its parts, the types of its variables, and - where no directive makes it depend on them - which fields it asks
for at which place. graphql-core finds all of that out anew for each execution, which for a small query is
more than its answer costs.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableNode,
    get_nullable_type,
    get_variable_values,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, FragmentDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities import coerce_input_value


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation of a valid document, and what is remembered of it."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    definitions: dict[str, FragmentDefinitionNode]
    lasting: bool
    """Whether it asks for the same fields whatever its variables are: nothing is skipped or included."""
    selections: dict[Hashable, Any] = field(default_factory=dict)
    """What is looked ahead for, by what is asked of it."""
    collected: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList | None, CollectedFields]] = field(
        default_factory=dict
    )
    """The fields selected at a place on a type; with the place itself, whose id is in the key."""
    levels: dict[tuple[str, int], Any] = field(default_factory=dict)
    """How those fields are taken, as `plain.py` has it."""
    reads: dict[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    """What was read for the thing that `id_variable` names: by its kind, the row map and the attributes."""

    @property
    def type(self) -> OperationType:
        return self.node.operation

    @cached_property
    def fragments(self) -> dict[str, FragmentDetails]:
        return {name: FragmentDetails(definition) for name, definition in self.definitions.items()}

    @cached_property
    def root(self) -> GraphQLObjectType | None:
        return self.schema.get_root_type(self.type)

    @cached_property
    def id_variable(self) -> str | None:
        """The variable with the id of the one thing that a query is about; None where it is not so simple."""
        if self.type is not OperationType.QUERY or not self.lasting:
            return None
        match self.node.selection_set.selections:
            case (
                FieldNode(
                    arguments=(ArgumentNode(name=NameNode(value="id"), value=VariableNode() as given),)
                ),
            ):
                return given.name.value
            case _:
                return None

    def variables(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The values of its variables, or what is wrong with those that were given."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self._signatures or ():
            value = given.get(signature.name, Undefined)
            if value is not Undefined:
                fitting = coerce_input_value(value, signature.type)
                if fitting is Undefined:
                    break
                coerced[signature.name] = fitting
            elif is_non_null_type(signature.type):
                break
            sources[signature.name] = VariableValueSource(signature, value)
        else:
            if self._signatures is not None:
                return VariableValues(sources, coerced)
        return get_variable_values(
            self.schema, self.node.variable_definitions or (), dict(given), max_errors=50
        )

    @cached_property
    def _signatures(self) -> list[GraphQLVariableSignature] | None:
        """Of variables that are scalars or enums, and have no defaults; None where one is anything else."""
        found = []
        for node in self.node.variable_definitions or ():
            signature = get_variable_signature(self.schema, node)
            if isinstance(signature, GraphQLError) or signature.default is not None:
                return None
            if not is_leaf_type(get_nullable_type(signature.type)):
                return None
            found.append(signature)
        return found


def operations(
    schema: GraphQLSchema, document: DocumentNode, unconditional: Collection[str | None]
) -> dict[str | None, Operation]:
    """The operations of a valid document by name; these hold no directive."""
    definitions = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    found: dict[str | None, Operation] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            name = node.name.value if node.name else None
            found[name] = Operation(
                schema=schema, node=node, definitions=definitions, lasting=name in unconditional
            )
    return found
