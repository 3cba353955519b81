"""A hostile request costs what it is long, is told why it is refused, and keeps nobody else waiting."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from atlas_gql.testing.installation import Place
from support.loopback import loopback

VIEWER = "{ viewer { name } }"
CANCEL = 'cancelRun(input: {runId: "x"}) { __typename }'


def nested(times: int) -> str:
    loop = "tenants { nodes { workspace { " * times + "id" + " } } }" * times
    return f"{{ viewer {{ workspaces {{ nodes {{ {loop} }} }} }} }}"


def bomb(levels: int) -> str:
    spreads = "".join(f"fragment f{n} on Workspace {{ ...f{n + 1} ...f{n + 1} }} " for n in range(levels))
    last = f"fragment f{levels} on Workspace {{ id }}"
    return f"{{ viewer {{ workspaces {{ nodes {{ ...f0 }} }} }} }} {spreads} {last}"


def aliases(times: int) -> str:
    return "{ " + " ".join(f"a{n}: operationTypes {{ type }}" for n in range(times)) + " }"


def post(place: Place, content: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {place.token}", "Content-Type": "application/json"}
    return loopback.post(f"{place.atlas.url}/graphql", content=content, headers=headers)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param(nested(3), "QUERY_TOO_COMPLEX", id="lists in lists in lists"),
        pytest.param(nested(30), "QUERY_TOO_COMPLEX", id="very deep"),
        pytest.param("{a" * 900 + "}" * 900, "GRAPHQL_PARSE_FAILED", id="deeper than can be read"),
        pytest.param(bomb(20), "QUERY_TOO_COMPLEX", id="fragments that double"),
        pytest.param(bomb(110), "QUERY_TOO_COMPLEX", id="fragments that double too often to be counted"),
        pytest.param(aliases(50), "QUERY_TOO_COMPLEX", id="wide"),
        pytest.param(aliases(1_000), "GRAPHQL_PARSE_FAILED", id="a thousand aliases"),
        pytest.param(
            "{ viewer { name " + "@include(if: true) " * 100 + "} }", "QUERY_TOO_COMPLEX", id="directives"
        ),
        pytest.param("{ viewer { " + "name " * 500 + "} }", "QUERY_TOO_COMPLEX", id="the same over and over"),
        pytest.param(
            "mutation { " + " ".join(f"m{n}: {CANCEL}" for n in range(6)) + " }",
            "QUERY_TOO_COMPLEX",
            id="many mutations",
        ),
    ],
)
def test_what_asks_for_too_much_is_refused_before_it_is_begun(place: Place, query: str, code: str) -> None:
    answer = place.ask(query)
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == code


def test_ordinary_queries_are_not(place: Place) -> None:
    assert "errors" not in place.ask(nested(1))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(orjson.dumps({"query": aliases(10_000)}), 413, id="10,000 aliases"),
        pytest.param(
            orjson.dumps({"query": VIEWER, "variables": {"a": ["x" * 100] * 1_200}}), 413, id="huge variables"
        ),
        pytest.param(b'{"query":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, id="JSON that is too deep"),
    ],
)
def test_a_body_that_is_too_large_is_refused(place: Place, body: bytes, status: int) -> None:
    assert post(place, body).status_code == status


def test_many_values_within_the_limits_are_served(place: Place) -> None:
    query = "query($types: [String!]) { viewer { name } policyTypes { label } node(id: $types) { id } }"
    assert (
        place.ask(query, types=["x"] * 10_000)["errors"][0]["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
    )


def test_others_get_their_answers_meanwhile(place: Place) -> None:
    """Eight hostile clients at once, and fifty connections on which nothing comes."""
    hostile: list[Any] = [
        {"query": query} for query in (nested(30), bomb(110), aliases(10_000), "{a" * 900, nested(3))
    ]
    parts = urlsplit(place.atlas.url)
    bodies = [orjson.dumps(body) for body in hostile] * 16
    with ExitStack() as open_, ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            slow = open_.enter_context(socket.create_connection((parts.hostname, parts.port)))
            slow.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
        statuses = pool.map(lambda body: post(place, body).status_code, bodies)
        answers = [place.ask(VIEWER) for _ in range(20)]
        assert set(statuses) == {200, 413}
    assert [answer for answer in answers if "errors" in answer] == []
