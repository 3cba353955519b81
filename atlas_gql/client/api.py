"""The API with a token: queries that are patient, changes that are sent once, bodies that are streamed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from atlas_gql.client.documents import document
from atlas_gql.client.errors import ApiError, Invalid, NoAnswer, NotAllowed, Refused
from atlas_gql.client.profiles import Access, is_loopback

TIMEOUT = httpx.Timeout(30, connect=10)
STREAMING = httpx.Timeout(300, connect=10)
"""Seconds for the next piece of a body: of a large one, the first comes when all of it has been made."""
PATIENCE = 10.0
"""Seconds for which a query is sent again when the API does not answer."""
PAGE = 100
_AWAY = (502, 503, 504)
_BUSY = (429, *_AWAY)
_REFUSED = (409, 413, 422, 429)
_NOT_ALLOWED = ("UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND")
_INVALID = ("VALIDATION_FAILED", "BAD_USER_INPUT")


class Api:
    """One API, as one user. Every method raises ApiError or what is below it."""

    def __init__(self, access: Access, *, waiting: Callable[[], None] = lambda: None) -> None:
        """`waiting` is called before a query is sent again."""
        local = is_loopback(access.host)
        self.url = access.url
        self._waiting = waiting
        self._http = httpx.Client(
            base_url=access.url,
            headers={"Authorization": f"Bearer {access.token}"},
            timeout=TIMEOUT,
            # No proxy stands before one's own machine, and plain HTTP needs no certificates.
            trust_env=not local,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if urlsplit(access.url).scheme == "http" else True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def query(self, name: str, *, patience: float = PATIENCE, **variables: Any) -> dict[str, Any]:
        """The `data` of a query, which is sent again for `patience` seconds while there is no answer."""
        end, pause = time.monotonic() + patience, 0.2
        while True:
            try:
                return self.send(document(name), variables)
            except NoAnswer:
                if time.monotonic() + pause > end:
                    raise
            self._waiting()
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def pages(
        self,
        name: str,
        *path: str,
        limit: int | None = None,
        patience: float = PATIENCE,
        **variables: Any,
    ) -> Iterator[Any]:
        """The nodes of the connection at `path`, page after page, at most `limit`; each is waited for.

        Raises NotAllowed when something on the path is not there.
        """
        after, left = None, limit
        while left is None or left > 0:
            first = PAGE if left is None else min(PAGE, left)
            found: Any = self.query(name, patience=patience, first=first, after=after, **variables)
            for key in path:
                found = found[key]
                if found is None:
                    raise NotAllowed("There is nothing of that id, or it is not yours to see.")
            yield from found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]
            left = None if left is None else left - len(found["nodes"])

    def node(self, name: str, kind: str, id_: str, *, patience: float = PATIENCE) -> dict[str, Any]:
        """The thing of this kind and id. Raises NotAllowed when there is none that may be seen."""
        found: dict[str, Any] | None = self.query(name, patience=patience, id=id_)["node"]
        if found is None or found["__typename"] != kind:
            raise NotAllowed(f"There is no {_words(kind)} of that id, or it is not yours to see.")
        return found

    def change(self, name: str, /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation, which is sent once. Raises Refused for an error in its result."""
        ((_, result),) = self.send(document(name), {"input": given}).items()
        if "message" in result:
            raise _refusal(result)
        return dict(result)

    @contextmanager
    def stream(self, method: str, path: str, **more: Any) -> Iterator[httpx.Response]:
        """An answer beside GraphQL, to be read as it comes; `more` is httpx's. The request is sent once."""
        with (
            self._answering(),
            self._http.stream(method, path, timeout=STREAMING, **more) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise self._failure(answer)
            yield answer

    def send(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The `data` of an operation, which is sent once."""
        with self._answering():
            answer = self._http.post("/graphql", json={"query": text, "variables": variables})
        if answer.status_code in _BUSY:
            raise self._busy(answer)
        data = data_of(body_of(answer))
        if data is None:
            raise ApiError(f"{answer.url} is no Atlas: it answers without data.")
        return data

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raises NoAnswer for what goes wrong on the way."""
        try:
            yield
        except httpx.HTTPError as exc:
            raise NoAnswer(f"{self.url} does not answer ({_trouble(exc)}).") from exc

    def _failure(self, answer: httpx.Response) -> ApiError:
        """What an answer beside GraphQL says that is no success."""
        if answer.status_code in _AWAY:
            return self._busy(answer)
        match body_of(answer):
            case {"errors": [{"message": message, "extensions": {"code": code}} as error, *_]}:
                refused = answer.status_code in _REFUSED
                return _refusal({"message": message, "code": code}) if refused else _error(error)
            case _:
                return _no_atlas(answer)

    def _busy(self, answer: httpx.Response) -> NoAnswer:
        return NoAnswer(f"{self.url} answers {answer.status_code}: it cannot work at the moment.")


def data_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `data` of an answer; None where it has none. Raises ApiError for the first of its errors."""
    if body.get("errors"):
        raise _error(body["errors"][0])
    data = body.get("data")
    return data if isinstance(data, dict) else None


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object that an answer is. Raises ApiError for anything else."""
    try:
        body = answer.json()
    except ValueError:
        raise _no_atlas(answer) from None
    if not isinstance(body, dict):
        raise _no_atlas(answer)
    return body


def _no_atlas(answer: httpx.Response) -> ApiError:
    return ApiError(f"{answer.url} is no Atlas: it answers {answer.status_code}.")


def _error(error: dict[str, Any]) -> ApiError:
    """What the first of `errors[]` says, in words."""
    extensions = error.get("extensions") or {}
    code, request_id = extensions.get("code", ""), extensions.get("requestId")
    said = str(error.get("message", "The API refused."))
    if code in _NOT_ALLOWED:
        return NotAllowed(f"{said} Log in with `atlas login`." if code == "UNAUTHENTICATED" else said)
    if code in _INVALID:
        return Invalid(said)
    return ApiError(f"{said} The log has more under the request {request_id}." if request_id else said)


def _refusal(result: dict[str, Any]) -> ApiError:
    """A mutation's error, which is data."""
    message = f"{result['message']} ({result['code']})"
    if result["code"] in _INVALID:
        return Invalid(message)
    return Refused(message, result=result)


def _trouble(exc: httpx.HTTPError) -> str:
    """What went wrong on the way, in words that hold nothing of the request."""
    match exc:
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return "its certificate is not trusted; SSL_CERT_FILE can name your own authority's"
        case httpx.ConnectError():
            return "no connection"
        case httpx.TimeoutException():
            return "no answer in time"
        case _:
            return "the connection broke"


def _words(kind: str) -> str:
    """A GraphQL type's name, in words: `BackupSet` is "backup set"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()
