"""How much one client may take, and what becomes of all when the process stops."""

from __future__ import annotations

import socket as plain_sockets
import threading
from typing import Any
from uuid import uuid4

import httpx
import pytest

from atlas_gql.errors import TooManySubscriptions
from atlas_gql.schema import ids
from atlas_gql.schema.live import hub as hubs
from atlas_gql.schema.live import socket as sockets
from atlas_gql.schema.live import sse, telling
from atlas_gql.schema.live.seats import Seats
from atlas_gql.testing.installation import PLAIN, installation
from support.watching import (
    CHANGES,
    FIRST,
    RUN_EVENTS,
    RUNS_CHANGED,
    answers,
    asked,
    by_socket,
    by_sse,
    closing,
    receive,
    send,
    socket,
    subscribe,
    watching,
)


def test_a_socket_has_so_many_subscriptions_and_no_more(place, monkeypatch):
    monkeypatch.setattr(sockets, "OF_SOCKET", 1)
    with socket(place.atlas.url, place.token) as opened:
        subscribe(opened, "1", CHANGES, id=place.workspace_id)
        assert receive(opened)["type"] == "next"
        subscribe(opened, "2", CHANGES, id=place.workspace_id)
        refused = receive(opened)
    assert (refused["id"], refused["type"]) == ("2", "error")
    assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"


@pytest.fixture
def narrow(test_database, simulator, monkeypatch):
    """A process that serves one subscription and one socket of a token."""
    monkeypatch.setattr(telling, "OF_TOKEN", 1)
    monkeypatch.setattr(sockets, "OF_TOKEN", 1)
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


def test_a_token_has_so_many_subscriptions_and_sockets_and_others_are_served(narrow):
    place, other = narrow.new_place(), narrow.new_place()
    given = {"id": place.workspace_id}
    with by_socket(narrow.url, place.token, CHANGES, given) as bodies:
        assert next(bodies) == FIRST
        with httpx.Client(verify=PLAIN, trust_env=False) as client:
            response = client.send(asked(place, accept="text/event-stream"))
        assert response.status_code == 429
        assert response.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        with socket(narrow.url) as opened:
            send(opened, type="connection_init", payload={"authorization": f"Bearer {place.token}"})
            assert closing(opened) == 1013
        with by_sse(narrow.url, other.token, CHANGES, {"id": other.workspace_id}) as theirs:
            assert next(theirs) == FIRST
    with by_socket(narrow.url, place.token, CHANGES, given) as bodies:
        assert next(bodies) == FIRST


def test_seats_are_counted_in_all():
    seats, one, other = Seats(of_token=2, in_all=3), uuid4(), uuid4()
    with seats.taken(one), seats.taken(other), seats.taken(one):
        for token in (one, other):
            with pytest.raises(TooManySubscriptions), seats.taken(token):
                pass
    with seats.taken(one), seats.taken(one):
        pass


def test_a_process_that_stops_sends_its_clients_to_another_one(test_database, simulator, runs):
    """Neither is told that the subscription were complete: both come again, with their cursor."""
    opened_by: list[Any] = []
    with installation(test_database, simulator=simulator, worker=False) as running:
        place, run = runs.place, ids.encode("OperationRun", runs.add())
        ready, seen = threading.Barrier(3), {}

        def by_event_stream() -> None:
            with by_sse(running.url, place.token, RUN_EVENTS, {"runId": run}) as bodies:
                next(bodies)
                ready.wait(20)
                with pytest.raises(EOFError):
                    next(bodies)
                seen["sse"] = True

        def by_web_socket() -> None:
            with socket(running.url, place.token) as opened:
                subscribe(opened, "1", RUNS_CHANGED, workspaceId=place.workspace_id)
                next(answers(opened, "1"))
                ready.wait(20)
                seen["socket"] = closing(opened)

        opened_by += [threading.Thread(target=work, daemon=True) for work in (by_event_stream, by_web_socket)]
        for thread in opened_by:
            thread.start()
        ready.wait(20)
    for thread in opened_by:
        thread.join(20)
    assert seen == {"sse": True, "socket": 1012}


def test_who_takes_nothing_is_dropped_and_others_are_told(runs, monkeypatch, eventually):
    monkeypatch.setattr(hubs, "PACE", 0.0)
    monkeypatch.setattr(sse, "PATIENCE", 1.0)
    place, before = runs.place, watching(runs.place, "sse")
    for _ in range(100):
        runs.add()
    large = " ".join(f"a{n}: id" for n in range(30))
    query = f"subscription($id: ID!) {{ runsChanged(workspaceId: $id) {{ runs {{ {large} }} }} }}"
    request = asked(place, accept="text/event-stream", query=query)
    address = httpx.URL(place.atlas.url)
    with plain_sockets.socket() as deaf:
        deaf.setsockopt(plain_sockets.SOL_SOCKET, plain_sockets.SO_RCVBUF, 4096)
        deaf.connect((address.host, address.port))
        lines = [f"POST {request.url.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        deaf.sendall("\r\n".join([*lines, "", ""]).encode() + request.read())
        eventually(lambda: watching(place, "sse") == before + 1)

        def dropped() -> bool:
            runs.execute(
                "UPDATE operation_runs SET processed = processed + 1 WHERE workspace_id = %(workspace)s",
                workspace=place.workspace,
            )
            return watching(place, "sse") == before

        eventually(dropped, within=40)
    with by_sse(place.atlas.url, place.token, CHANGES, {"id": place.workspace_id}) as bodies:
        assert next(bodies) == FIRST
