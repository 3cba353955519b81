"""Errors as clients see them: ours with their codes, everything else as "Internal error."."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog
from graphql import GraphQLError

from atlas_gql.errors import AccessError, BadUserInput, Forbidden

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
TOO_COMPLEX = "QUERY_TOO_COMPLEX"
TIMEOUT = "QUERY_TIMEOUT"
INTERNAL = "INTERNAL_SERVER_ERROR"
INTERNAL_MESSAGE = "Internal error."

_ECHO = re.compile(r"(?s)(?:, found|(?<= represent)([^:]*)): .*$")
"""Where graphql-core repeats the value that does not fit: it may hold a secret, and answers are logged."""

_log = structlog.get_logger("atlas.graphql")


def refusal(message: str, code: str, request_id: str, **more: Any) -> dict[str, Any]:
    """A whole answer for a request that was not executed."""
    return {"errors": [{"message": message, "extensions": {"code": code, "requestId": request_id, **more}}]}


def of_access_error(error: AccessError, request_id: str) -> dict[str, Any]:
    return refusal(error.message, request_id=request_id, **_of_access(error))


def _of_access(error: AccessError) -> dict[str, Any]:
    capability = {"capability": error.capability} if isinstance(error, Forbidden) else {}
    return {"code": error.code, "status": error.status, **capability}


def timed_out(seconds: float, request_id: str) -> dict[str, Any]:
    """An operation was stopped."""
    message = (
        f"The operation took longer than {seconds:g} seconds and was stopped. Ask for less at once; repeat a"
        " mutation with the same idempotency key, since it may have been carried out."
    )
    return refusal(message, TIMEOUT, request_id)


def of_document_error(error: GraphQLError, code: str, request_id: str) -> dict[str, Any]:
    """An error in the text of a query: told as graphql-core tells it, but for the values in it."""
    return _located(error, without_values(error.message), {"code": code, "requestId": request_id})


def of_execution_error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """An error met while executing; what is not meant for clients is logged and masked."""
    message, extensions = _told(error)
    if not extensions:
        _log.error("graphql.failed", request_id=request_id, path=error.path, exc_info=_origin(error))
        message, extensions = INTERNAL_MESSAGE, {"code": INTERNAL}
    return _located(error, message, {**extensions, "requestId": request_id})


def of_unexpected(error: Exception, request_id: str) -> dict[str, Any]:
    """Whatever went wrong outside of the execution."""
    _log.error("graphql.failed", request_id=request_id, path=None, exc_info=error)
    return refusal(INTERNAL_MESSAGE, INTERNAL, request_id)


def _told(error: GraphQLError) -> tuple[str, Mapping[str, Any]]:
    """Message and extensions of an error that clients may see; no extensions for any other."""
    origin = _origin(error)
    if isinstance(origin, AccessError):
        return origin.message, _of_access(origin)
    if isinstance(origin, BadUserInput):
        argument = {"argument": origin.field} if origin.field else {}
        return origin.message, {"code": origin.code, **argument}
    if isinstance(origin, GraphQLError) and _of_the_request(error, origin):
        return without_values(error.message), {"code": BadUserInput.code}
    return "", {}


def without_values(message: str) -> str:
    """graphql-core's message without the value that does not fit."""
    return _ECHO.sub(lambda found: f"{found[1] or ''}.", message)


def _of_the_request(error: GraphQLError, origin: GraphQLError) -> bool:
    """Whether graphql-core complains of variables, arguments or the operation's name.

    Those come before any field (no path), or point at an argument's place in the text. A value of ours
    that a type cannot show has a path, and points nowhere until its field is added.
    """
    return error.path is None or (origin is not error and bool(origin.nodes))


def _origin(error: GraphQLError) -> Exception:
    """The exception that an error began as; the error itself where there is none."""
    found: Exception = error
    while isinstance(found, GraphQLError) and found.original_error is not None:
        found = found.original_error
    return found


def _located(error: GraphQLError, message: str, extensions: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"message": message}
    if error.locations:
        answer["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        answer["path"] = error.path
    return {**answer, "extensions": dict(extensions)}
