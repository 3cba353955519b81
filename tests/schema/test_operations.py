"""What is remembered of an operation gives what graphql-core finds out anew, for any variables."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, execute, get_variable_values
from hypothesis import given
from hypothesis import strategies as st

from atlas_gql.schema.context import Context
from atlas_gql.schema.execution import Document, Executor


@strawberry.enum
class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Cat(Named):
    lives: int = 9


@strawberry.type
class Dog(Named):
    size: Size = Size.LARGE


@strawberry.type
class Query:
    @strawberry.field
    def named(self, kind: str = "cat", name: str | None = None) -> Named | None:
        return (Cat if kind == "cat" else Dog)(name=f"{kind} {name}")

    @strawberry.field
    def echo(self, size: Size | None = Size.SMALL, numbers: list[int] | None = None) -> str:
        return f"{size} {numbers}"


DECLARED = strawberry.Schema(query=Query, types=[Cat, Dog])
EXECUTOR = Executor(DECLARED)
ANY: st.SearchStrategy[Any] = st.sampled_from(
    [None, "cat", "dog", "", "SMALL", "odd", 3, 2**40, True, 1.5, [1, 2], [None], {"a": 1}]
)
FIXED = EXECUTOR.read(
    """
    query ($kind: String!, $name: String) {
      named(kind: $kind, name: $name) { kind: __typename name ... on Cat { lives } ...dog }
    }
    fragment dog on Dog { size again: name }
    """
)
VARYING = EXECUTOR.read(
    """
    query ($no: Boolean!, $name: String) {
      named(name: $name) { name @skip(if: $no) ... on Cat @include(if: $no) { lives } }
      echo @include(if: $no)
    }
    """
)
DEFAULTS = EXECUTOR.read(
    "query ($size: Size = LARGE, $numbers: [Int!]) { echo(size: $size, numbers: $numbers) }"
)
SEVERAL = EXECUTOR.read("query a { echo } query b($kind: String!) { named(kind: $kind) { name } }")


class _Context:
    selections: Any = None


def ours(document: Document, variables: dict[str, Any], name: str | None = None) -> ExecutionResult:
    context: Context = _Context()  # type: ignore[assignment] # all that is asked of it
    result = EXECUTOR._run(document, context, variables, name, None)
    assert isinstance(result, ExecutionResult)
    return result


def theirs(document: Document, variables: dict[str, Any], name: str | None = None) -> ExecutionResult:
    assert document.ast is not None
    result: Any = execute(DECLARED._schema, document.ast, variable_values=variables, operation_name=name)
    assert isinstance(result, ExecutionResult)
    return result


@given(
    document=st.sampled_from([FIXED, VARYING, DEFAULTS, SEVERAL]),
    variables=st.dictionaries(st.sampled_from(["kind", "name", "no", "size", "numbers", "more"]), ANY),
    name=st.sampled_from([None, "a", "b", "c"]),
)
def test_an_operation_gives_the_same_however_often_and_with_what_it_is_executed(document, variables, name):
    assert str(ours(document, variables, name)) == str(theirs(document, variables, name))


def test_what_varies_is_not_remembered():
    assert FIXED.operations[None].lasting
    assert not VARYING.operations[None].lasting
    for no in (True, False, True):
        assert ours(VARYING, {"no": no}).data == theirs(VARYING, {"no": no}).data
    assert VARYING.operations[None].collected == {}


@pytest.mark.parametrize("given_", [{}, {"kind": "dog"}, {"kind": None}, {"kind": "dog", "name": None}])
def test_variables_keep_where_they_come_from(given_):
    operation = FIXED.operations[None]
    expected = get_variable_values(operation.schema, operation.node.variable_definitions, given_)
    assert str(operation.variables(given_)) == str(expected)
