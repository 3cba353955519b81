"""GraphQL over HTTP: what a request asks for, and in which form it wants its answer.

https://graphql.github.io/graphql-over-http/draft/ (read November 2025).
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from atlas_gql.errors import BadUserInput

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
LARGEST_BODY = 100 * 1024
BODY_SECONDS = 10.0
"""How long a client may take to send its body."""
ARRIVED = "atlas.arrived"
"""Where the scope of a request has its body, if that came whole with its head."""
_ASKED = "atlas.asked"
"""Where it has the operation, if that was looked at."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DOCUMENT_ID = re.compile(r"sha256:([0-9a-f]{64})")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """A request that is not taken; the answer is this status, message, code and these headers."""

    def __init__(self, status: int, message: str, code: str = BadUserInput.code, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers


@dataclass(frozen=True, kw_only=True)
class GraphQLRequest:
    """An operation to execute: its text, the SHA-256 of its text, or both."""

    query: str | None = None
    sha256: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    wants_cost: bool = False


def request_id_of(headers: Headers) -> str:
    """The caller's id for the request, if it is one; else a new one."""
    given = headers.get("x-request-id", "")
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


def arrived(request: Request) -> GraphQLRequest | None:
    """The operation in a POST request that is here already; None for any other, and for what is none."""
    body = request.scope.get(ARRIVED)
    if request.method != "POST" or body is None or len(body) > LARGEST_BODY:
        return None
    try:
        asked = request.scope[_ASKED] = request_of(_json(body, "The body"))
    except Refused:
        return None  # said when it is its turn
    return asked


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
    known: GraphQLRequest | None = request.scope.get(_ASKED)
    return known or request_of(_json(await _body(request), "The body"))


def _from_query(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: given[name] for name in ("query", "documentId", "operationName") if name in given
    }
    for name in ("variables", "extensions"):
        if given.get(name):
            found[name] = _json(given[name].encode(), f"`{name}`")
    return found


async def _body(request: Request) -> bytes:
    whole: bytes | None = request.scope.get(ARRIVED)
    if whole is not None and len(whole) <= LARGEST_BODY:
        return whole
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                received += chunk
                if len(received) > LARGEST_BODY:
                    raise Refused(413, f"The body is larger than {LARGEST_BODY} bytes.", Connection="close")
    except TimeoutError:
        message = f"The body did not arrive within {BODY_SECONDS:g} seconds."
        raise Refused(408, message, Connection="close") from None
    except ClientDisconnect:
        raise Refused(400, "The body is not complete.") from None  # to nobody; but it is nothing to log
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
    query, sha256 = given.get("query"), _sha256(given)
    variables, name = given.get("variables"), given.get("operationName")
    named_only = query is None and sha256 is not None
    if not (named_only or (isinstance(query, str) and query)):
        raise Refused(400, "`query` must be a text that is not empty.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "`variables` must be an object.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "`operationName` must be a text.")
    return GraphQLRequest(
        query=query,
        sha256=sha256,
        variables=variables,
        operation_name=name or None,
        wants_cost=_extensions(given).get("cost") is True,
    )


def _extensions(given: dict[str, Any]) -> dict[str, Any]:
    extensions = given.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise Refused(400, "`extensions` must be an object.")
    return extensions or {}


def _sha256(given: dict[str, Any]) -> str | None:
    """The hash by which a text is named: as the draft of GraphQL over HTTP names it, or as Apollo does."""
    named, persisted = given.get("documentId"), _extensions(given).get("persistedQuery")
    if named is not None:
        found = _DOCUMENT_ID.fullmatch(named) if isinstance(named, str) else None
        if found is None:
            raise Refused(400, "`documentId` must be `sha256:` and 64 hexadecimal digits.")
        return found[1]
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise Refused(400, "`extensions.persistedQuery` must have the version 1.")
    sha256 = persisted.get("sha256Hash")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise Refused(400, "`extensions.persistedQuery.sha256Hash` must be 64 hexadecimal digits.")
    return sha256
