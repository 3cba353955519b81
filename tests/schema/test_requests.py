"""GraphQL over HTTP: what is read of a request, and what is refused with which status."""

import asyncio

import orjson
import pytest
from starlette.requests import Request

from atlas_gql.schema import requests
from atlas_gql.schema.requests import (
    GRAPHQL_JSON,
    JSON,
    LARGEST_BODY,
    GraphQLRequest,
    Refused,
    answer_type,
    bearer_token,
    read_request,
    request_id_of,
)

QUERY = "{viewer{name}}"


def request(body=b"", *, method="POST", query="", **headers):
    named = {"content-type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": "/graphql",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
    }

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def read(body=None, **options):
    content = orjson.dumps(body) if body is not None and not isinstance(body, bytes) else body or b""
    return asyncio.run(read_request(request(content, **options)))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, {JSON};q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.5, {JSON};q=0.9", JSON),
        (f"text/html, {JSON}; charset=utf-8", JSON),
        (f"{GRAPHQL_JSON};q=0, */*;q=0.1", JSON),
    ],
)
def test_the_answer_has_the_form_that_the_client_likes_best(accept, expected):
    assert answer_type(request(accept=accept)) == expected


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0", "image/*;q=1"])
def test_a_client_that_takes_none_of_our_forms_is_refused(accept):
    with pytest.raises(Refused) as caught:
        answer_type(request(accept=accept))
    assert caught.value.status == 406


def test_a_post_gives_query_variables_and_name():
    body = {"query": QUERY, "variables": {"a": 1}, "operationName": "A", "extensions": {}}
    assert read(body) == GraphQLRequest(query=QUERY, variables={"a": 1}, operation_name="A")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"documentId": f"sha256:{'ab' * 32}"}, id="as the draft names it"),
        pytest.param(
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}}, id="Apollo"
        ),
    ],
)
def test_a_document_can_be_named_by_its_hash(body):
    assert read(body) == GraphQLRequest(sha256="ab" * 32)
    assert read({**body, "query": QUERY}) == GraphQLRequest(query=QUERY, sha256="ab" * 32)


def test_a_document_can_be_named_in_a_get():
    query = f"documentId=sha256:{'ab' * 32}"
    assert read(method="GET", query=query) == GraphQLRequest(sha256="ab" * 32)


@pytest.mark.parametrize(("given", "wanted"), [({"cost": True}, True), ({"cost": 1}, False), ({}, False)])
def test_the_cost_is_told_on_request(given, wanted):
    assert read({"query": QUERY, "extensions": given}).wants_cost is wanted


def test_a_body_that_does_not_come_is_refused(monkeypatch):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.01)

    async def receive():
        await asyncio.sleep(60)

    with pytest.raises(Refused) as caught:
        asyncio.run(read_request(Request(request().scope, receive)))
    assert (caught.value.status, caught.value.headers) == (408, {"Connection": "close"})


def test_a_client_that_hangs_up_is_nothing_unexpected():
    async def receive():
        return {"type": "http.disconnect"}

    with pytest.raises(Refused):
        asyncio.run(read_request(Request(request().scope, receive)))


def test_a_get_gives_the_same_from_its_parameters():
    query = "query=%7Bviewer%7Bname%7D%7D&variables=%7B%22a%22%3A1%7D&operationName=A"
    assert read(method="GET", query=query) == GraphQLRequest(
        query=QUERY, variables={"a": 1}, operation_name="A"
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{", 400, id="no JSON"),
        pytest.param(b"\xff", 400, id="no UTF-8"),
        pytest.param([{"query": QUERY}], 400, id="a batch"),
        pytest.param({}, 400, id="no query"),
        pytest.param({"query": ""}, 400, id="empty query"),
        pytest.param({"query": {"a": 1}}, 400, id="query no text"),
        pytest.param({"query": QUERY, "variables": [1]}, 400, id="variables no object"),
        pytest.param({"query": QUERY, "operationName": 1}, 400, id="name no text"),
        pytest.param({"query": QUERY, "extensions": "x"}, 400, id="extensions no object"),
        pytest.param({"query": "", "documentId": f"sha256:{'ab' * 32}"}, 400, id="empty query with a hash"),
        pytest.param({"documentId": "ab" * 32}, 400, id="a hash of no kind"),
        pytest.param({"documentId": 1}, 400, id="a hash that is no text"),
        pytest.param({"extensions": {"persistedQuery": "x"}}, 400, id="no persisted query"),
        pytest.param(
            {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "ab" * 32}}}, 400, id="version"
        ),
        pytest.param({"extensions": {"persistedQuery": {"version": 1}}}, 400, id="no hash"),
        pytest.param(b" " * (LARGEST_BODY + 1), 413, id="too large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body, status):
    with pytest.raises(Refused) as caught:
        read(body)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", f"{JSON}; charset=latin-1", "multipart/form-data"]
)
def test_a_body_of_another_type_is_refused(content_type):
    with pytest.raises(Refused) as caught:
        read({"query": QUERY}, content_type=content_type)
    assert caught.value.status == 415


def test_a_charset_of_utf8_is_as_good_as_none():
    assert read({"query": QUERY}, content_type=f'{JSON}; charset="UTF-8"').query == QUERY


def test_variables_of_a_get_that_are_no_json_are_named():
    with pytest.raises(Refused, match="`variables` is no JSON"):
        read(method="GET", query="query=a&variables=x")


@pytest.mark.parametrize("given", ["abc-1._X", "a" * 64])
def test_a_callers_request_id_is_kept(given):
    assert request_id_of(request(x_request_id=given).headers) == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 65, "<script>", "a\tb"])
def test_a_request_id_that_is_none_is_replaced(given):
    made = request_id_of(request(x_request_id=given).headers)
    assert (made != given, len(made)) == (True, 36)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer ", None), ("", None)],
)
def test_the_token_is_what_follows_bearer(header, token):
    assert bearer_token(request(authorization=header)) == token
