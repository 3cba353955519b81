"""Random valid operations of a schema, for hypothesis: any selection, any arguments, any variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import strategies as st

LARGEST = 2**31 - 1
INTEGERS = st.sampled_from([1, 2, 3, 5, 10, 25, 100, 0, 101, -1, LARGEST, -LARGEST - 1])
TIMES = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-14:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "yesterday",
    ]
)
STRINGS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.sampled_from(["", " ", "\0", "%", "a\\", "'\";--", "x" * 5000, "\U0001f9ff", "­", "e30="]),
)


@dataclass
class Drawn:
    """An operation in the making."""

    draw: Any
    schema: GraphQLSchema
    ids: st.SearchStrategy[str]
    texts: st.SearchStrategy[str]
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)

    def selection(self, of: GraphQLNamedType, depth: int) -> str:
        """Some fields of a type, in braces; at least one."""
        if isinstance(of, GraphQLUnionType | GraphQLInterfaceType):
            possible = sorted(self.schema.get_possible_types(of), key=lambda type_: type_.name)
            concrete = self.draw(st.sampled_from(possible))
            return f"{{ __typename ... on {concrete.name} {self.selection(concrete, depth)} }}"
        assert isinstance(of, GraphQLObjectType)
        offered = [name for name, known in of.fields.items() if depth > 1 or _is_leaf(known)]
        if not offered:
            return "{ __typename }"
        names = self.draw(st.lists(st.sampled_from(offered), min_size=1, max_size=4, unique=True))
        return "{ " + " ".join(self.one(of.fields[name], name, depth) for name in names) + " }"

    def one(self, known: GraphQLField, name: str, depth: int) -> str:
        given = [
            f"{argument}: {self.variable(declared)}"
            for argument, declared in known.args.items()
            if _is_required(declared) or self.draw(st.booleans())
        ]
        arguments = f"({', '.join(given)})" if given else ""
        below = "" if _is_leaf(known) else self.selection(get_named_type(known.type), depth - 1)
        return f"{name}{arguments} {below}"

    def variable(self, argument: GraphQLArgument) -> str:
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {argument.type}")
        self.variables[name] = self.value(argument.type)
        return f"${name}"

    def value(self, of: GraphQLInputType) -> Any:
        if is_non_null_type(of):
            return self.some(of.of_type)
        return None if self.draw(st.integers(0, 5)) == 0 else self.some(of)

    def some(self, of: Any) -> Any:
        """A value that is not null."""
        if is_list_type(of):
            return [self.value(of.of_type) for _ in range(self.draw(st.integers(0, 3)))]
        if isinstance(of, GraphQLInputObjectType):
            return {
                name: self.value(known.type)
                for name, known in of.fields.items()
                if _is_required(known) or self.draw(st.booleans())
            }
        if isinstance(of, GraphQLEnumType):
            return self.draw(st.sampled_from(sorted(of.values)))
        kinds = {
            "ID": self.ids,
            "Int": INTEGERS,
            "Boolean": st.booleans(),
            "Float": st.floats(allow_nan=False, allow_infinity=False),
            "DateTime": TIMES,
        }
        return self.draw(kinds.get(of.name, self.texts))


def _is_leaf(known: GraphQLField) -> bool:
    return is_leaf_type(get_named_type(known.type))


def _is_required(known: Any) -> bool:
    return is_non_null_type(known.type) and known.default_value.__class__.__name__ == "UndefinedType"


@st.composite
def operations(
    draw: Any,
    schema: GraphQLSchema,
    *,
    kind: str = "query",
    ids: st.SearchStrategy[str],
    texts: st.SearchStrategy[str] = STRINGS,
) -> tuple[str, dict[str, Any]]:
    """An operation's text and its variables."""
    root = schema.query_type if kind == "query" else schema.mutation_type
    assert root is not None
    drawn = Drawn(draw, schema, ids, texts)
    if kind == "query":
        selection = drawn.selection(root, draw(st.integers(2, 7)))
    else:
        name = draw(st.sampled_from(sorted(root.fields)))
        selection = f"{{ {drawn.one(root.fields[name], name, 4)} }}"
    declared = f"({', '.join(drawn.declared)})" if drawn.declared else ""
    return f"{kind} {declared} {selection}", drawn.variables
