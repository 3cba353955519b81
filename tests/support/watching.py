"""Clients of subscriptions, as simple as they can be: one of each transport."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import httpx
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from atlas_gql.schema import ids
from atlas_gql.testing.installation import Place
from support.loopback import loopback

PROTOCOL = "graphql-transport-ws"
PATIENCE = 10.0

RUN_EVENTS = """
subscription Events($runId: ID!, $after: String) {
  runEvents(runId: $runId, after: $after) {
    eventCursor
    run { id status outcome counters { total processed failed } }
  }
}
"""
RUNS_CHANGED = """
subscription Changes($workspaceId: ID!, $filter: OperationRunFilter, $after: String) {
  runsChanged(workspaceId: $workspaceId, filter: $filter, after: $after) {
    eventCursor
    runs { uuid type status outcome counters { total processed } }
  }
}
"""


class Watch(Protocol):
    """A way to watch: the answers to a subscription, until it ends or the client has enough."""

    def __call__(self, url: str, token: str, query: str, variables: Mapping[str, Any]) -> Any: ...


@contextmanager
def by_sse(
    url: str, token: str, query: str, variables: Mapping[str, Any]
) -> Iterator[Iterator[dict[str, Any]]]:
    """The answers as server-sent events."""
    with loopback.stream(
        "POST",
        f"{url}/graphql",
        json={"query": query, "variables": dict(variables)},
        headers={"Authorization": f"Bearer {token}", "Accept": "text/event-stream"},
        timeout=PATIENCE,
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream"), response.read()
        yield events(response)


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The answers in an event stream. Raises EOFError when it ends without `complete`."""
    kind = ""
    for line in response.iter_lines():
        if line == "event: complete":
            return
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            assert kind == "next"
            yield json.loads(line[6:])
    raise EOFError


@contextmanager
def socket(url: str, token: str | None = None, **headers: str) -> Iterator[ClientConnection]:
    """An open socket; with a token, one that is acknowledged."""
    with connect(
        f"{url.replace('http', 'ws', 1)}/graphql",
        subprotocols=[PROTOCOL],  # type: ignore[list-item] # a subtype of str
        additional_headers=headers,
        proxy=None,
        open_timeout=PATIENCE,
        close_timeout=1,
    ) as opened:
        if token is not None:
            send(opened, type="connection_init", payload={"authorization": f"Bearer {token}"})
            assert receive(opened) == {"type": "connection_ack"}
        yield opened


def send(opened: ClientConnection, **message: Any) -> None:
    opened.send(json.dumps(message))


def receive(opened: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(opened.recv(timeout=PATIENCE))
    return message


def subscribe(opened: ClientConnection, id_: str, query: str, /, **variables: Any) -> None:
    send(opened, id=id_, type="subscribe", payload={"query": query, "variables": variables})


@contextmanager
def by_socket(
    url: str, token: str, query: str, variables: Mapping[str, Any]
) -> Iterator[Iterator[dict[str, Any]]]:
    """The answers over a WebSocket of its own."""
    with socket(url, token) as opened:
        subscribe(opened, "1", query, **variables)
        yield answers(opened, "1")


def answers(opened: ClientConnection, id: str) -> Iterator[dict[str, Any]]:
    """The answers to the one subscription of a socket."""
    while True:
        message = receive(opened)
        assert message["id"] == id
        if message["type"] == "complete":
            return
        if message["type"] == "error":
            yield {"errors": message["payload"]}
            return
        yield message["payload"]


CHANGES = "subscription($id: ID!) { runsChanged(workspaceId: $id) { runs { uuid } } }"
FIRST = {"data": {"runsChanged": {"runs": []}}}
"""What `CHANGES` begins with."""


def asked(place: Place, *, accept: str, query: str = CHANGES, method: str = "POST") -> httpx.Request:
    given = {"query": query, "variables": {"id": place.workspace_id}}
    headers = {"Authorization": f"Bearer {place.token}", "Accept": accept}
    url = f"{place.atlas.url}/graphql"
    if method == "GET":
        given["variables"] = json.dumps(given["variables"])
        return httpx.Request("GET", url, params=given, headers=headers)
    return httpx.Request("POST", url, json=given, headers=headers)


def closing(opened: ClientConnection) -> int:
    """The code with which the server closes the socket."""
    with suppress(ConnectionClosed):
        while True:
            opened.recv(timeout=PATIENCE)
    assert opened.close_code is not None
    return opened.close_code


def watching(place: Place, transport: str) -> int:
    """How many subscriptions of a transport the process serves."""
    text = loopback.get(f"{place.atlas.url}/metrics").text
    name = f'atlas_live_subscriptions{{transport="{transport}"}} '
    return next((int(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0)


def run_id(run: object) -> str:
    return ids.encode("OperationRun", str(run))


def code(body: dict[str, Any]) -> str:
    """The code of the one error of an answer without data."""
    assert not body.get("data"), body
    (error,) = body["errors"]
    found: str = error["extensions"]["code"]
    return found


def rest(bodies: Any) -> list[str]:
    """The codes of what comes until the end; that of the closing for a socket that is closed."""
    try:
        return [code(body) for body in bodies]
    except ConnectionClosedError as exc:
        return [f"{exc.rcvd.code} {exc.rcvd.reason}" if exc.rcvd else "cut"]
