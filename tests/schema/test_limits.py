"""What an operation asks for is known before anything is made of it, and costs what its text is long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graphql import GraphQLSchema, get_introspection_query, parse

from atlas_gql.schema import limits
from atlas_gql.schema.limits import Limits, TooMuch, Weight, measure
from support.shipped import shipped_schema

NONE = Limits(
    depth=10**9,
    fields=10**9,
    root_fields=10**9,
    mutations=10**9,
    aliases=10**9,
    directives=10**9,
    repeats=10**9,
    cost=10**9,
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return shipped_schema()._schema


def bomb(levels: int) -> str:
    spreads = " ".join(f"fragment f{n} on Workspace {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels))
    last = f"fragment f{levels} on Workspace {{ id }}"
    return f"{{ viewer {{ workspaces {{ nodes {{ ...f0 }} }} }} }} {spreads} {last}"


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        pytest.param("{ viewer { name } }", Weight(2, 1, 2, 0, 0, 2), id="two fields"),
        pytest.param("{ a: viewer { b: name } }", Weight(2, 1, 2, 2, 0, 2), id="aliases"),
        pytest.param(
            "query @skip(if: $a) { ...F @include(if: true) } fragment F on Query { reasonCodes { code } }",
            Weight(2, 1, 2, 0, 2, 1 + limits.SHORT_LIST),
            id="a list without pages",
        ),
        pytest.param(
            "{ viewer { workspaces(first: 7) { nodes { id name } } } }",
            Weight(4, 1, 5, 0, 0, 2 + 7 * 3),
            id="a page of seven",
        ),
        pytest.param(
            "query($n: Int!) { viewer { workspaces(first: $n) { nodes { id } } } }",
            Weight(4, 1, 4, 0, 0, 2 + 100 * 2),
            id="a page as long as a variable says",
        ),
        pytest.param(
            "{ viewer { workspaces(first: -9) { nodes { id } } } }",
            Weight(4, 1, 4, 0, 0, 2),
            id="a page of less than nothing takes nothing off",
        ),
        pytest.param(
            "{ viewer { ...A } } fragment A on Viewer { name ...B } fragment B on Viewer { ...A ...None }",
            Weight(2, 1, 2, 0, 0, 2),
            id="what is not valid is weighed all the same",
        ),
    ],
)
def test_an_operation_is_weighed(schema: GraphQLSchema, query: str, weight: Weight) -> None:
    assert measure(schema, parse(query), Limits()) == {None: weight}


def test_each_operation_of_a_document_is_weighed_by_itself(schema: GraphQLSchema) -> None:
    weights = measure(schema, parse("query A { viewer { name } } query B { viewer { name uuid } }"), Limits())
    assert {name: weight.fields for name, weight in weights.items()} == {"A": 2, "B": 3}


def test_a_client_may_ask_for_the_whole_schema(schema: GraphQLSchema) -> None:
    """Its levels are many, and bounded by the schema."""
    assert measure(schema, parse(get_introspection_query()), Limits())["IntrospectionQuery"].depth == 1


@pytest.mark.parametrize(
    ("query", "within", "why"),
    [
        ("{ viewer { workspaces { totalCount } } }", {"depth": 3}, "more than 2 levels deep"),
        ("{ ...F } fragment F on Query { reasonCodes { code } }", {"fields": 2}, "more than 1 fields"),
        (
            "{ ...F } fragment F on Query { viewer { name } node(id: 1) { id } }",
            {"root_fields": 2},
            "more than 1 fields at its root",
        ),
        (
            "mutation { a: cancelRun { __typename } b: cancelRun { __typename } }",
            {"mutations": 2},
            "more than 1 mutations",
        ),
        ("{ a: viewer { b: name } }", {"aliases": 2}, "more than 1 aliases"),
        ("{ viewer { name @skip(if: true) @skip(if: true) } }", {"directives": 2}, "more than 1 directives"),
        ("{ viewer { name ... { name } } }", {"repeats": 2}, "asks for `name` 2 times at one place"),
        (
            "{ viewer { name ...F } } fragment F on Viewer { name }",
            {"repeats": 2},
            "asks for `name` 2 times at one place",
        ),
        ("{ reasonCodes { code } }", {"cost": 1 + limits.SHORT_LIST}, "could return 6 fields, more than 5"),
    ],
)
def test_what_is_over_a_limit_is_refused_and_says_which(
    schema: GraphQLSchema, query: str, within: dict[str, int], why: str
) -> None:
    ((name, limit),) = within.items()
    measure(schema, parse(query), replace(NONE, **within))
    with pytest.raises(TooMuch, match=why):
        measure(schema, parse(query), replace(NONE, **{name: limit - 1}))


def test_a_fragment_is_weighed_once_however_often_it_is_spread(
    schema: GraphQLSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,097,152 fields, found out in 25 steps."""
    weigh, steps = limits._Scale.weigh, []
    monkeypatch.setattr(
        limits._Scale, "weigh", lambda self, *arguments: steps.append(1) or weigh(self, *arguments)
    )
    assert measure(schema, parse(bomb(21)), NONE)[None].fields == 3 + 2**21
    assert len(steps) == 4 + 21 + 1
    with pytest.raises(TooMuch):
        measure(schema, parse(bomb(110)), Limits())


def test_numbers_too_large_to_be_read_are_only_large(schema: GraphQLSchema) -> None:
    with pytest.raises(TooMuch):
        measure(
            schema,
            parse(f"{{ viewer {{ workspaces(first: {'9' * 5000}) {{ nodes {{ id }} }} }} }}"),
            Limits(),
        )
