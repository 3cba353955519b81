"""How much one operation may ask for, found out before anything else is made of its text.

Each fragment is measured once, however often it is spread: a small text that would unfold into a huge
one costs what it is long, not what it unfolds to. graphql-core's own rules come after this one, since
some of them do unfold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
)

LONGEST_PAGE = 100
"""What a page counts for whose length is a variable."""
SHORT_LIST = 5
"""What a list without pages counts for."""
COUNTLESS = 10**9
"""Nothing is counted any further."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one operation may have at most. All but `depth` count what its fragments unfold to."""

    depth: int = 12
    """Levels of fields; those of introspection, which the schema bounds, do not count."""
    fields: int = 1000
    root_fields: int = 20
    mutations: int = 5
    aliases: int = 30
    directives: int = 20
    repeats: int = 50
    """How often one place may ask for the same name; checking that all mean the same takes its square."""
    cost: int = 50_000
    """Fields that an answer could hold, with every list as long as it was asked for."""


class Weight(NamedTuple):
    """What a selection asks for; `roots` are the fields at its top."""

    depth: int = 0
    roots: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0


class TooMuch(Exception):
    """An operation asks for too much; the text says of what."""


def measure(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> dict[str | None, Weight]:
    """What the operations of a document ask for, by name; it need not be valid. Raises TooMuch."""
    scale = _Scale(schema, document, limits)
    weights: dict[str | None, Weight] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            weight = scale.weigh(node.selection_set, schema.get_root_type(node.operation), Counter())
            weight = _plus(weight, Weight(directives=len(node.directives or ())))
            _check(weight, limits, changes=node.operation is OperationType.MUTATION)
            weights[node.name.value if node.name else None] = weight
    return weights


def _check(weight: Weight, limits: Limits, *, changes: bool) -> None:
    roots = limits.mutations if changes else limits.root_fields
    kind = "mutations" if changes else "fields at its root"
    for found, limit, what in (
        (weight.roots, roots, f"has more than {roots} {kind}"),
        (weight.depth, limits.depth, f"is more than {limits.depth} levels deep"),
        (weight.aliases, limits.aliases, f"has more than {limits.aliases} aliases"),
        (weight.directives, limits.directives, f"has more than {limits.directives} directives"),
    ):
        if found > limit:
            raise TooMuch(f"The operation {what}.")
    if weight.cost > limits.cost:
        raise TooMuch(
            f"The operation could return {weight.cost:,} fields, more than {limits.cost:,}."
            " Ask for shorter pages, or in several requests."
        )


class _Scale:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._weighed: dict[str, tuple[Weight, Counter[str]]] = {}

    def weigh(
        self, selection: SelectionSetNode, parent: GraphQLNamedType | None, names: Counter[str]
    ) -> Weight:
        """The sum of a selection's parts, and the greatest of their depths.

        `names` is given how often the place that it belongs to asks for each name. Raises TooMuch as soon
        as there are too many fields, so that what is unfolded is never large.
        """
        total = Weight()
        for part in self._parts(selection, parent, names):
            total = _plus(total, part)
            if total.fields > self._limits.fields:
                raise TooMuch(f"The operation has more than {self._limits.fields:,} fields.")
        return total

    def _parts(
        self, selection: SelectionSetNode, parent: GraphQLNamedType | None, names: Counter[str]
    ) -> Iterator[Weight]:
        for node in selection.selections:
            if node.directives:
                yield Weight(directives=len(node.directives))
            if isinstance(node, FieldNode):
                names[(node.alias or node.name).value] += 1
                yield self._field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                yield self.weigh(node.selection_set, on, names)
            elif isinstance(node, FragmentSpreadNode):
                weight, inner = self._fragment(node.name.value)
                names.update(inner)
                yield weight

    def _fragment(self, name: str) -> tuple[Weight, Counter[str]]:
        fragment = self._fragments.get(name)
        if fragment is None:
            return Weight(), Counter()
        if name not in self._weighed:
            self._weighed[name] = Weight(), Counter()  # a fragment within itself; validation says so
            names: Counter[str] = Counter()
            on = self._schema.get_type(fragment.type_condition.name.value)
            weight = self.weigh(fragment.selection_set, on, names)
            self._weighed[name] = _plus(weight, Weight(directives=len(fragment.directives or ()))), names
        return self._weighed[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Weight:
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return Weight(1, 1, 1, aliases, 0, 1)
        name = node.name.value
        known = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        field = self._schema.get_field(parent, name) if known else None  # type: ignore[arg-type] # known says so
        of = get_named_type(field.type) if field else None
        names: Counter[str] = Counter()
        inner = self.weigh(node.selection_set, of, names)
        name, times = max(names.items(), key=lambda asked: asked[1], default=("", 0))
        if times > self._limits.repeats:
            raise TooMuch(f"The operation asks for `{name}` {times} times at one place.")
        return Weight(
            depth=1 if of and of.name.startswith("__") else inner.depth + 1,
            roots=1,
            fields=min(inner.fields + 1, COUNTLESS),
            aliases=min(inner.aliases + aliases, COUNTLESS),
            directives=inner.directives,
            cost=min(1 + inner.cost * max(_length(node, parent, field), 0), COUNTLESS),
        )


def _plus(one: Weight, other: Weight) -> Weight:
    return Weight(
        max(one.depth, other.depth), *(min(a + b, COUNTLESS) for a, b in zip(one[1:], other[1:], strict=True))
    )


WEIGHTS = {
    **dict.fromkeys(("RunsChanged.runs", "RunStats.buckets"), LONGEST_PAGE),
    **dict.fromkeys(("Workspace.runStats", "Tenant.runStats"), SHORT_LIST),
}
"""What fields without pages count for that may give as many things as a page, or are as dear to compute."""


def _length(node: FieldNode, parent: GraphQLNamedType | None, field: GraphQLField | None) -> int:
    """How many things a field gives: as many as its arguments say, or as such a list usually has."""
    weight = WEIGHTS.get(f"{parent.name}.{node.name.value}") if parent is not None else None
    if weight is not None:
        return weight
    if field is None:
        return 1
    for name in ("first", "ids"):
        if name in field.args:
            return _asked(node, name, field.args[name].default_value)
    if not isinstance(get_nullable_type(field.type), GraphQLList) or _is_page(parent):
        return 1
    return SHORT_LIST


def _asked(node: FieldNode, name: str, default: object) -> int:
    for argument in node.arguments or ():
        value = argument.value
        if argument.name.value == name and isinstance(value, IntValueNode):
            return int(value.value) if len(value.value) < len(str(COUNTLESS)) else COUNTLESS
        if argument.name.value == name:
            return len(value.values) if isinstance(value, ListValueNode) else LONGEST_PAGE
    return default if isinstance(default, int) else LONGEST_PAGE


def _is_page(parent: GraphQLNamedType | None) -> bool:
    """Whether a type is a page of a list, whose length was counted where it was asked for."""
    return isinstance(parent, GraphQLObjectType) and "pageInfo" in parent.fields
