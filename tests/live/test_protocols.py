"""The two transports, word for word, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from atlas_gql.schema.live import socket as sockets
from atlas_gql.schema.live import sse
from atlas_gql.testing.installation import PLAIN, Place
from support.watching import (
    CHANGES,
    FIRST,
    asked,
    closing,
    events,
    receive,
    send,
    socket,
    subscribe,
    watching,
)

# --- the WebSocket ------------------------------------------------------------------------------------


def test_a_socket_carries_many_subscriptions_and_ends_one_when_asked(place, eventually):
    before = watching(place, "websocket")
    with socket(place.atlas.url, place.token) as opened:
        for id_ in ("a", "b"):
            subscribe(opened, id_, CHANGES, id=place.workspace_id)
        first = [receive(opened) for _ in range(2)]
        assert sorted(first, key=lambda message: message["id"]) == [
            {"id": id_, "type": "next", "payload": FIRST} for id_ in ("a", "b")
        ]
        assert watching(place, "websocket") == before + 2
        send(opened, type="complete", id="a")
        eventually(lambda: watching(place, "websocket") == before + 1)
        send(opened, type="ping")
        assert receive(opened) == {"type": "pong"}
        # The id is free again.
        subscribe(opened, "a", CHANGES, id=place.workspace_id)
        assert receive(opened)["id"] == "a"
    eventually(lambda: watching(place, "websocket") == before)


def test_a_token_may_come_with_the_request(place):
    with socket(place.atlas.url, Authorization=f"Bearer {place.token}") as opened:
        send(opened, type="connection_init")
        assert receive(opened) == {"type": "connection_ack"}


def twice(opened: ClientConnection, place: Place) -> None:
    for _ in range(2):
        subscribe(opened, "1", CHANGES, id=place.workspace_id)


@pytest.mark.parametrize(
    ("say", "code"),
    [
        pytest.param(lambda opened, _: send(opened, type="connection_init"), 4429, id="greets twice"),
        pytest.param(twice, 4409, id="one id twice"),
        pytest.param(lambda opened, _: opened.send("{"), 4400, id="no JSON"),
        pytest.param(lambda opened, _: opened.send("[]"), 4400, id="no object"),
        pytest.param(lambda opened, _: opened.send(b"\0"), 4400, id="no text"),
        pytest.param(lambda opened, _: send(opened, type="start", id="1"), 4400, id="another protocol"),
        pytest.param(lambda opened, _: send(opened, type="subscribe", id="1"), 4400, id="no operation"),
        pytest.param(lambda opened, _: subscribe(opened, "", CHANGES), 4400, id="no id"),
        pytest.param(lambda opened, _: opened.send("x" * 200_000), 1009, id="too large"),
    ],
)
def test_what_breaks_the_protocol_is_closed(place, say: Callable[..., None], code):
    with socket(place.atlas.url, place.token) as opened:
        say(opened, place)
        assert closing(opened) == code


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        pytest.param([{"type": "subscribe", "id": "1", "payload": {"query": CHANGES}}], 4401,
                     id="no greeting"),
        pytest.param([{"type": "connection_init"}], 4401, id="no token"),
        pytest.param([{"type": "connection_init", "payload": {"authorization": "Bearer atlas_x"}}], 4401,
                     id="a wrong token"),
        pytest.param([{"type": "connection_init", "payload": {"authorization": 7}}], 4401, id="no text"),
        pytest.param([], 4408, id="silence"),
    ],
)  # fmt: skip
def test_who_does_not_say_who_it_is_is_closed(place, monkeypatch, messages, code):
    monkeypatch.setattr(sockets, "INIT_WITHIN", 2.0 if messages else 0.2)
    with socket(place.atlas.url) as opened:
        for message in messages:
            send(opened, **message)
        assert closing(opened) == code


def test_a_token_of_the_other_plane_is_a_stranger(place):
    token = place.member("owner", plane="platform")
    with socket(place.atlas.url, Authorization=f"Bearer {token}") as opened:
        send(opened, type="connection_init")
        assert closing(opened) == 4404


def test_another_subprotocol_is_refused(place):
    url = f"{place.atlas.url.replace('http', 'ws', 1)}/graphql"
    with connect(url, subprotocols=["graphql-ws"], proxy=None) as opened:
        assert closing(opened) == 4406


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("{ viewer { name } }", "BAD_USER_INPUT", id="a query"),
        pytest.param("{", "GRAPHQL_PARSE_FAILED", id="no GraphQL"),
        pytest.param("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED", id="no such field"),
    ],
)
def test_what_is_no_subscription_is_an_error_and_the_socket_stays(place, query, code):
    with socket(place.atlas.url, place.token) as opened:
        subscribe(opened, "1", query)
        assert [error["extensions"]["code"] for error in receive(opened)["payload"]] == [code]
        subscribe(opened, "1", CHANGES, id=place.workspace_id)
        assert receive(opened)["type"] == "next"


# --- server-sent events -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_is_kept_alive_and_not_to_be_buffered(place, monkeypatch, method, eventually):
    monkeypatch.setattr(sse, "KEEP_ALIVE", 0.05)
    before = watching(place, "sse")
    with httpx.Client(verify=PLAIN, trust_env=False, timeout=10) as client:
        response = client.send(asked(place, accept="text/event-stream", method=method), stream=True)
        assert response.status_code == 200
        assert {
            name: response.headers[name] for name in ("content-type", "cache-control", "x-accel-buffering")
        } == {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
        }
        awaited = {":", "event: next", f"data: {json.dumps(FIRST, separators=(',', ':'))}"}
        # How many comments come before the first event is a matter of the machine.
        for _, line in zip(range(1000), response.iter_lines(), strict=False):
            awaited.discard(line)
            if not awaited:
                break
        assert awaited == set()
        response.close()
    eventually(lambda: watching(place, "sse") == before)


def test_a_subscription_that_is_no_graphql_is_told_in_the_stream(place):
    with httpx.Client(verify=PLAIN, trust_env=False) as client:
        response = client.send(asked(place, accept="text/event-stream", query="subscription {"), stream=True)
        assert response.status_code == 200
        (body,) = events(response)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["GRAPHQL_PARSE_FAILED"]


@pytest.mark.parametrize(
    ("accept", "query", "status"),
    [
        pytest.param("application/json", CHANGES, 406, id="a subscription as JSON"),
        pytest.param("text/event-stream", "{ viewer { name } }", 406, id="a query as events"),
        pytest.param(
            "application/json, text/event-stream", "{ viewer { name } }", 200, id="a query as either"
        ),
    ],
)
def test_each_kind_of_operation_has_its_media_type(place, accept, query, status):
    with httpx.Client(verify=PLAIN, trust_env=False) as client:
        response = client.send(asked(place, accept=accept, query=query))
    assert response.status_code == status
    assert response.headers["content-type"].startswith("application/json")
