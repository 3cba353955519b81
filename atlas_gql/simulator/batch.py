"""`$batch`: up to twenty calls in one, answered in any order."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import Refused, bad_request, method_not_allowed, render
from atlas_gql.simulator.payload import json_body

MAX_PARTS = 20
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def parts_of(call: Call) -> list[dict[str, Any]]:
    """The requests in a batch. Raises Refused (400 for the whole batch) when it is malformed."""
    if call.method != "POST":
        raise method_not_allowed()
    body = json_body(call)
    parts = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(parts, list) or not parts:
        raise bad_request("Invalid batch payload format.")
    if len(parts) > MAX_PARTS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MAX_PARTS}.")
    seen: set[str] = set()
    for part in parts:
        _check(part, seen)
        seen.add(part["id"].lower())
    return parts


def run(call: Call, perform: Callable[[Call], Answer | None], order: random.Random) -> Answer:
    """The batch's answer, its parts in shuffled order; a part without an answer is left out.

    Raises Refused, as `parts_of` does.
    """
    parts = parts_of(call)
    answers: dict[str, Answer] = {}
    for part in parts:
        answer = _perform(call, part, answers, perform)
        if answer is not None:
            answers[part["id"].lower()] = answer
    given = [(part["id"], answers.get(part["id"].lower())) for part in parts]
    responses = [_response(key, answer) for key, answer in given if answer is not None]
    order.shuffle(responses)
    return Answer(body={"responses": responses})


def _check(part: object, seen: set[str]) -> None:
    if not isinstance(part, dict):
        raise bad_request("Invalid batch payload format.")
    key, method, url = part.get("id"), part.get("method"), part.get("url")
    if not isinstance(key, str) or not key:
        raise bad_request("Every batch request needs an id.")
    if key.lower() in seen:
        raise bad_request(f"Batch request id '{key}' is used more than once.")
    if not isinstance(method, str) or method.upper() not in METHODS or not isinstance(url, str) or not url:
        raise bad_request(f"Batch request '{key}' needs a method and a url.")
    try:
        urlsplit(url)
    except ValueError:
        raise bad_request(f"The url of batch request '{key}' is malformed.") from None
    if not isinstance(part.get("headers", {}), dict):
        raise bad_request(f"The headers of batch request '{key}' are not an object.")
    needs = part.get("dependsOn", [])
    if not isinstance(needs, list) or not all(isinstance(n, str) and n.lower() in seen for n in needs):
        raise bad_request(f"Batch request '{key}' depends on a request that does not precede it.")


def _perform(
    call: Call, part: dict[str, Any], answers: dict[str, Answer], perform: Callable[[Call], Answer | None]
) -> Answer | None:
    inner = _inner(call, part)
    refused = _refusal(call, part, inner, answers)
    return perform(inner) if refused is None else render(refused, inner)


def _refusal(call: Call, part: dict[str, Any], inner: Call, answers: dict[str, Answer]) -> Refused | None:
    """Why a part is answered without being performed; None when it is to be."""
    needs = [answers.get(need.lower()) for need in part.get("dependsOn", ())]
    if any(need is None or need.status >= 400 for need in needs):
        return Refused(424, "FailedDependency", "A request that this one depends on has failed.")
    if inner.version != call.version or inner.is_batch:
        return bad_request("A batch request's url must be relative to the batch's version.")
    if "body" in part and "content-type" not in inner.headers:
        return bad_request("Write request must contain the Content-Type header declaration.")
    return None


def _inner(call: Call, part: dict[str, Any]) -> Call:
    """The part as a call of its own: same token and ids, relative to its version, or absolute."""
    url = urlsplit(part["url"])
    path = unquote(url.path) or "/"
    if not url.scheme:
        path = f"/{call.version}/{path.lstrip('/')}"
    return replace(
        call,
        method=part["method"].upper(),
        path=path,
        query=url.query,
        headers={str(name).lower(): str(value) for name, value in part.get("headers", {}).items()},
        content=orjson.dumps(part["body"]) if "body" in part else b"",
    )


def _response(key: str, answer: Answer) -> dict[str, Any]:
    headers = {"OData-Version": "4.0", **answer.headers}
    if answer.body is None:
        return {"id": key, "status": answer.status, "headers": headers}
    headers["Content-Type"] = answer.content_type or "application/json"
    return {"id": key, "status": answer.status, "headers": headers, "body": answer.body}
