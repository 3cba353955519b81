"""A thing is read with the question who asks, once its query is known; who sees it is decided as ever."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import psycopg
import pytest

from atlas_gql.access import tokens
from atlas_gql.access.tokens import Ahead
from atlas_gql.db.database import Transaction
from atlas_gql.schema import ids
from atlas_gql.schema.maps import TENANT
from atlas_gql.schema.rows import by_id
from atlas_gql.testing.installation import Place

QUERY = "query Known($id: ID!) { node(id: $id) { id __typename ... on Tenant { name } } }"


@pytest.fixture
def messages(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How it is asked who asks; the query is known to the API."""
    seen: list[str] = []
    fetch, together = Transaction.fetch, Transaction.together

    async def fetched(self, statement, **parameters):
        if statement is tokens.ACTORS:
            seen.append("by itself")
        return await fetch(self, statement, **parameters)

    async def fetched_together(self, *asked):
        seen.append("together")
        return await together(self, *asked)

    monkeypatch.setattr(Transaction, "fetch", fetched)
    monkeypatch.setattr(Transaction, "together", fetched_together)
    assert place.ask(QUERY, id=place.tenant_id)["data"]["node"]
    seen.clear()
    return seen


def ask(place: Place, token: str | None, **variables: object) -> tuple[int, object]:
    """The answer to a request that is sent as one piece, as most clients do."""
    parts = urlsplit(place.atlas.url)
    body = json.dumps({"query": QUERY, "variables": variables}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        answer = HTTPResponse(connection)
        answer.begin()
        given = json.loads(answer.read())
    return answer.status, given.get("data") or given["errors"][0]["extensions"]["code"]


def test_a_thing_is_read_in_one_message_with_who_asks(place: Place, messages: list[str]) -> None:
    by_itself = place.ask(QUERY.replace("Known", "Unknown"), id=place.tenant_id)["data"]
    seen = len(messages)
    assert ask(place, place.token, id=place.tenant_id) == (200, by_itself)
    assert messages[seen:] == ["together"]


def test_nobody_else_sees_it(place: Place, messages: list[str]) -> None:
    other = place.atlas.new_place(provider=False)
    nothing = (200, {"node": None})
    assert ask(place, other.token, id=place.tenant_id) == nothing
    assert ask(place, other.token, id=ids.encode("Tenant", "01a00000-0000-7000-8000-000000000000")) == nothing
    assert messages == ["together"] * 2
    assert ask(place, other.token, id=other.tenant_id)[1] != nothing[1]
    assert ask(place, tokens.generate(), id=place.tenant_id) == (401, "UNAUTHENTICATED")
    assert ask(place, "", id=place.tenant_id) == (401, "UNAUTHENTICATED")


@pytest.mark.usefixtures("messages")
def test_what_ends_ends_at_once(place: Place, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("UPDATE memberships SET role = 'member' WHERE user_id = %s", [place.user])
        assert ask(place, place.token, id=place.tenant_id) == (200, {"node": None})
        admin.execute("UPDATE memberships SET role = 'owner' WHERE user_id = %s", [place.user])
        assert ask(place, place.token, id=place.tenant_id)[1] != {"node": None}
        admin.execute("UPDATE api_tokens SET plane = 'platform' WHERE user_id = %s", [place.user])
        assert ask(place, place.token, id=place.tenant_id) == (404, "NOT_FOUND")
        admin.execute("UPDATE api_tokens SET plane = 'workspace' WHERE user_id = %s", [place.user])
        admin.execute("UPDATE api_tokens SET revoked_at = now() WHERE user_id = %s", [place.user])
        assert ask(place, place.token, id=place.tenant_id) == (401, "UNAUTHENTICATED")


@pytest.mark.usefixtures("messages")
@pytest.mark.parametrize("given", [None, 3, "", "no id", ["a"], ids.encode("Nothing", "1")])
def test_what_is_no_id_is_answered_as_ever(place: Place, given: object) -> None:
    unknown = place.atlas.post(QUERY.replace("Known", "Unknown"), {"id": given}, token=place.token)
    body = unknown.json()
    expected = body.get("data") or body["errors"][0]["extensions"]["code"]
    assert ask(place, place.token, id=given) == (unknown.status_code, expected)


def test_what_comes_with_the_question_is_within_the_tokens_reach(place: Place) -> None:
    other = place.atlas.new_place(provider=False)

    def ahead() -> Ahead:
        key = str(ids.decode(place.tenant_id, kind="Tenant", argument="id"))
        return Ahead(statement=by_id(TENANT, TENANT.always), parameters={"ids": [key]})

    def found(token: str) -> tuple[bool, int | None]:
        asked = ahead()

        async def work(_tx: Transaction) -> bool:
            return await tokens.authenticate(place.atlas.database, token, asked) is not None

        return place.atlas.call(work), None if asked.rows is None else len(asked.rows)

    assert found(place.token) == (True, 1)
    assert found(other.token) == (True, 0)
    assert found(tokens.generate()) == (False, None)
