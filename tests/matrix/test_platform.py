"""The platform's plane, asked for all that it has: nothing of any tenant is in any answer."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.plugins.loading import discover, load_all
from atlas_gql.schema import ids
from atlas_gql.schema.system.build import build_system_schema
from support.matrix.asking import Asker, Seen
from support.matrix.callers import REFERENCE, TENANTS, Caller
from support.matrix.table import Table
from support.matrix.world import World
from support.settings import EXAMPLE


@pytest.fixture(scope="session")
def platform() -> Table:
    return Table(build_system_schema(load_all([*discover(), EXAMPLE]).settings))


@pytest.fixture(scope="session")
def secrets(world: World) -> list[str]:
    """What is written into tenants, and the keys and ids of all that is in them."""
    found = [world.marks[tenant] for tenant in TENANTS]
    for thing in world.by_uuid.values():
        if thing.place in TENANTS:
            found += [str(thing.uuid), thing.id]
    return found


def asked(ask: Asker, token: str, query: str, **variables: Any) -> Seen:
    return ask.send(token, "POST", "/system/graphql", json={"query": query, "variables": variables})


def test_no_answer_holds_anything_of_a_tenant(
    ask: Asker, world: World, platform: Table, secrets: list[str]
) -> None:
    token = world.token(Caller(name="platform"), plane="platform")
    user = ids.encode("User", ask.admin.execute("SELECT id FROM users LIMIT 1").fetchone()[0])
    known = {"workspace": world.thing("Workspace", "ours").id, "user": user}
    for name, field in platform.queries.items():
        given = f'(id: "{known[name]}")' if "id" in field.args else ""
        seen = asked(ask, token, f"{{ {name}{given} {platform.of_root(name).text} }}")
        assert (seen.status, seen.errors) == (200, []), seen.text
        assert seen.body["data"][name] is not None
        assert [text for text in secrets if text in seen.text] == [], name
    query = "query W($id: ID!) { workspace(id: $id) { name } }"
    assert world.marks["ours"] in asked(ask, token, query, id=known["workspace"]).text


def test_the_ids_of_what_tenants_have_are_nothing_there(
    ask: Asker, world: World, platform: Table, secrets: list[str]
) -> None:
    token = world.token(Caller(name="platform"), plane="platform")
    for name, field in platform.queries.items():
        if "id" not in field.args:
            continue
        for thing in world.by_uuid.values():
            if thing.place not in TENANTS:
                continue
            seen = asked(ask, token, f"query Q($id: ID!) {{ it: {name}(id: $id) {{ id }} }}", id=thing.id)
            assert (seen.body.get("data") or {}).get("it") is None, seen.text
            assert [text for text in secrets if text in seen.text] == []


def test_the_same_would_be_found_where_it_is_shown(ask: Asker, world: World, secrets: list[str]) -> None:
    """The control: what is looked for is what the other plane shows."""
    query = "query Q($id: ID!) { tenant(id: $id) { id name runs { nodes { id } } } }"
    seen = ask.query(world.token_of(REFERENCE), query, {"id": world.thing("Tenant", "granted").id})
    assert len([text for text in secrets if text in seen.text]) > 2
