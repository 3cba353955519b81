"""The shorter way for plain fields gives what the executor's own way gives, errors and all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import execute, is_object_type, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.schema_converter import GraphQLCoreConverter

from atlas_gql.schema.plain import PlainExecutor, plainly
from support.shipped import shipped_schema


@strawberry.enum
class Colour(Enum):
    RED = "red"


@strawberry.type
class Counts:
    done: int
    left: int | None


@strawberry.type
class Leaf:
    word: str
    other: str | None
    many: list[str]


@strawberry.type
class Thing:
    name: str
    size: int | None
    colour: Colour | None
    at: datetime | None
    flags: list[bool] | None
    counts: Counts | None
    sure: Counts
    leaf: Leaf | None

    @strawberry.field
    def loud(self) -> str:
        return self.name.upper()

    @strawberry.field
    def again(self) -> Counts:
        return self.sure

    @strawberry.field
    async def later(self) -> str | None:
        await asyncio.sleep(0)
        return self.name

    @strawberry.field
    def times(self, n: int = 2) -> int:
        return n * 2

    @strawberry.field
    async def inner(self) -> list[Thing | None] | None:
        return [self, self]


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, info: strawberry.Info) -> Thing | None:
        thing: Thing = info.context
        return thing

    @strawberry.field
    def things(self, info: strawberry.Info) -> list[Thing | None]:
        return [info.context, info.context]


DECLARED = strawberry.Schema(query=Query)
SCHEMA, OWN = DECLARED._schema, DECLARED.execution_context_class
TEXT = """
{
  one: thing { ...all nested: inner { name ...all } }
  two: things { later size ...all inner { later } end: name }
}
fragment all on Thing {
  n: name name size __typename colour at flags
  counts { done left more: done __typename } sure { done left } loud again { left } later times(n: 3)
  leaf { many word other }
}
"""
QUERY = parse(TEXT)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "red", Colour.RED, 3, 2**40, True, 1.5, "", "word", [], [True], [None], ValueError("no"), object()]
)
COUNTS = st.builds(SimpleNamespace, done=ODD | st.integers(0, 9), left=ODD) | ODD
GOOD = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "size": st.none() | st.integers(0, 9),
        "colour": st.none() | st.just(Colour.RED),
        "at": st.none() | st.just(datetime(2026, 1, 2, 3, tzinfo=UTC)),
        "flags": st.none() | st.lists(st.booleans(), max_size=2),
        "counts": st.none() | st.builds(SimpleNamespace, done=st.integers(0, 9), left=st.none()),
        "sure": st.builds(SimpleNamespace, done=st.integers(0, 9), left=st.integers(0, 9)),
        "leaf": st.none()
        | st.builds(SimpleNamespace, word=st.text(), other=st.none(), many=st.lists(st.text(), max_size=2)),
    }
)
SPOILT = st.dictionaries(st.sampled_from(["name", "size", "colour", "at", "flags", "leaf"]), ODD, max_size=2)


SOME = SimpleNamespace(done=1, left=None)
PLAIN = {
    **{"name": "a", "size": 1, "colour": Colour.RED, "at": None, "flags": [True]},
    **{"counts": SOME, "sure": SOME, "leaf": None},
}


async def answer(source: Any, executor: Any) -> Any:
    result: Any = execute(SCHEMA, QUERY, context_value=source, executor_class=executor)
    result = await result if asyncio.iscoroutine(result) else result
    errors = [(error.message, error.path, str(error.locations)) for error in result.errors or ()]
    return repr(result.data), sorted(errors, key=repr)


@given(good=GOOD, spoilt=SPOILT, counts=st.none() | COUNTS, missing=st.sampled_from([None, "size", "name"]))
def test_both_ways_give_the_same(good, spoilt, counts, missing):
    values = {**good, **spoilt, **({} if counts is None else {"counts": counts})}
    values.pop(missing, None)
    source = SimpleNamespace(**values)
    plain, own = (asyncio.run(answer(source, executor)) for executor in (PlainExecutor, OWN))
    # Where two fields of one object must not be null and are, either of them may be the one that is told.
    assert (plain[0], bool(plain[1])) == (own[0], bool(own[1]))


@pytest.mark.parametrize("name", ["name", "size", "colour", "at", "flags", "counts"])
@pytest.mark.parametrize("value", [None, 2**40, "no number", ValueError("no"), SimpleNamespace(left=1)])
def test_one_fault_is_told_in_the_same_words(name, value):
    source = SimpleNamespace(**{**PLAIN, name: value})
    plain, own = (asyncio.run(answer(source, executor)) for executor in (PlainExecutor, OWN))
    assert plain == own


def test_the_query_of_this_test_is_valid():
    assert validate(SCHEMA, QUERY) == []


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [
        *((name, True) for name in ("name", "size", "colour", "counts", "loud", "again")),
        *((name, False) for name in ("later", "times", "inner", "flags")),
    ],
)
def test_what_waits_or_takes_arguments_is_not_plain(name, is_plain):
    thing = SCHEMA.type_map["Thing"]
    assert (plainly(thing.fields[name], thing) is not None) is is_plain


def test_no_guarded_field_is_plain():
    """A guard is an extension of its field, which only the executor's own way calls."""
    schema = shipped_schema()._schema
    run = schema.type_map["OperationRun"]
    taken = {name for name, field in run.fields.items() if plainly(field, run)}
    assert {"id", "uuid", "status", "counters", "initiator", "createdAt"} <= taken
    for type_ in filter(is_object_type, schema.type_map.values()):
        for name, field in type_.fields.items():
            declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            if plainly(field, type_):
                assert not declared.extensions, f"{type_.name}.{name}"
