"""HTTP in, HTTP out: calls from requests, responses from answers, dropped connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from atlas_gql.simulator.calls import GUID, Answer, Call

DROP = "atlas.simulator.drop"
"""The ASGI extension by which the server lets the app drop a connection: `{"drop": callable}`."""
JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_DIAGNOSTIC = orjson.dumps(
    {
        "ServerInfo": {
            "DataCenter": "Simulator",
            "Slice": "E",
            "Ring": "0",
            "ScaleUnit": "000",
            "RoleInstance": "SIM00000",
        }
    }
).decode()


async def read_call(request: Request, request_id: str) -> Call:
    """The call in a request. A `client-request-id` that is no GUID is not taken over."""
    given = request.headers.get("client-request-id", "")
    return Call(
        method=request.method,
        path=request.scope["path"],
        query=request.url.query,
        headers=dict(request.headers),
        content=await request.body(),
        base=f"{request.url.scheme}://{request.url.netloc}",
        request_id=request_id,
        client_request_id=given if GUID.fullmatch(given) else request_id,
    )


def graph_response(answer: Answer, call: Call) -> Response:
    """An answer of Graph with the headers that all of them carry."""
    return response(
        answer,
        {
            "OData-Version": "4.0",
            "request-id": call.request_id,
            "client-request-id": call.client_request_id,
            "x-ms-ags-diagnostic": _DIAGNOSTIC,
            "Strict-Transport-Security": "max-age=31536000",
        },
    )


def response(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as an HTTP response."""
    content, media_type = b"", answer.content_type
    if isinstance(answer.body, str):
        content = answer.body.encode()
    elif answer.body is not None:
        content, media_type = orjson.dumps(answer.body), media_type or JSON
    result = Response(content, status_code=answer.status, headers={**(headers or {}), **answer.headers})
    if media_type is not None:
        result.headers["Content-Type"] = media_type
    return result


async def drop(request: Request) -> Response:
    """Drop the connection of a request; the response is for nobody.

    Raises ConnectionResetError where there is no connection: with an in-process client, which sees it.
    """
    extension: Any = request.scope.get("extensions", {}).get(DROP)
    if extension is None:
        raise ConnectionResetError("The simulator dropped this call.")
    abort: Callable[[], None] = extension["drop"]
    abort()
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response(status_code=499)
