"""Which fields a query selects: through aliases, fragments and conditions, and cheaply."""

import asyncio
from types import SimpleNamespace

import pytest
import strawberry
from graphql import parse

from atlas_gql.schema.lookahead import selected

SEEN: list[frozenset[str]] = []


@strawberry.type
class Thing:
    a: int = 1
    b: int = 2
    c: int = 3

    @strawberry.field
    def next(self) -> "Thing":
        return Thing()


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, info: strawberry.Info) -> Thing:
        SEEN.append(selected(info, (), ("next",)))
        return Thing()


SCHEMA = strawberry.Schema(Query)


def fields(query: str, **variables) -> set[str]:
    SEEN.clear()
    context = SimpleNamespace(selections={})
    result = asyncio.run(SCHEMA.execute(query, context_value=context, variable_values=variables))
    assert result.errors is None
    return set(SEEN[-1])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("{thing{a}}", {"a"}, id="plain"),
        pytest.param("{thing{x:a y:a}}", {"a"}, id="aliases"),
        pytest.param("{thing{a} thing{b}}", {"a", "b"}, id="one field, said twice"),
        pytest.param("{thing{...on Thing{a} ...{b}}}", {"a", "b"}, id="inline fragments"),
        pytest.param("{thing{...F}} fragment F on Thing{a ...G} fragment G on Thing{b}", {"a", "b"}, id="F"),
        pytest.param("{thing{next{c}}}", {"next", "c"}, id="a level down"),
        pytest.param(
            "{...Q} fragment Q on Query{thing{next{...F} a}} fragment F on Thing{c}",
            {"a", "next", "c"},
            id="from a fragment",
        ),
        pytest.param("{thing{a @skip(if:true) b}}", {"a", "b"}, id="skipped is read, and does no harm"),
    ],
)
def test_every_selected_field_is_found(query, expected):
    assert fields(query) == expected


def info_of(query: str):
    """What a resolver of the query's first field is told, without executing the query."""
    document = parse(query)
    operation, *fragments = document.definitions
    raw = SimpleNamespace(
        field_nodes=list(operation.selection_set.selections),
        fragments={fragment.name.value: fragment for fragment in fragments},
    )
    return SimpleNamespace(_raw_info=raw, context=SimpleNamespace(selections={}))


def test_a_fragment_is_walked_once_however_often_it_is_spread():
    """Walked once per spread, 40 fragments of two spreads each would take 2^40 steps."""
    bomb = " ".join(f"fragment F{n} on Thing{{...F{n + 1} ...F{n + 1}}}" for n in range(40))
    info = info_of("{thing{...F0}} " + bomb + " fragment F40 on Thing{a}")
    assert selected(info, ()) == {"a"}
