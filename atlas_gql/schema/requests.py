"""GraphQL over HTTP: what a request asks for, and in which form it wants its answer.

https://graphql.github.io/graphql-over-http/draft/ (read November 2025).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
LARGEST_BODY = 100 * 1024

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Refused(Exception):
    """A request that cannot be read; the answer is this status, message and these headers."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


@dataclass(frozen=True, kw_only=True)
class GraphQLRequest:
    """An operation to execute."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


def request_id_of(request: Request) -> str:
    """The caller's id for the request, if it is one; else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def bearer_token(request: Request) -> str | None:
    return token_in(request.headers.get("authorization", ""))


def token_in(authorization: str) -> str | None:
    """The token in the text of an `Authorization` header."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def answer_type(request: Request) -> str:
    """The media type of the answer. Raises Refused when the client takes none of ours."""
    accept = request.headers.get("accept", "").strip() or "*/*"
    for name in _by_preference(accept):
        if name == GRAPHQL_JSON:
            return GRAPHQL_JSON
        if name in (JSON, "application/*", "*/*"):
            return JSON
    raise Refused(406, f"Answers come as {GRAPHQL_JSON} or {JSON}.")


def _by_preference(accept: str) -> list[str]:
    ranges = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        ranges.append((name, float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality) else 0.0))
    # A stable sort: of equals, the one that the client named first.
    return [name for name, quality in sorted(ranges, key=lambda range_: -range_[1]) if quality > 0]


async def read_request(request: Request) -> GraphQLRequest:
    """The operation in a GET or POST request. Raises Refused."""
    if request.method == "GET":
        return request_of(_from_query(request.query_params))
    content_type, *parameters = (
        part.strip().lower() for part in request.headers.get("content-type", "").split(";")
    )
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    if content_type != JSON or any(charset not in ("utf-8", "utf8") for charset in charsets):
        raise Refused(415, f"Send {JSON} in UTF-8.")
    return request_of(_json(await _body(request), "The body"))


def _from_query(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: given[name] for name in ("query", "operationName") if name in given}
    for name in ("variables", "extensions"):
        if given.get(name):
            found[name] = _json(given[name].encode(), f"`{name}`")
    return found


async def _body(request: Request) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > LARGEST_BODY:
            raise Refused(413, f"The body is larger than {LARGEST_BODY} bytes.")
    return bytes(received)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused(400, f"{what} is no JSON.") from None


def request_of(given: Any) -> GraphQLRequest:
    """The operation in the JSON of a request. Raises Refused."""
    if not isinstance(given, dict):
        raise Refused(400, "The body must be one JSON object.")
    query, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query:
        raise Refused(400, "`query` must be a text that is not empty.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "`variables` must be an object.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "`operationName` must be a text.")
    if given.get("extensions") is not None and not isinstance(given["extensions"], dict):
        raise Refused(400, "`extensions` must be an object.")
    return GraphQLRequest(query=query, variables=variables, operation_name=name or None)
