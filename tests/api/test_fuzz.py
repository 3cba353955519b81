"""Whatever valid operation is sent, with whatever values: nothing unexpected happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from graphql import GraphQLSchema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_gql.schema import ids
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import PLAIN, Installation
from support.loopback import loopback
from support.operations import STRINGS, operations
from support.shipped import shipped_schema
from support.world import World, make_world

SCHEMA: GraphQLSchema = shipped_schema()._schema
KINDS = sorted(type_.name for type_ in SCHEMA.get_possible_types(SCHEMA.type_map["Node"]))  # type: ignore[arg-type]
ABSENT = [ids.encode(kind, uuid4()) for kind in KINDS]
MALFORMED = ["", "nonsense", "\0", "VGVuYW50Og==", ids.encode("Toaster", uuid4()), "x" * 3000]
EXPECTED = {
    "BAD_USER_INPUT",
    "NOT_FOUND",
    "FORBIDDEN",
    "QUERY_TOO_COMPLEX",
}

some = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def world(atlas: Installation, simulator: Running, pristine: object) -> Iterator[tuple[World, httpx.Client]]:
    """A place with a past, and its owner's client."""
    loopback.post(f"{simulator.url}/_simulator/load", json=pristine).raise_for_status()
    made = make_world(atlas.new_place())
    headers = {"Authorization": f"Bearer {made.place.token}"}
    with httpx.Client(base_url=atlas.url, headers=headers, verify=PLAIN, timeout=30) as client:
        yield made, client


def existing(world: World) -> list[str]:
    return [value for value in world.values.values() if isinstance(value, str) and ids.parse(value)]


def cursors(client: httpx.Client, world: World) -> list[str]:
    """Where the lists of the place begin and end."""
    query = """
    query Q($id: ID!) { tenant(id: $id) {
      runs { pageInfo { startCursor endCursor } } backupSets { pageInfo { startCursor endCursor } }
      policies { pageInfo { startCursor endCursor } } auditEntries { pageInfo { startCursor endCursor } }
    } }"""
    tenant = ask(client, query, {"id": world.place.tenant_id})["data"]["tenant"]
    return [cursor for page in tenant.values() for cursor in page["pageInfo"].values()]


def ask(client: httpx.Client, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, (answer.text, query, variables)
    body: dict[str, Any] = answer.json()
    return body


def sound(body: dict[str, Any]) -> list[Any]:
    """The errors of an answer that no client should ever see."""
    return [error for error in body.get("errors", ()) if error["extensions"]["code"] not in EXPECTED]


# The installation's threads draw random numbers too, which Hypothesis takes for its strategies'.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("kind", ["query", "mutation"])
def test_a_valid_operation_is_answered_as_expected(world: tuple[World, httpx.Client], kind: str) -> None:
    made, client = world
    known = st.sampled_from([*existing(made), *existing(made), *ABSENT, *MALFORMED])
    texts = st.one_of(STRINGS, st.sampled_from(cursors(client, made)), known)
    answered = []

    @some
    @given(operations(SCHEMA, kind=kind, ids=known, texts=texts))
    def run(operation: tuple[str, dict[str, Any]]) -> None:
        body = ask(client, *operation)
        assert sound(body) == [], operation
        answered.append("data" in body)

    run()
    assert sum(answered) > len(answered) / 3  # most are more than a refusal
