"""API tokens through the API: made, limited, seen, used and revoked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.access import own_tokens, tokens, uses
from atlas_gql.access.bounds import Bounds
from atlas_gql.access.members import add_member
from atlas_gql.audit import COMMAND
from atlas_gql.schema import ids
from atlas_gql.testing.installation import Place, installation
from support.members import altered, who

NODE = "id uuid name capabilities expiresAt revokedAt lastUsedAt owner { name } workspace { id }"
CREATE = f"""
mutation Create($input: CreateTokenInput!) {{
  createToken(input: $input) {{
    __typename
    ... on CreateTokenPayload {{ token apiToken {{ {NODE} tenants {{ id }} }} }}
    ... on ValidationError {{ field message }}
  }}
}}"""
REVOKE = """
mutation Revoke($input: RevokeTokenInput!) {
  revokeToken(input: $input) { ... on RevokeTokenPayload { apiToken { revokedAt } } }
}"""
MINE = "{ viewer { workspaces { nodes { id } } tokens { totalCount nodes { name id } } } }"
THEIRS = "query T($id: ID!) { workspace(id: $id) { tokens { nodes { name owner { uuid } } } } }"
TENANT = "query T($id: ID!) { tenant(id: $id) { id runs { totalCount } provider { id } } }"


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def asked(place: Place, token: str | None = None, **given: Any) -> dict[str, Any]:
    values = {"workspaceId": place.workspace_id, "name": "made", **given}
    answer = place.ask(CREATE, token, input=values)
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["createToken"]
    return result


def made(place: Place, token: str | None = None, **given: Any) -> tuple[str, dict[str, Any]]:
    result = asked(place, token, **given)
    assert result["__typename"] == "CreateTokenPayload", result
    return result["token"], result["apiToken"]


def refused(place: Place, token: str | None = None, **given: Any) -> str:
    result = asked(place, token, **given)
    assert result["__typename"] == "ValidationError", result
    return str(result["field"])


def works(place: Place, token: str) -> bool:
    return place.atlas.post("{ viewer { uuid } }", token=token).status_code == 200


@pytest.fixture
def place(atlas: Any) -> Place:
    place: Place = atlas.new_place()
    return place


def test_a_token_of_ones_own(place: Place) -> None:
    operator = place.member("operator")
    token, node = made(place, operator, name=" Dashboard ", capabilities=["runs.view"])
    left = datetime.fromisoformat(node["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert {name: node[name] for name in ("name", "capabilities", "tenants", "workspace", "revokedAt")} == {
        "name": "Dashboard",
        "capabilities": ["runs.view"],
        "tenants": None,
        "workspace": {"id": place.workspace_id},
        "revokedAt": None,
    }
    answer = place.ask(TENANT, token, id=place.tenant_id)
    assert (answer["data"]["tenant"]["runs"], codes(answer)) == ({"totalCount": 0}, ["FORBIDDEN"])


def test_a_token_has_no_right_that_its_user_lost(place: Place, admin_url: str) -> None:
    manager = place.member("manager")
    token, _ = made(place, manager, capabilities=["providers.view", "runs.view"])
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "UPDATE memberships SET role = 'member' WHERE user_id ="
            " (SELECT user_id FROM api_tokens WHERE hash = %s)",
            (tokens.hash_of(token),),
        )
    assert codes(place.ask(TENANT, token, id=place.tenant_id)) == ["NOT_FOUND"]


def test_a_token_for_some_tenants_opens_no_other_and_nothing_of_the_workspace(place: Place) -> None:
    other = place.add_tenant(str(uuid4()), "other.example")
    token, node = made(place, tenantIds=[other.tenant_id])
    assert node["tenants"] == [{"id": other.tenant_id}]
    query = """query W($id: ID!) { workspace(id: $id) {
      viewerCapabilities tenants { nodes { id viewerCapabilities } } tokens { totalCount } } }"""
    answer = place.ask(query, token, id=place.workspace_id)
    shown = answer["data"]["workspace"]
    (tenant,) = shown["tenants"]["nodes"]
    assert (shown["viewerCapabilities"], tenant["id"], codes(answer)) == ([], other.tenant_id, ["FORBIDDEN"])
    assert "restores.execute" in tenant["viewerCapabilities"]
    assert codes(place.ask(TENANT, token, id=place.tenant_id)) == ["NOT_FOUND"]
    assert codes(place.ask(TENANT, token, id=other.tenant_id)) == []


def test_filters_tell_nothing_that_the_token_may_not_see(place: Place) -> None:
    token, _ = made(place, capabilities=["runs.view"])
    query = """query W($id: ID!) { workspace(id: $id) {
      tenants(filter: { neverBackedUp: true, providerStatus: [NOT_VERIFIED] }) { totalCount } } }"""
    counted = [
        place.ask(query, who, id=place.workspace_id)["data"]["workspace"]["tenants"]["totalCount"]
        for who in (place.token, token)
    ]
    assert counted == [1, 0]


def join(place: Place, elsewhere: Place) -> None:
    """Make the owner of a place the owner of another workspace as well."""
    of = {"workspace_id": elsewhere.workspace, "user_id": place.user}
    place.atlas.call(lambda tx: add_member(tx, COMMAND, **of, role="owner"))


def test_a_token_opens_its_own_workspace_only(place: Place, atlas: Any) -> None:
    elsewhere = atlas.new_place(provider=False)
    join(place, elsewhere)
    token, _ = made(place)
    assert codes(place.ask(THEIRS, id=elsewhere.workspace_id)) == []
    assert codes(place.ask(THEIRS, token, id=elsewhere.workspace_id)) == ["NOT_FOUND"]
    assert place.ask(MINE, token)["data"]["viewer"]["workspaces"]["nodes"] == [{"id": place.workspace_id}]
    foreign = place.ask(CREATE, token, input={"workspaceId": elsewhere.workspace_id, "name": "x"})
    assert codes(foreign) == ["NOT_FOUND"]


class TestALimitedToken:
    @pytest.fixture
    def limited(self, place: Place) -> str:
        token, _ = made(
            place,
            name="limited",
            capabilities=["runs.view", "backups.view"],
            tenantIds=[place.tenant_id],
            expiresAt=(datetime.now(UTC) + timedelta(days=5)).isoformat(),
        )
        return token

    def test_makes_none_that_is_wider(self, place: Place, limited: str) -> None:
        other = place.add_tenant(str(uuid4()), "wider.example")
        late = (datetime.now(UTC) + timedelta(days=6)).isoformat()
        assert refused(place, limited, capabilities=["policies.view"]) == "capabilities"
        assert refused(place, limited, tenantIds=[place.tenant_id, other.tenant_id]) == "tenantIds"
        assert refused(place, limited, expiresAt=late) == "expiresAt"
        _, node = made(place, limited)
        assert (sorted(node["capabilities"]), [t["id"] for t in node["tenants"]]) == (
            ["backups.view", "runs.view"],
            [place.tenant_id],
        )
        assert datetime.fromisoformat(node["expiresAt"]) < datetime.now(UTC) + timedelta(days=5)

    def test_takes_those_along_that_were_made_with_it(self, place: Place, limited: str) -> None:
        child, _ = made(place, limited)
        grandchild, _ = made(place, child, capabilities=["runs.view"])
        sibling, _ = made(place)
        (its_id,) = (
            t["id"] for t in place.ask(MINE)["data"]["viewer"]["tokens"]["nodes"] if t["name"] == "limited"
        )
        place.ask(REVOKE, input={"tokenId": its_id})
        assert [works(place, token) for token in (limited, child, grandchild, sibling)] == [
            *(False, False, False),
            True,
        ]

    def test_sees_itself_and_what_it_made_and_revokes_nothing_else(self, place: Place, limited: str) -> None:
        _, child = made(place, limited, name="child")
        _, sibling = made(place, name="sibling")
        seen = place.ask(MINE, limited)["data"]["viewer"]["tokens"]
        assert ([t["name"] for t in seen["nodes"]], seen["totalCount"]) == (["child", "limited"], 2)
        node = "query N($id: ID!) { node(id: $id) { id } }"
        assert place.ask(node, limited, id=sibling["id"])["data"]["node"] is None
        assert codes(place.ask(REVOKE, limited, input={"tokenId": sibling["id"]})) == ["FORBIDDEN"]
        assert codes(place.ask(REVOKE, limited, input={"tokenId": child["id"]})) == []


def test_a_token_that_is_not_limited_outlives_what_it_was_made_with(place: Place) -> None:
    first, node = made(place)
    second, _ = made(place, first)
    place.ask(REVOKE, input={"tokenId": node["id"]})
    assert (works(place, first), works(place, second)) == (False, True)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"name": " "}, "name", id="no-name"),
        pytest.param({"capabilities": []}, "capabilities", id="no-capability"),
        pytest.param({"capabilities": ["runs.fly"]}, "capabilities", id="unknown-capability"),
        pytest.param({"capabilities": ["providers.manage"]}, "capabilities", id="not-held"),
        pytest.param({"tenantIds": []}, "tenantIds", id="no-tenant"),
        pytest.param({"tenantIds": [ids.encode("Tenant", uuid4())]}, "tenantIds", id="absent-tenant"),
        pytest.param({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt", id="past"),
        pytest.param({"expiresAt": "2999-01-01T00:00:00Z"}, "expiresAt", id="too-late"),
        pytest.param({"expiresAt": "2999-01-01T00:00:00"}, "expiresAt", id="no-time-zone"),
    ],
)
def test_what_a_token_cannot_be(place: Place, given: dict[str, Any], field: str) -> None:
    assert refused(place, place.member("operator"), **given) == field


def test_a_tenant_out_of_reach_is_told_as_one_that_is_not_there(place: Place) -> None:
    operator = place.member("operator")
    other = place.add_tenant(str(uuid4()), "hidden.example")
    hidden = asked(place, operator, tenantIds=[other.tenant_id])
    assert hidden == asked(place, operator, tenantIds=[ids.encode("Tenant", uuid4())])


def test_tokens_of_others_take_the_capability(place: Place) -> None:
    operator, manager = place.member("operator"), place.member("manager")
    token, node = made(place, operator)
    revoke = {"tokenId": node["id"]}
    assert codes(place.ask(REVOKE, manager, input=revoke)) == ["FORBIDDEN"]
    stranger = place.atlas.new_place(provider=False)
    assert codes(stranger.ask(REVOKE, input=revoke)) == ["NOT_FOUND"]
    absent = {"tokenId": ids.encode("ApiToken", uuid4())}
    assert codes(stranger.ask(REVOKE, input=absent)) == ["NOT_FOUND"]
    assert works(place, token)
    assert codes(place.ask(THEIRS, manager, id=place.workspace_id)) == ["FORBIDDEN"]
    listed = place.ask(THEIRS, id=place.workspace_id)["data"]["workspace"]["tokens"]["nodes"]
    assert [entry["name"] for entry in listed] == ["made"]
    assert codes(place.ask(REVOKE, input=revoke)) == []
    assert not works(place, token)
    query = """query A($id: ID!) { workspace(id: $id) { auditEntries(first: 9) {
      nodes { action details resource { id } } } } }"""
    trail = place.ask(query, id=place.workspace_id)["data"]["workspace"]["auditEntries"]["nodes"]
    assert [(e["action"], (e["resource"] or {}).get("id")) for e in trail] == [
        ("token.revoked", node["uuid"]),
        ("mutation.refused", None),
        ("token.created", node["uuid"]),
    ]


def test_a_token_for_all_workspaces_is_nobodys_business_but_its_users(place: Place) -> None:
    operator = place.member("operator")
    (node,) = place.ask(MINE, operator)["data"]["viewer"]["tokens"]["nodes"]
    assert place.ask(THEIRS, id=place.workspace_id)["data"]["workspace"]["tokens"]["nodes"] == []
    assert codes(place.ask(REVOKE, input={"tokenId": node["id"]})) == ["NOT_FOUND"]
    assert codes(place.ask(REVOKE, operator, input={"tokenId": node["id"]})) == []
    assert not works(place, operator)


def test_there_are_so_many_tokens_however_many_are_made_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_tokens, "MOST", 3)
    with ThreadPoolExecutor(8) as pool:
        made_at_once = [found["__typename"] for found in pool.map(lambda _: asked(place), range(8))]
    assert (made_at_once.count("CreateTokenPayload"), made_at_once.count("ValidationError")) == (3, 5)


def test_what_a_limited_token_made_for_another_workspace_ends_with_it(
    place: Place, atlas: Any, admin_url: str
) -> None:
    """Even when its user is a member there no more, and sees none of its audit trail."""
    elsewhere = atlas.new_place(provider=False)
    join(place, elsewhere)
    parent = atlas.call(
        lambda tx: tokens.create(
            tx,
            user_id=place.user,
            name="limited",
            plane="workspace",
            expires_at=datetime.now(UTC) + timedelta(days=1),
            within=Bounds(capabilities=frozenset({"runs.view"})),
        )
    )
    child, _ = made(elsewhere, parent)
    hashes = [tokens.hash_of(parent), tokens.hash_of(child)]
    ended = "SELECT id FROM api_tokens WHERE hash = ANY (%s) AND revoked_at IS NOT NULL"
    audited = "SELECT workspace_id FROM audit_entries WHERE action = 'token.revoked' AND actor_id = %s"
    with psycopg.connect(admin_url, autocommit=True) as connection:
        (of_parent,) = connection.execute("SELECT id FROM api_tokens WHERE hash = %s", hashes[:1]).fetchone()
        connection.execute(
            "DELETE FROM memberships WHERE user_id = %s AND workspace_id = %s",
            (place.user, elsewhere.workspace),
        )
        assert codes(place.ask(REVOKE, input={"tokenId": ids.encode("ApiToken", of_parent)})) == []
        assert len(connection.execute(ended, (hashes,)).fetchall()) == 2
        found = {workspace for (workspace,) in connection.execute(audited, (place.user,)).fetchall()}
    assert found == {None, elsewhere.workspace}


def test_a_token_outlives_its_users_membership(place: Place) -> None:
    """It opens nothing, and it can still be seen whose it is, and be revoked."""
    operator = place.member("operator")
    token, node = made(place, operator)
    member = who(place, operator)
    altered(place, "removeMember", memberId=member["id"])
    assert codes(place.ask(THEIRS, token, id=place.workspace_id)) == ["NOT_FOUND"]
    query = "query T($id: ID!) { workspace(id: $id) { tokens { nodes { id owner { name } } } } }"
    (found,) = place.ask(query, id=place.workspace_id)["data"]["workspace"]["tokens"]["nodes"]
    assert found == {"id": node["id"], "owner": {"name": member["userName"]}}
    revoked = place.ask(REVOKE, input={"tokenId": node["id"]})["data"]["revokeToken"]["apiToken"]
    assert revoked["revokedAt"] is not None


def test_a_token_of_the_platform_is_not_there(place: Place, admin_url: str) -> None:
    token = place.member("owner", plane="platform")
    with psycopg.connect(admin_url) as connection:
        (row,) = connection.execute("SELECT id FROM api_tokens WHERE hash = %s", (tokens.hash_of(token),))
    node_id = ids.encode("ApiToken", row[0])
    assert place.ask("query N($id: ID!) { node(id: $id) { id } }", id=node_id)["data"]["node"] is None
    assert codes(place.ask(REVOKE, input={"tokenId": node_id})) == ["NOT_FOUND"]


def test_a_run_of_a_limited_token_is_started_within_its_bounds(place: Place) -> None:
    token, _ = made(place, capabilities=["runs.view", "backups.create", "backups.view"])
    started = place.start("fetchAssignments", {"tenantId": place.tenant_id}, token)
    assert place.wait(started["run"]["id"])["outcome"] == "SUCCEEDED"
    reader, _ = made(place, capabilities=["runs.view"])
    start = """mutation S($input: FetchAssignmentsInput!) {
      fetchAssignments(input: $input) { __typename } }"""
    assert codes(place.ask(start, reader, input={"tenantId": place.tenant_id})) == ["FORBIDDEN"]


def test_the_database_refuses_bounds_without_a_workspace(place: Place, admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "UPDATE api_tokens SET tenant_ids = ARRAY[%s]::uuid[] WHERE user_id = %s",
            (place.tenant, place.user),
        )


def test_bounds_only_take_away() -> None:
    tenant = UUID(int=1)
    bound = Bounds(capabilities=frozenset({"runs.view"}), tenants=frozenset({tenant}))
    assert bound.of(frozenset({"runs.view", "runs.cancel"})) == {"runs.view"}
    assert (bound.hold_tenant(tenant), bound.hold_tenant(UUID(int=2))) == (True, False)


def test_the_last_use_is_written_in_the_background_once_for_many_requests(
    test_database: Any, simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "EVERY", 0.1)
    with installation(test_database, simulator=simulator, worker=False) as atlas:
        place = atlas.new_place(provider=False)
        query = "{ viewer { tokens { nodes { lastUsedAt } } } }"
        seen = set()
        end = time.monotonic() + 10
        while time.monotonic() < end and len(seen) < 2:
            seen.add(place.ask(query)["data"]["viewer"]["tokens"]["nodes"][0]["lastUsedAt"])
        for _ in range(30):
            seen.add(place.ask(query)["data"]["viewer"]["tokens"]["nodes"][0]["lastUsedAt"])
        assert len(seen) == 2
        assert None in seen
