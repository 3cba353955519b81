"""What surrounds an operation on HTTP: rates, time, cost, trusted documents, origins, headers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from atlas_gql.simulator import Running
from atlas_gql.testing.installation import PLAIN, Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.loopback import loopback

VIEWER = "{ viewer { name } }"
ALLOWED, FOREIGN = "https://console.example.com", "https://evil.example.com"


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def strict(
    test_database: TestDatabase, simulator: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An API whose settings are all narrower than by default."""
    documents: Path = tmp_path_factory.mktemp("documents")
    (documents / "viewer.graphql").write_text(VIEWER)
    with installation(
        test_database,
        simulator=simulator,
        worker=False,
        cors_origins=f"{ALLOWED}, http://localhost:3000",
        graphiql=False,
        introspection=False,
        get_queries=False,
        rate_limit=20,
        trusted_documents=documents,
        trusted_documents_only=True,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def brief(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API that gives an operation half a second."""
    with installation(test_database, simulator=simulator, worker=False, query_seconds=0.5) as running:
        yield running


@pytest.fixture(scope="module")
def cheap(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API of small answers."""
    with installation(test_database, simulator=simulator, worker=False, query_cost=1_000) as running:
        yield running


def send(place: Place, body: Any = None, method: str = "POST", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return loopback.request(
        method,
        place.atlas.url + "/graphql",
        json=body,
        headers={"Authorization": f"Bearer {place.token}", **named},
    )


def get(url: str, **headers: str) -> httpx.Response:
    return loopback.get(url, headers=headers)


def code_of(answer: httpx.Response) -> str:
    return answer.json()["errors"][0]["extensions"]["code"]


class TestRates:
    def test_a_token_that_asks_too_often_is_told_how_long_to_wait(self, strict: Installation) -> None:
        place, other = strict.new_place(provider=False), strict.new_place(provider=False)
        answers = [send(place, {"query": VIEWER}) for _ in range(22)]
        assert [answer.status_code for answer in answers[:20]] == [200] * 20
        refused = answers[-1]
        extensions = refused.json()["errors"][0]["extensions"]
        assert (refused.status_code, extensions["code"]) == (429, "RATE_LIMITED")
        assert (0 < extensions["retryAfter"] <= 6, "data" in refused.json()) == (True, False)
        assert refused.headers["Retry-After"] == str(extensions["retryAfter"])
        assert send(other, {"query": VIEWER}).status_code == 200


class TestTime:
    def test_a_query_over_its_time_is_stopped_on_the_server_too(
        self, brief: Installation, admin_url: str
    ) -> None:
        """The rows that a level of the query shows are locked away: its loader waits."""
        place = brief.new_place(provider=False)
        query = "query Q($id: ID!) { tenant(id: $id) { policies { nodes { id } } } }"
        with psycopg.connect(admin_url) as locker:
            locker.execute("LOCK TABLE policies IN ACCESS EXCLUSIVE MODE")
            begun = time.monotonic()
            answer = send(place, {"query": query, "variables": {"id": place.tenant_id}})
            assert time.monotonic() - begun < 4  # lock_timeout would end it after five seconds
            assert (answer.status_code, code_of(answer)) == (200, "QUERY_TIMEOUT")
            assert answer.json()["data"] is None
            waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'policies'::regclass AND NOT granted"
            end = time.monotonic() + 3
            while locker.execute(waiting).fetchone() != (0,):
                assert time.monotonic() < end
                time.sleep(0.02)
        assert "errors" not in place.ask(query, id=place.tenant_id)


class TestCost:
    def test_the_cost_is_told_on_request(self, place: Place) -> None:
        query = "query($n: Int!) { viewer { workspaces(first: $n) { nodes { id name } } } }"
        answer = send(place, {"query": query, "variables": {"n": 1}, "extensions": {"cost": True}})
        assert answer.json()["extensions"] == {
            "cost": {"cost": 302, "limit": 50_000, "depth": 4, "fields": 5}
        }
        assert "extensions" not in send(place, {"query": query, "variables": {"n": 1}}).json()

    def test_the_cost_is_that_of_the_operation_that_is_named(self, place: Place) -> None:
        query = "query A { viewer { name } } query B { viewer { name uuid } }"
        body = {"query": query, "operationName": "B", "extensions": {"cost": True}}
        assert send(place, body).json()["extensions"]["cost"]["cost"] == 3

    def test_the_limit_is_a_setting(self, cheap: Installation, place: Place) -> None:
        query = "query Q($id: ID!) { tenant(id: $id) { runs(first: 100) { nodes { id type status reason"
        query += " outcome attempt uuid createdAt startedAt finishedAt } } } }"
        assert "errors" not in place.ask(query, id=place.tenant_id)
        answer = cheap.new_place(provider=False).ask(query, id=place.tenant_id)
        assert answer["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"


class TestTrustedDocuments:
    def test_a_document_on_the_list_is_executed_by_its_hash(self, strict: Installation) -> None:
        place = strict.new_place(provider=False)
        for body in (
            {"documentId": f"sha256:{hash_of(VIEWER)}"},
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(VIEWER)}}},
            {"query": VIEWER},
        ):
            assert send(place, body).json()["data"]["viewer"]["name"].startswith("owner")

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"query": "{ viewer { uuid } }"}, "DOCUMENT_NOT_TRUSTED"),
            ({"documentId": f"sha256:{'0' * 64}"}, "PERSISTED_QUERY_NOT_FOUND"),
            ({"query": VIEWER, "documentId": f"sha256:{'0' * 64}"}, "PERSISTED_QUERY_MISMATCH"),
            ({"documentId": "nonsense"}, "BAD_USER_INPUT"),
        ],
    )
    def test_any_other_is_refused(self, strict: Installation, body: dict[str, str], code: str) -> None:
        answer = send(strict.new_place(provider=False), body, Accept="application/graphql-response+json")
        assert (answer.status_code, code_of(answer), "data" in answer.json()) == (400, code, False)


class TestSchema:
    def test_whoever_has_a_token_is_given_the_schema(self, place: Place) -> None:
        url = place.atlas.url + "/schema.graphql"
        answer = get(url, Authorization=f"Bearer {place.token}")
        assert answer.text == (Path(__file__).parents[2] / "schema.graphql").read_text()
        refused = get(url)
        assert (refused.status_code, code_of(refused)) == (401, "UNAUTHENTICATED")

    def test_where_it_is_not_for_clients_nothing_tells_it(self, strict: Installation) -> None:
        place = strict.new_place(provider=False)
        answer = get(place.atlas.url + "/schema.graphql", Authorization=f"Bearer {place.token}")
        assert answer.status_code == 404

    def test_a_mistake_in_a_query_is_explained_where_the_schema_is_open(self, place: Place) -> None:
        assert "Did you mean" in place.ask("{ viewer { nam } }")["errors"][0]["message"]

    def test_queries_by_get_are_a_setting(self, strict: Installation) -> None:
        answer = send(strict.new_place(provider=False), method="GET")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


class TestOrigins:
    def test_a_page_of_another_origin_is_refused_before_anything_is_read(self, strict: Installation) -> None:
        answer = send(strict.new_place(provider=False), {"query": VIEWER}, Origin=FOREIGN)
        assert (answer.status_code, code_of(answer)) == (403, "ORIGIN_NOT_ALLOWED")
        assert "Access-Control-Allow-Origin" not in answer.headers

    @pytest.mark.parametrize("origin", ["null", "file://", "http://127.0.0.1:1", "http://["])
    def test_so_is_one_of_no_origin(self, place: Place, origin: str) -> None:
        assert send(place, {"query": VIEWER}, Origin=origin).status_code == 403

    def test_a_page_on_the_list_may_ask(self, strict: Installation) -> None:
        answer = send(strict.new_place(provider=False), {"query": VIEWER}, Origin=ALLOWED)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, ALLOWED)
        assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]

    def test_its_browser_may_ask_beforehand(self, strict: Installation) -> None:
        headers = {
            "Origin": ALLOWED,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        answer = httpx.options(strict.url + "/graphql", headers=headers, verify=PLAIN)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, ALLOWED)

    def test_the_apis_own_pages_may_ask(self, place: Place) -> None:
        assert send(place, {"query": VIEWER}, Origin=place.atlas.url).status_code == 200


class TestHeaders:
    @pytest.mark.parametrize("path", ["/graphql", "/healthz", "/graphiql", "/nowhere"])
    def test_every_answer_tells_browsers_to_keep_their_hands_off(
        self, atlas: Installation, path: str
    ) -> None:
        headers = get(atlas.url + path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    def test_an_answer_is_kept_nowhere(self, place: Place) -> None:
        assert send(place, {"query": VIEWER}).headers["Cache-Control"] == "no-store"


class TestGraphiQL:
    def test_the_page_loads_nothing_from_elsewhere(self, atlas: Installation) -> None:
        page = get(atlas.url + "/graphiql")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert "http" not in page.text.replace("http-equiv", "")
        named = [part.split('"')[0] for part in page.text.split('="graphiql/')[1:]]
        assert len(named) == 6
        for name in named:
            answer = get(f"{atlas.url}/graphiql/{name}")
            assert (answer.status_code, len(answer.content) > 100) == (200, True), name

    def test_it_is_a_setting(self, strict: Installation) -> None:
        assert get(strict.url + "/graphiql").status_code == 404
        assert get(strict.url + "/graphiql/assets/page.js").status_code == 404
