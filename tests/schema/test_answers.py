"""Errors as clients see them: ours with their codes, all others masked and logged once."""

import asyncio
from typing import Any

import pytest
import strawberry
import structlog
from structlog.testing import capture_logs

from atlas_gql.errors import BadUserInput, Forbidden, NotFound, RunFinished, WritesNotEnabled
from atlas_gql.schema.context import Context
from atlas_gql.schema.execution import Executor

SECRET = "to" + "ken=abc"


@strawberry.type
class Query:
    @strawberry.field
    def fails(self, info: strawberry.Info, with_: str = "x") -> int | None:
        raise info.context.engine

    @strawberry.field
    def large(self) -> int | None:
        return 2**40

    @strawberry.field
    def absent(self) -> int:
        return None  # type: ignore[return-value]

    @strawberry.field
    def fine(self, number: int = 1) -> int:
        return number


EXECUTOR = Executor(strawberry.Schema(Query))


def answer(query: str, raised: Any = None, variables: dict[str, Any] | None = None) -> Any:
    """The answer's body, and what was logged."""
    context = Context(actor=None, database=None, engine=raised, sealer=None, request_id="r-1")  # type: ignore[arg-type]
    structlog.reset_defaults()
    with capture_logs() as logs:
        done = asyncio.run(
            EXECUTOR.execute(EXECUTOR.read(query), context, variables=variables, operation_name=None)
        )
    return done, logs


@pytest.mark.parametrize(
    ("raised", "message", "extensions"),
    [
        (NotFound(), "Not found.", {"code": "NOT_FOUND", "status": 404}),
        (
            Forbidden("runs.view"),
            "This needs the capability runs.view.",
            {"code": "FORBIDDEN", "status": 403, "capability": "runs.view"},
        ),
        (BadUserInput("Bad.", "first"), "Bad.", {"code": "BAD_USER_INPUT", "argument": "first"}),
    ],
)
def test_an_error_of_ours_keeps_its_text_and_code_and_is_not_logged(raised, message, extensions):
    done, logs = answer("{fails}", raised)
    assert (done.executed, done.body, logs) == (
        True,
        {
            "data": {"fails": None},
            "errors": [
                {
                    "message": message,
                    "locations": [{"line": 1, "column": 2}],
                    "path": ["fails"],
                    "extensions": {**extensions, "requestId": "r-1"},
                }
            ],
        },
        [],
    )


@pytest.mark.parametrize(
    ("query", "raised"),
    [
        pytest.param("{fails}", RuntimeError(SECRET), id="an exception"),
        pytest.param("{fails}", KeyError(SECRET), id="another exception"),
        pytest.param("{fails}", WritesNotEnabled(SECRET), id="a domain error that no result can hold"),
        pytest.param("{large}", None, id="a value that the type cannot show"),
        pytest.param("{absent}", None, id="null where there must be a value"),
    ],
)
def test_every_other_error_is_masked_and_logged_once(query, raised):
    done, logs = answer(query, raised)
    (error,) = done.body["errors"]
    assert (error["message"], error["extensions"]) == (
        "Internal error.",
        {"code": "INTERNAL_SERVER_ERROR", "requestId": "r-1"},
    )
    assert (SECRET in str(done.body), str(2**40) in str(done.body)) == (False, False)
    assert [(log["event"], log["request_id"]) for log in logs] == [("graphql.failed", "r-1")]
    assert logs[0]["exc_info"] is raised or raised is None


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{" + "a " * 2001 + "}", None, "GRAPHQL_PARSE_FAILED"),
        ("{nope}", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:Int!){fine(number:$n)}", {"n": "x"}, "BAD_USER_INPUT"),
        ("query($n:Int!){fine(number:$n)}", {}, "BAD_USER_INPUT"),
        ("query A{fine} query B{fine}", None, "BAD_USER_INPUT"),
    ],
)
def test_a_request_that_cannot_be_executed_has_a_code_and_no_data(query, variables, code):
    done, logs = answer(query, variables=variables)
    assert (done.executed, "data" in done.body, logs) == (False, False, [])
    assert [error["extensions"] for error in done.body["errors"]] == [{"code": code, "requestId": "r-1"}]


def test_null_for_an_argument_that_must_have_a_value_is_the_callers_fault():
    done, logs = answer("query($n:Int){fine(number:$n)}", variables={"n": None})
    assert ([error["extensions"]["code"] for error in done.body["errors"]], logs) == (["BAD_USER_INPUT"], [])


def test_a_text_is_parsed_and_validated_once():
    assert EXECUTOR.read("{fine}") is EXECUTOR.read("{fine}")


def test_nesting_without_end_is_refused_and_breaks_nothing():
    deep = "{a" * 900 + "}" * 900
    assert EXECUTOR.read(deep).code in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED")


def test_a_mutation_is_told_from_a_query_by_the_operation_that_is_named():
    document = EXECUTOR.read("query A{fine} query B{fine}")
    assert (EXECUTOR.changes_something(document, "A"), EXECUTOR.changes_something(document, None)) == (
        False,
        False,
    )


def test_run_finished_is_no_access_error():
    """A handler of the one must never take the other."""
    done, _ = answer("{fails}", RunFinished("x"))  # type: ignore[arg-type]
    assert done.body["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
