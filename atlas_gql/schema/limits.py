"""How much one operation may ask for, found out before anything is read.

Each fragment is measured once, however often it is spread: a small text that would unfold into a huge
one costs what it is long, not what it unfolds to.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

MAX_DEPTH = 12
MAX_COST = 250_000
"""Fields that an answer could hold, with every list as long as it was asked for."""
MAX_ROOT_FIELDS = 20
LONGEST_PAGE = 100
"""What a page counts for whose length is a variable."""


@dataclass(frozen=True)
class Weight:
    """How deep a selection goes, and how many fields its answer could hold."""

    depth: int
    cost: int


def problem_of(schema: GraphQLSchema, document: DocumentNode) -> str | None:
    """Why a valid document asks for too much; None when it does not."""
    scale = _Scale(schema, document)
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode):
            continue
        root = schema.get_root_type(operation.operation)
        weight = scale.weigh(operation.selection_set, root)
        if len(operation.selection_set.selections) > MAX_ROOT_FIELDS:
            return f"The operation has more than {MAX_ROOT_FIELDS} fields at its root."
        if weight.depth > MAX_DEPTH:
            return f"The operation is more than {MAX_DEPTH} levels deep."
        if weight.cost > MAX_COST:
            return (
                f"The operation could return {weight.cost:,} fields, more than {MAX_COST:,}."
                " Ask for shorter pages, or in several requests."
            )
    return None


class _Scale:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._weighed: dict[str, Weight] = {}

    def weigh(self, selection: SelectionSetNode, parent: GraphQLNamedType | None) -> Weight:
        depth = cost = 0
        for node in selection.selections:
            weight = self._one(node, parent)
            depth, cost = max(depth, weight.depth), cost + weight.cost
        return Weight(depth, cost)

    def _one(self, node: object, parent: GraphQLNamedType | None) -> Weight:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, InlineFragmentNode):
            on = node.type_condition
            return self.weigh(node.selection_set, self._schema.get_type(on.name.value) if on else parent)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value)

    def _fragment(self, name: str) -> Weight:
        if name not in self._weighed:
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._weighed[name] = self.weigh(fragment.selection_set, on)
        return self._weighed[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Weight:
        if node.selection_set is None:
            return Weight(1, 1)
        known = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        field = parent.fields.get(node.name.value) if known else None  # type: ignore[union-attr] # known says so
        inner = self.weigh(node.selection_set, get_named_type(field.type) if field else None)
        return Weight(inner.depth + 1, 1 + inner.cost * _length(node, field, parent))


UNPAGED = ("RunsChanged.runs",)
"""Fields without pages that may give as many things as the longest page."""


def _length(node: FieldNode, field: GraphQLField | None, parent: GraphQLNamedType | None) -> int:
    """How many things a field gives: its page's length where it has pages, else one."""
    if parent is not None and f"{parent.name}.{node.name.value}" in UNPAGED:
        return LONGEST_PAGE
    if field is None or "first" not in field.args:
        return 1
    for argument in node.arguments or ():
        if argument.name.value == "first":
            return int(argument.value.value) if isinstance(argument.value, IntValueNode) else LONGEST_PAGE
    default = field.args["first"].default_value
    return default if isinstance(default, int) else LONGEST_PAGE
