"""Logins of OpenID Connect from end to end: who is invited comes in, and nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from atlas_gql.access import identities, invitations
from atlas_gql.schema import ids
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.issuers import AUDIENCE, Issuer, issuing
from support.loopback import loopback
from support.paths import DATA_DIR
from support.watching import by_sse

INVITE = """
mutation I($input: InviteMemberInput!) {
  inviteMember(input: $input) {
    __typename
    ... on InvitationPayload { invitation { id role email acceptedAt tenants { id } } }
    ... on ValidationError { field message }
  }
}"""
REVOKE = """
mutation R($input: RevokeInvitationInput!) {
  revokeInvitation(input: $input) { ... on InvitationPayload { invitation { revokedAt } } }
}"""
ME = "{ viewer { uuid name workspaces { nodes { id viewerCapabilities tenants { nodes { id } } } } } }"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase, simulator: Running, issuer: Issuer) -> Iterator[Installation]:
    named = ({"issuer": issuer.url, "audience": AUDIENCE},)
    with installation(database, simulator=simulator, oidc_issuers=named) as running:
        yield running


@pytest.fixture
def place(atlas: Installation, simulator: Running) -> Place:
    loopback.delete(f"{simulator.url}/_simulator/faults").raise_for_status()
    return atlas.new_place()


@pytest.fixture
def subject() -> str:
    return str(uuid4())


def status(place: Place, token: str) -> int:
    return place.atlas.post("{ viewer { uuid } }", token=token).status_code


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def asked(place: Place, token: str | None = None, **given: Any) -> dict[str, Any]:
    values = {"workspaceId": place.workspace_id, "role": "MANAGER", **given}
    answer = place.ask(INVITE, token, input=values)
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["inviteMember"]
    return result


def invited(place: Place, token: str | None = None, **given: Any) -> dict[str, Any]:
    result = asked(place, token, **given)
    assert result["__typename"] == "InvitationPayload", result
    invitation: dict[str, Any] = result["invitation"]
    return invitation


def sql(database: TestDatabase, statement: str, *values: Any) -> list[Any]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def test_a_stranger_stays_one_and_leaves_nothing(
    place: Place, issuer: Issuer, subject: str, database: TestDatabase
) -> None:
    before = sql(database, "SELECT count(*) FROM users")
    stranger = place.atlas.post(ME, token=issuer.token(sub=subject))
    nobody = place.atlas.post(ME, token="atlas_nothing")
    said = [
        (answer.status_code, answer.headers["www-authenticate"], answer.json()["errors"][0]["message"])
        for answer in (stranger, nobody)
    ]
    assert said[0] == said[1]
    assert said[0][0] == 401
    assert sql(database, "SELECT count(*) FROM users") == before


def test_who_is_invited_as_an_identity_comes_in(place: Place, issuer: Issuer, subject: str) -> None:
    invitation = invited(
        place, role="OPERATOR", tenantIds=[place.tenant_id], issuer=issuer.url, subject=subject
    )
    assert (invitation["acceptedAt"], invitation["tenants"]) == (None, [{"id": place.tenant_id}])
    token = issuer.token(sub=subject, name=f"Maria {subject}")
    viewer = place.ask(ME, token)["data"]["viewer"]
    (workspace,) = viewer["workspaces"]["nodes"]
    assert (viewer["name"], workspace["id"], workspace["tenants"]["nodes"]) == (
        f"Maria {subject}",
        place.workspace_id,
        [{"id": place.tenant_id}],
    )
    assert place.ask(ME, issuer.token(sub=subject, name="Another"))["data"]["viewer"] == viewer
    query = """query A($id: ID!) { workspace(id: $id) {
      auditEntries(first: 2) { nodes { action resource { id } actor { name } } } } }"""
    trail = place.ask(query, id=place.workspace_id)["data"]["workspace"]["auditEntries"]["nodes"]
    assert [(entry["action"], entry["actor"]["name"]) for entry in trail] == [
        ("invitation.accepted", viewer["name"]),
        ("invitation.created", f"owner {place.user}"),
    ]


def test_an_address_counts_only_when_it_is_verified(place: Place, issuer: Issuer, subject: str) -> None:
    address = f"{subject}@Example.com"
    invited(place, email=address)
    assert status(place, issuer.token(sub=subject, email=address)) == 401
    assert status(place, issuer.token(sub=subject, email=address, email_verified=False)) == 401
    assert status(place, issuer.token(sub=subject, email=address.lower(), email_verified=True)) == 200
    # Whoever has that address from now on is somebody else.
    other = issuer.token(sub=f"{subject}-2", email=address, email_verified=True)
    assert status(place, other) == 401


@pytest.mark.parametrize("end", ["revoked", "expired", "inviter-lost-it", "inviter-disabled"])
def test_an_invitation_that_counts_no_more(
    place: Place, issuer: Issuer, subject: str, database: TestDatabase, end: str
) -> None:
    owner = place.member("owner")
    invitation = invited(place, owner, issuer=issuer.url, subject=subject)
    key = ids.parse(invitation["id"])
    assert key is not None
    of = "(SELECT invited_by FROM invitations WHERE id = %s)"
    if end == "revoked":
        place.ask(REVOKE, input={"invitationId": invitation["id"]})
    else:
        statement = {
            "expired": "UPDATE invitations SET expires_at = now() WHERE id = %s",
            "inviter-lost-it": f"UPDATE memberships SET role = 'manager' WHERE user_id = {of}",
            "inviter-disabled": f"UPDATE users SET disabled_at = now() WHERE id = {of}",
        }[end]
        sql(database, statement, key.uuid)
    assert status(place, issuer.token(sub=subject)) == 401


def test_a_second_invitation_adds_and_takes_nothing_away(place: Place, issuer: Issuer, subject: str) -> None:
    token = issuer.token(sub=subject)
    other = place.atlas.new_place()
    for where, role in ((place, "MANAGER"), (other, "OWNER")):
        invited(where, role=role, issuer=issuer.url, subject=subject)
        assert status(place, token) == 200
    invited(place, role="READONLY", tenantIds=[place.tenant_id], issuer=issuer.url, subject=subject)
    shown = place.ask(ME, token)["data"]["viewer"]["workspaces"]["nodes"]
    capabilities = {workspace["id"]: workspace["viewerCapabilities"] for workspace in shown}
    assert "restores.execute" in capabilities[place.workspace_id]
    assert "members.manage" in capabilities[other.workspace_id]


@pytest.mark.parametrize("roles", [("READONLY", "MANAGER"), ("MANAGER", "READONLY")], ids="-then-".join)
def test_who_reaches_all_tenants_has_no_grants(
    place: Place, issuer: Issuer, subject: str, database: TestDatabase, roles: tuple[str, str]
) -> None:
    for role in roles:
        tenants = [place.tenant_id] if role == "READONLY" else None
        invited(place, role=role, tenantIds=tenants, issuer=issuer.url, subject=subject)
        assert status(place, issuer.token(sub=subject)) == 200
    user = place.ask(ME, issuer.token(sub=subject))["data"]["viewer"]["uuid"]
    held = "SELECT role FROM {} WHERE user_id = %s AND workspace_id = %s"
    found = [
        sql(database, held.format(table), user, place.workspace) for table in ("memberships", "tenant_grants")
    ]
    assert found == [[("manager",)], []]


def test_there_are_so_many_invitations_however_many_are_made_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST", 3)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: asked(place, email=f"{n}@b.example"), range(8))
        at_once = [found["__typename"] for found in answers]
    assert (at_once.count("InvitationPayload"), at_once.count("ValidationError")) == (3, 5)


def test_a_user_who_was_made_by_a_command_logs_in_when_linked(
    place: Place, issuer: Issuer, subject: str
) -> None:
    token, login = issuer.token(sub=subject), {"issuer": issuer.url, "subject": subject}
    assert status(place, token) == 401
    assert place.atlas.call(lambda tx: identities.link(tx, user_id=place.user, **login))
    assert place.ask(ME, token)["data"]["viewer"]["uuid"] == str(place.user)
    assert place.atlas.call(lambda tx: identities.unlink(tx, user_id=place.user, **login))
    assert status(place, token) == 401


def test_two_people_of_one_name(place: Place, issuer: Issuer, subject: str) -> None:
    names = set()
    for sub in (subject, subject + "-2"):
        invited(place, issuer=issuer.url, subject=sub)
        names.add(place.ask(ME, issuer.token(sub=sub, name=subject))["data"]["viewer"]["name"])
    assert len(names) == 2
    assert subject in names


def test_first_logins_at_once_make_one_user(
    place: Place, issuer: Issuer, subject: str, database: TestDatabase
) -> None:
    invited(place, issuer=issuer.url, subject=subject)
    token = issuer.token(sub=subject)
    body = {"query": "{ viewer { uuid } }"}

    async def all_at_once() -> list[int]:
        async with httpx.AsyncClient(trust_env=False) as client:
            url, headers = place.atlas.url + "/graphql", {"Authorization": f"Bearer {token}"}
            asking = (client.post(url, json=body, headers=headers) for _ in range(8))
            return [answer.status_code for answer in await asyncio.gather(*asking)]

    assert asyncio.run(all_at_once()) == [200] * 8
    counted = sql(database, "SELECT count(*) FROM identities WHERE subject = %s", subject)
    assert counted == [(1,)]


def test_who_is_disabled_is_let_in_no_more_whatever_waits(
    place: Place, issuer: Issuer, subject: str, database: TestDatabase
) -> None:
    invited(place, issuer=issuer.url, subject=subject)
    token = issuer.token(sub=subject)
    assert status(place, token) == 200
    of = "(SELECT user_id FROM identities WHERE subject = %s)"
    sql(database, f"UPDATE users SET disabled_at = now() WHERE id = {of}", subject)
    invited(place, issuer=issuer.url, subject=subject)
    assert status(place, token) == 401


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({}, "email", id="nobody"),
        pytest.param({"email": "a@b.example", "issuer": "i", "subject": "s"}, "email", id="both"),
        pytest.param({"email": "nonsense"}, "email", id="no-address"),
        pytest.param({"subject": "s"}, "issuer", id="no-issuer"),
        pytest.param({"subject": "", "issuer": "i"}, "subject", id="empty-subject"),
        pytest.param({"email": "a@b.example", "role": "OPERATOR"}, "tenants", id="no-tenants"),
        pytest.param(
            {"email": "a@b.example", "role": "OPERATOR", "tenantIds": [ids.encode("Tenant", uuid4())]},
            "tenantIds",
            id="absent-tenant",
        ),
    ],
)
def test_what_is_no_invitation(place: Place, given: dict[str, Any], field: str) -> None:
    assert asked(place, **given)["field"] == field


def test_who_may_invite_and_see_it(place: Place, issuer: Issuer, subject: str) -> None:
    given = {"workspaceId": place.workspace_id, "role": "MANAGER", "email": f"{subject}@b.example"}
    for role in ("manager", "operator", "readonly", None):
        assert codes(place.ask(INVITE, place.member(role), input=given)) == ["FORBIDDEN"]
    elsewhere = place.atlas.new_place(provider=False)
    assert codes(elsewhere.ask(INVITE, input=given)) == ["NOT_FOUND"]
    invitation = invited(place, email=f"{subject}@b.example")
    revoke = {"invitationId": invitation["id"]}
    assert codes(place.ask(REVOKE, place.member("manager"), input=revoke)) == ["FORBIDDEN"]
    assert codes(elsewhere.ask(REVOKE, input=revoke)) == ["NOT_FOUND"]
    query = "query Q($id: ID!) { workspace(id: $id) { invitations { nodes { email } } } }"
    seen = place.ask(query, place.member("manager"), id=place.workspace_id)
    assert [i["email"] for i in seen["data"]["workspace"]["invitations"]["nodes"]] == [given["email"]]
    assert codes(place.ask(query, place.member("operator"), id=place.workspace_id)) == ["FORBIDDEN"]


def test_nobody_gives_more_than_the_token_holds(place: Place, subject: str) -> None:
    create = """mutation C($input: CreateTokenInput!) {
      createToken(input: $input) { ... on CreateTokenPayload { token } } }"""
    given = {"workspaceId": place.workspace_id, "name": "n", "capabilities": ["members.manage"]}
    token = place.ask(create, input=given)["data"]["createToken"]["token"]
    assert asked(place, token, role="OWNER", email=f"{subject}@b.example")["field"] == "role"


def test_a_login_is_a_stranger_on_the_platform(place: Place, issuer: Issuer, subject: str) -> None:
    invited(place, role="OWNER", issuer=issuer.url, subject=subject)
    answer = place.atlas.post("{ viewer { uuid } }", token=issuer.token(sub=subject), path="/system/graphql")
    assert answer.status_code == 404


def test_the_platform_invites_a_first_owner_and_no_other(
    place: Place, issuer: Issuer, database: TestDatabase, subject: str
) -> None:
    operator = place.member(None, plane="platform")
    mutation = """mutation I($input: InviteFirstOwnerInput!) { inviteFirstOwner(input: $input) {
      ... on WorkspacePayload { workspace { id } } ... on ValidationError { field } } }"""

    def invite(sub: str, workspace: str) -> dict[str, Any]:
        given = {"workspaceId": workspace, "issuer": issuer.url, "subject": sub}
        answer = place.atlas.post(mutation, {"input": given}, token=operator, path="/system/graphql")
        result: dict[str, Any] = answer.json()["data"]["inviteFirstOwner"]
        return result

    assert invite(subject, place.workspace_id) == {"field": "workspaceId"}
    new = uuid4()
    sql(database, "INSERT INTO workspaces (id, name) VALUES (%s, %s)", new, str(new))
    for sub in (subject, subject + "-2"):
        assert "workspace" in invite(sub, ids.encode("Workspace", new))
    assert [status(place, issuer.token(sub=sub)) for sub in (subject, subject + "-2")] == [200, 401]


def test_what_is_watched_ends_with_the_login(place: Place, issuer: Issuer, subject: str) -> None:
    invited(place, issuer=issuer.url, subject=subject)
    now = int(time.time())
    token = issuer.token(sub=subject, exp=now - 58)  # two seconds more, of the clocks' difference
    text = "subscription S($id: ID!) { runsChanged(workspaceId: $id) { eventCursor } }"
    with by_sse(place.atlas.url, token, text, {"id": place.workspace_id}) as bodies:
        told = list(bodies)
    assert told[-1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert time.time() - now < 10


def test_a_run_of_a_login_remembers_the_user(
    place: Place, issuer: Issuer, subject: str, database: TestDatabase
) -> None:
    invited(place, issuer=issuer.url, subject=subject)
    token = issuer.token(sub=subject)
    started = place.start("fetchAssignments", {"tenantId": place.tenant_id}, token)
    assert place.wait(started["run"]["id"])["outcome"] == "SUCCEEDED"
    kept = "SELECT token_id, initiator_id FROM operation_runs WHERE id = %s"
    ((kept_token, initiator),) = sql(database, kept, started["run"]["uuid"])
    me = place.ask(ME, token)["data"]["viewer"]["uuid"]
    assert (kept_token, str(initiator)) == (None, me)
