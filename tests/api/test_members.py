"""Members through the API: who is what, who may change it, and that a workspace keeps an owner."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.schema import ids
from atlas_gql.testing.installation import Installation, Place
from support.connecting import trail
from support.members import alter, altered, found, members, refusal, who

NOBODY = ids.encode("Member", uuid4())


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place(provider=False)


def test_members_are_listed_and_filtered(place: Place) -> None:
    other = place.add_tenant(str(uuid4()), "other.example")
    tokens = {role: place.member(role) for role in ("manager", "operator", "readonly")}
    nobody = who(place, place.member(None))
    everybody = found(place)
    assert [member["role"] for member in everybody] == ["MEMBER", "MANAGER", "MEMBER", "OWNER", "MEMBER"]
    operator = who(place, tokens["operator"])
    assert operator["grants"]["nodes"] == [{"role": "OPERATOR", "tenant": {"id": place.tenant_id}}]
    query = "query G($id: ID!) { node(id: $id) { ... on Member { grants { nodes { id } } } } }"
    (grant,) = place.ask(query, id=operator["id"])["data"]["node"]["grants"]["nodes"]
    node = "query N($id: ID!) { node(id: $id) { ... on TenantGrant { role grantedAt tenant { id } } } }"
    assert place.ask(node, id=grant["id"])["data"]["node"]["role"] == "OPERATOR"
    assert place.ask(node, tokens["operator"], **grant)["data"] == {"node": None}
    assert nobody["grants"] == {"nodes": []}

    def names(**filter: Any) -> list[str]:
        return [member["userName"].split()[0] for member in found(place, **filter)]

    assert names(role=["OWNER", "MANAGER"]) == ["manager", "owner"]
    assert names(tenantId=place.tenant_id) == ["manager", "operator", "owner", "readonly"]
    assert names(tenantId=other.tenant_id) == ["manager", "owner"]
    assert names(nameContains="ADON") == ["readonly"]
    assert names(nameContains="%") == []
    assert members(place, role=["MEMBER"])["data"]["workspace"]["members"]["totalCount"] == 3
    assert refusal(members(place, tenantId=place.workspace_id)) == "BAD_USER_INPUT"


def test_who_reaches_the_whole_workspace_sees_its_members(place: Place) -> None:
    owner = who(place)
    node = "query N($id: ID!) { node(id: $id) { ... on Member { userName email joinedAt disabledAt } } }"
    for role in ("operator", "readonly", None):
        token = place.member(role)
        assert refusal(members(place, token)) == "FORBIDDEN"
        assert place.ask(node, token, id=owner["id"])["data"] == {"node": None}
    assert members(place, place.member("manager"))["data"]["workspace"]["members"]["totalCount"] == 5
    seen = place.ask(node, id=owner["id"])["data"]["node"]
    assert (seen["userName"], seen["email"], seen["disabledAt"]) == (owner["userName"], None, None)
    stranger = place.atlas.new_place(provider=False)
    assert stranger.ask(node, id=owner["id"])["data"] == {"node": None}


def test_a_role_is_changed_and_grants_end_with_a_role_for_all(place: Place) -> None:
    token = place.member("operator")
    member = who(place, token)
    manager = altered(place, "changeMemberRole", memberId=member["id"], role="MANAGER")
    assert (manager["role"], manager["grants"]) == ("MANAGER", {"nodes": []})
    altered(place, "changeMemberRole", memberId=member["id"], role="MANAGER")
    assert len(members(place, token)["data"]["workspace"]["members"]["nodes"]) == 2
    back = altered(place, "changeMemberRole", memberId=member["id"], role="MEMBER")
    assert (back["role"], back["grants"]) == ("MEMBER", {"nodes": []})
    assert trail(place, member["userUuid"]) == [
        (
            "membership.changed",
            {"changes": {"role": {"old": "member", "new": "manager"}}, "revoked": [str(place.tenant)]},
        ),
        ("membership.changed", {"changes": {"role": {"old": "manager", "new": "member"}}}),
    ]


def test_tenants_are_granted_and_taken_away(place: Place) -> None:
    tenants = [place.tenant_id, place.add_tenant(str(uuid4()), "two.example").tenant_id]
    token = place.member(None)
    member = who(place, token)["id"]

    def granted(role: str, *given: str) -> list[tuple[str, str]]:
        made = altered(place, "grantTenants", memberId=member, tenantIds=list(given), role=role)
        return sorted((grant["tenant"]["id"], grant["role"]) for grant in made["grants"]["nodes"])

    assert granted("OPERATOR", *tenants, tenants[0]) == sorted((id_, "OPERATOR") for id_ in tenants)
    assert granted("READONLY", tenants[1]) == sorted([(tenants[0], "OPERATOR"), (tenants[1], "READONLY")])
    granted("READONLY", tenants[1])
    left = altered(place, "revokeGrants", memberId=member, tenantIds=tenants[:1])
    altered(place, "revokeGrants", memberId=member, tenantIds=tenants[:1])
    assert left["grants"]["nodes"] == [{"role": "READONLY", "tenant": {"id": tenants[1]}}]
    keys = [str(ids.parse(id_).uuid) for id_ in tenants]  # type: ignore[union-attr] # they are ids
    assert trail(place, who(place, token)["userUuid"]) == [
        ("membership.changed", {"role": "operator", "tenants": sorted(keys)}),
        ("membership.changed", {"role": "readonly", "tenants": [keys[1]]}),
        ("membership.changed", {"revoked": [keys[0]]}),
    ]


@pytest.mark.parametrize("mutation", ["grantTenants", "revokeGrants"])
def test_a_foreign_tenant_is_as_one_that_is_not_there(place: Place, mutation: str) -> None:
    member = who(place, place.member("operator"))
    more = {"role": "READONLY"} if mutation == "grantTenants" else {}
    foreign = place.atlas.new_place(provider=False).tenant_id
    for tenant in (foreign, ids.encode("Tenant", uuid4())):
        given = {"memberId": member["id"], "tenantIds": [place.tenant_id, tenant], **more}
        assert refusal(alter(place, mutation, **given)) == "NOT_FOUND"
    assert refusal(alter(place, mutation, memberId=member["id"], tenantIds=["x"], **more)) == "BAD_USER_INPUT"
    for tenants in ([], [place.tenant_id] * 1001):
        answer = alter(place, mutation, memberId=member["id"], tenantIds=tenants, **more)
        assert answer["data"][mutation]["field"] == "tenantIds"
    assert trail(place, member["userUuid"]) == []


def test_who_reaches_all_tenants_is_granted_none(place: Place) -> None:
    manager = who(place, place.member("manager"))
    answer = alter(
        place, "grantTenants", memberId=manager["id"], tenantIds=[place.tenant_id], role="OPERATOR"
    )
    assert answer["data"]["grantTenants"]["field"] == "memberId"


CHANGES: dict[str, dict[str, Any]] = {
    "changeMemberRole": {"role": "OWNER"},
    "grantTenants": {"tenantIds": [], "role": "OPERATOR"},
    "revokeGrants": {"tenantIds": []},
    "removeMember": {},
}


@pytest.mark.parametrize(("mutation", "given"), CHANGES.items())
def test_only_owners_change_members_and_refusals_are_audited(
    place: Place, mutation: str, given: dict[str, Any]
) -> None:
    """Nobody raises themselves: it takes what they would gain."""
    before = found(place)
    for role in ("manager", "operator", "readonly", None):
        token = place.member(role)
        for member in (who(place, token), who(place)):
            assert refusal(alter(place, mutation, token, memberId=member["id"], **given)) == "FORBIDDEN"
    stranger = place.atlas.new_place(provider=False)
    codes = {
        refusal(alter(place, mutation, stranger.token, memberId=id_, **given))
        for id_ in (before[0]["id"], NOBODY)
    }
    assert codes == {"NOT_FOUND"}
    assert refusal(alter(place, mutation, memberId=NOBODY, **given)) == "NOT_FOUND"
    assert refusal(alter(place, mutation, memberId="nonsense", **given)) == "BAD_USER_INPUT"
    assert who(place) == before[0]
    entries = place.ask(
        'query A($id: ID!) { workspace(id: $id) { auditEntries(filter: {actions: ["mutation.refused"]})'
        " { nodes { details } } } }",
        id=place.workspace_id,
    )["data"]["workspace"]["auditEntries"]["nodes"]
    assert [entry["details"] for entry in entries] == [
        {"mutation": mutation, "capability": "members.manage"}
    ] * 8


def test_the_last_owner_stays(place: Place) -> None:
    owner = who(place)
    for mutation, given in (
        ("changeMemberRole", {"memberId": owner["id"], "role": "MANAGER"}),
        ("removeMember", {"memberId": owner["id"]}),
        ("leaveWorkspace", {"workspaceId": place.workspace_id}),
    ):
        assert refusal(alter(place, mutation, **given)) == "LAST_OWNER"
    assert (who(place), trail(place, owner["userUuid"])) == (owner, [])


def test_an_owner_who_cannot_log_in_does_not_count(place: Place, admin_url: str) -> None:
    second = who(place, place.member("owner"))
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE users SET disabled_at = now() WHERE id = %s", (second["userUuid"],))
    assert refusal(alter(place, "leaveWorkspace", workspaceId=place.workspace_id)) == "LAST_OWNER"


def test_of_two_owners_who_remove_each_other_at_once_one_stays(atlas: Installation) -> None:
    """Whoever comes second has lost the right, or is the last; and nobody ends with an internal error."""
    for _ in range(8):
        place = atlas.new_place(provider=False)
        other = place.member("owner")
        first, second = who(place), who(place, other)
        start = threading.Barrier(2)

        def remove(token: str, member: str, place: Place = place, start: Any = start) -> dict[str, Any]:
            start.wait()
            return alter(place, "removeMember", token, memberId=member)

        with ThreadPoolExecutor(2) as pool:
            answers = [
                future.result()
                for future in (
                    pool.submit(remove, place.token, second["id"]),
                    pool.submit(remove, other, first["id"]),
                )
            ]
        done = [answer for answer in answers if "errors" not in answer]
        assert [answer["data"]["removeMember"]["__typename"] for answer in done] == ["DeletePayload"]
        (lost,) = (answer for answer in answers if answer not in done)
        assert refusal(lost) == "NOT_FOUND"
        with_token = place.token if answers[0] in done else other
        assert members(place, with_token)["data"]["workspace"]["members"]["totalCount"] == 1


def test_of_two_owners_who_leave_at_once_one_stays(atlas: Installation) -> None:
    for _ in range(8):
        place = atlas.new_place(provider=False)
        tokens = [place.token, place.member("owner")]
        start = threading.Barrier(2)

        def leave(token: str, place: Place = place, start: Any = start) -> str:
            start.wait()
            answer = alter(place, "leaveWorkspace", token, workspaceId=place.workspace_id)
            kind: str = answer["data"]["leaveWorkspace"]["__typename"]
            return kind

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(leave, tokens)) == ["DeletePayload", "LastOwner"]


def test_a_right_that_was_lost_since_the_request_came_does_not_count(
    place: Place, monkeypatch: pytest.MonkeyPatch, admin_url: str
) -> None:
    """The owner is demoted between the check of the capability and the change itself."""
    from atlas_gql.access import roles

    token, victim = place.member("owner"), who(place, place.member("manager"))
    demoted = who(place, token)["id"]
    held = roles.hold_members

    async def late(tx: Any, workspace_id: UUID) -> None:
        with psycopg.connect(admin_url) as connection:
            connection.execute(
                "UPDATE memberships SET role = 'manager' WHERE id = %s",
                (ids.parse(demoted).uuid,),  # type: ignore[union-attr]
            )
        await held(tx, workspace_id)

    monkeypatch.setattr(roles, "hold_members", late)
    assert refusal(alter(place, "removeMember", token, memberId=victim["id"])) == "FORBIDDEN"
    monkeypatch.setattr(roles, "hold_members", held)
    assert victim in found(place)


def test_every_member_may_leave_and_then_finds_nothing(place: Place) -> None:
    token = place.member("operator")
    member = who(place, token)
    assert altered(place, "leaveWorkspace", token, workspaceId=place.workspace_id) == member["id"]
    assert trail(place, member["userUuid"]) == [
        ("membership.removed", {"role": "member", "revoked": [str(place.tenant)]})
    ]
    for id_ in (place.workspace_id, ids.encode("Workspace", uuid4())):
        assert refusal(alter(place, "leaveWorkspace", token, workspaceId=id_)) == "NOT_FOUND"
    assert place.ask("{ viewer { workspaces { nodes { id } } } }", token)["data"]["viewer"] == {
        "workspaces": {"nodes": []}
    }


def test_a_member_is_removed_once(place: Place) -> None:
    token = place.member("readonly")
    member = who(place, token)
    assert altered(place, "removeMember", memberId=member["id"]) == member["id"]
    assert refusal(alter(place, "removeMember", memberId=member["id"])) == "NOT_FOUND"
    assert member not in found(place)
    tenant = "query T($id: ID!) { tenant(id: $id) { name } }"
    assert refusal(place.ask(tenant, token, id=place.tenant_id)) == "NOT_FOUND"
