"""Executing an operation: a text is parsed and validated once, and then known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    create_source_event_stream,
    execute,
    parse,
    specified_rules,
    validate,
)

from atlas_gql.schema import answers
from atlas_gql.schema.context import Context
from atlas_gql.schema.limits import Limits, TooMuch, Weight, measure
from atlas_gql.schema.operations import Operation, operations
from atlas_gql.schema.plain import PlainExecutor

MAX_TOKENS = 2000
KEPT_DOCUMENTS = 500
LONGEST_KEPT = 10_000
"""Characters; longer texts are executed, and forgotten."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text, parsed, measured and validated; `code` says what failed."""

    ast: DocumentNode | None = None
    weights: Mapping[str | None, Weight] = field(default_factory=dict)
    operations: Mapping[str | None, Operation] = field(default_factory=dict)
    errors: tuple[GraphQLError, ...] = ()
    code: str = ""

    def weight(self, operation_name: str | None) -> Weight:
        """What the operation asks for that is executed under this name."""
        return self.weights[operation_name or next(iter(self.weights))]

    def operation(self, name: str | None) -> Operation | None:
        """The operation that is executed under this name; None where there is none, or no single one."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        return self.operations.get(name) if name is not None else None


def refused(message: str, code: str) -> Document:
    """A document that is not executed."""
    return Document(errors=(GraphQLError(message),), code=code)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a client gets. `executed` is false when not even a field was begun."""

    body: dict[str, Any]
    executed: bool


class Executor:
    """Executes operations of one schema, each for so many seconds at most."""

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        limits: Limits | None = None,
        seconds: float = 30,
        introspection: bool = True,
    ) -> None:
        # Strawberry's own `execute` parses and validates each time, and logs what is expected.
        self._schema = schema._schema
        self.limits = limits or Limits()
        self._seconds = seconds
        self._rules = (*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,)))
        self._hide_suggestions = not introspection
        self._kept = lru_cache(maxsize=KEPT_DOCUMENTS)(self._read)

    def read(self, text: str) -> Document:
        """A text, parsed and validated."""
        return self._kept(text) if len(text) <= LONGEST_KEPT else self._read(text)

    def _read(self, text: str) -> Document:
        try:
            ast = parse(text, max_tokens=MAX_TOKENS)
            weights = measure(self._schema, ast, self.limits)
            errors = tuple(validate(self._schema, ast, self._rules, hide_suggestions=self._hide_suggestions))
        except GraphQLSyntaxError as exc:
            return Document(errors=(exc,), code=answers.PARSE_FAILED)
        except TooMuch as exc:
            return refused(str(exc), answers.TOO_COMPLEX)
        except RecursionError:
            return refused("The document is nested too deeply.", answers.PARSE_FAILED)
        if errors:
            return Document(errors=errors, code=answers.VALIDATION_FAILED)
        unconditional = [name for name, weight in weights.items() if not weight.directives]
        return Document(ast=ast, weights=weights, operations=operations(self._schema, ast, unconditional))

    @staticmethod
    def changes_something(document: Document, operation_name: str | None) -> bool:
        """Whether the operation is a mutation."""
        return _kind(document, operation_name) is OperationType.MUTATION

    @staticmethod
    def watches_something(document: Document, operation_name: str | None) -> bool:
        """Whether the operation is a subscription."""
        return _kind(document, operation_name) is OperationType.SUBSCRIPTION

    async def subscribe(
        self,
        document: Document,
        context: Context,
        *,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> AsyncGenerator[Any, None] | Answer:
        """The events of a subscription, each to be executed as the `root`; or why there are none."""
        assert document.ast is not None  # what is no valid document watches nothing
        built = PlainExecutor.build(self._schema, document.ast, None, context, variables, operation_name)
        if isinstance(built, list):
            return self._answer(ExecutionResult(None, built), context.request_id)
        events = create_source_event_stream(built)
        if isawaitable(events):
            events = await events
        if isinstance(events, ExecutionResult):
            return self._answer(events, context.request_id)
        return cast("AsyncGenerator[Any, None]", events)

    async def execute(
        self,
        document: Document,
        context: Context,
        *,
        variables: dict[str, Any] | None,
        operation_name: str | None,
        root: Any = None,
    ) -> Answer:
        """Execute an operation of a document that was read; a subscription's for one event, its `root`."""
        request_id = context.request_id
        if document.errors or document.ast is None:
            errors = [
                answers.of_document_error(error, document.code, request_id) for error in document.errors
            ]
            return Answer(body={"errors": errors}, executed=False)
        try:
            async with asyncio.timeout(self._seconds):
                result = self._run(document, context, variables or {}, operation_name, root)
                if isawaitable(result):
                    result = await result
        except TimeoutError:
            error = answers.timed_out(self._seconds, request_id)
            return Answer(body={**error, "data": None}, executed=True)
        return self._answer(result, request_id)

    def _run(
        self,
        document: Document,
        context: Context,
        variables: dict[str, Any],
        operation_name: str | None,
        root: Any,
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        operation = document.operation(operation_name)
        if operation is None:
            assert document.ast is not None
            return execute(self._schema, document.ast, operation_name=operation_name)  # says what is wrong
        values = operation.variables(variables)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        context.selections = operation.selections
        context.reads = operation.reads if operation.id_variable else None
        found: ExecutionResult | Awaitable[ExecutionResult] = PlainExecutor.of(
            operation, context, values, root
        ).execute_operation()
        return found

    @staticmethod
    def _answer(result: ExecutionResult, request_id: str) -> Answer:
        if not result.errors:
            return Answer(body={"data": result.data}, executed=True)
        errors = [answers.of_execution_error(error, request_id) for error in result.errors]
        if result.data is None and all(error.path is None for error in result.errors):
            return Answer(body={"errors": errors}, executed=False)
        return Answer(body={"errors": errors, "data": result.data}, executed=True)


def _kind(document: Document, operation_name: str | None) -> OperationType | None:
    operation = document.operation(operation_name)
    return operation.type if operation else None
