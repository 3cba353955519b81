"""A connection that brings nothing is closed, while others are served."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import orjson
import psycopg
import pytest

from atlas_gql.schema import requests
from atlas_gql.testing.installation import Place
from atlas_gql.web import connections

QUERY = "{ viewer { name } }"


def connected(place: Place) -> socket.socket:
    parts = urlsplit(place.atlas.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def head(place: Place, length: int) -> bytes:
    return (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {place.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:  # closed before it had read what was sent
        pass
    return b"".join(parts)


def until_closed(connection: socket.socket, part: bytes, *, times: int, pause: float = 0) -> int:
    """How often a part could be sent."""
    for sent in range(times):
        try:
            connection.sendall(part)
        except OSError:
            return sent
        time.sleep(pause)
    return times


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.2)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("sent", [b"", b"POST /graphql HT", b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_a_request_that_does_not_come_is_not_waited_for(place: Place, sent: bytes):
    with closing(connected(place)) as connection:
        connection.sendall(sent)
        assert "errors" not in place.ask(QUERY)
        assert received(connection) == b""


@pytest.mark.usefixtures("hasty")
def test_a_head_that_drips_is_not_waited_for(place: Place):
    with closing(connected(place)) as connection:
        connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\n")
        assert until_closed(connection, b"X-A: b\r\n", times=100, pause=0.05) < 100


@pytest.mark.usefixtures("hasty")
def test_a_body_that_drips_is_refused(place: Place):
    with closing(connected(place)) as connection:
        connection.sendall(head(place, 1000) + b"{")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"BAD_USER_INPUT"' in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.usefixtures("hasty")
def test_what_is_refused_before_it_was_sent_is_not_waited_for(place: Place):
    with closing(connected(place)) as connection:
        connection.sendall(head(place, 1000).replace(b"Bearer", b"Basic"))
        assert received(connection).startswith(b"HTTP/1.1 401 ")


def test_a_head_without_end_is_not_read(place: Place):
    with closing(connected(place)) as connection:
        connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: ")
        # What the kernel's buffers take is a few megabytes.
        assert until_closed(connection, b"a" * 65536, times=500) < 500


@pytest.mark.usefixtures("hasty")
def test_a_connection_serves_one_request_after_another(place: Place):
    body = b'{"query": "{ viewer { name } }"}'
    with closing(connected(place)) as connection:
        for _ in range(3):
            connection.sendall(head(place, len(body)) + body)
            answer = connection.recv(65536)
            while b'"data"' not in answer:
                answer += connection.recv(65536)
            time.sleep(0.3)
        connection.sendall((head(place, len(body)) + body) * 2)
        answers = b""
        while answers.count(b'"data"') < 2:
            answers += connection.recv(65536)


@pytest.mark.usefixtures("hasty")
def test_the_next_request_is_waited_for_as_long_as_the_first(place: Place):
    body = b'{"query": "{ viewer { name } }"}'
    with closing(connected(place)) as connection:
        connection.sendall(head(place, len(body)) + body)
        assert b'"data"' in connection.recv(65536)
        connection.sendall(b"POST /graphql HT")
        assert received(connection) == b""


@pytest.mark.usefixtures("hasty")
def test_an_operation_may_take_longer_than_its_request(place: Place, admin_url: str):
    """The patience is with what has not arrived, not with what is being done: here, waiting for a lock."""
    query = "query($id: ID!) { tenant(id: $id) { policies { totalCount } } }"
    body = orjson.dumps({"query": query, "variables": {"id": place.tenant_id}})
    with closing(connected(place)) as connection, psycopg.connect(admin_url) as locker:
        locker.execute("LOCK TABLE policies IN ACCESS EXCLUSIVE MODE")
        connection.sendall(head(place, len(body)) + body)
        time.sleep(1)
        locker.rollback()
        assert b'"totalCount":0' in connection.recv(65536)
