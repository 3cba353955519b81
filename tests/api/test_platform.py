"""The platform plane: what it shows and does, and that the planes do not know each other's tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.schema import ids
from atlas_gql.settings import Settings
from atlas_gql.testing.installation import Place
from support.loopback import loopback

PATH = "/system/graphql"
RESULT = "__typename ... on ValidationError { field message }"


@pytest.fixture
def place(atlas: Any) -> Place:
    place: Place = atlas.new_place()
    return place


@pytest.fixture
def token(place: Place) -> str:
    return place.member(None, plane="platform")


def ask(place: Place, token: str, query: str, **variables: Any) -> dict[str, Any]:
    answer: dict[str, Any] = place.atlas.post(query, variables, token=token, path=PATH).json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def change(place: Place, token: str, mutation: str, shown: str, **given: Any) -> dict[str, Any]:
    kind = mutation[0].upper() + mutation[1:] + "Input"
    query = f"mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ {RESULT} {shown} }} }}"
    result: dict[str, Any] = ask(place, token, query, input=given)[mutation]
    return result


WORKSPACE = "... on WorkspacePayload { workspace { id uuid name ownerCount memberCount } }"
USER = "... on UserPayload { user { id uuid name email disabledAt } }"


@pytest.mark.parametrize("path", [PATH, "/graphql"])
def test_a_token_of_the_other_plane_is_a_stranger(place: Place, token: str, path: str) -> None:
    wrong = place.token if path == PATH else token
    answer = place.atlas.post("{ viewer { uuid } }", token=wrong, path=path)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    assert "data" not in answer.json()


@pytest.mark.parametrize("path", ["/schema.graphql", "/system/schema.graphql"])
def test_each_plane_gives_its_own_schema(place: Place, token: str, path: str) -> None:
    own, other = (token, place.token) if path.startswith("/system") else (place.token, token)
    url = place.atlas.url + path
    answers = [loopback.get(url, headers={"Authorization": f"Bearer {who}"}) for who in (own, other)]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert (
        answers[0].text
        == (
            Path(__file__).parents[2]
            / path.rsplit("/", 1)[1].replace("schema", "system" if path.startswith("/system") else "schema")
        ).read_text()
    )


def test_nobody_is_let_in_without_a_token(place: Place) -> None:
    answer = place.atlas.post("{ viewer { uuid } }", token=None, path=PATH)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_workspace_is_made_and_given_its_first_owner_once(place: Place, token: str) -> None:
    name, person = f"w {uuid4()}", f"p {uuid4()}"
    workspace = change(place, token, "createWorkspace", WORKSPACE, name=name)["workspace"]
    assert (workspace["name"], workspace["ownerCount"]) == (name, 0)
    user = change(place, token, "createUser", USER, name=person, email="p@example.com")["user"]
    given = {"workspaceId": workspace["id"], "userId": user["id"]}
    owned = change(place, token, "setFirstOwner", WORKSPACE, **given)["workspace"]
    assert (owned["ownerCount"], owned["memberCount"]) == (1, 1)
    again = change(place, token, "setFirstOwner", WORKSPACE, **given)
    assert again["field"] == "workspaceId"
    renamed = change(place, token, "renameWorkspace", WORKSPACE, workspaceId=workspace["id"], name=name + "!")
    assert renamed["workspace"]["name"] == name + "!"
    entries = ask(
        place,
        token,
        "{ auditEntries(first: 50) { nodes { action workspaceUuid resource { id } actor { kind } } } }",
    )["auditEntries"]["nodes"]
    of = workspace["uuid"]
    seen = [(e["action"], e["workspaceUuid"], e["resource"]["id"], e["actor"]["kind"]) for e in entries]
    assert [entry for entry in seen if {of, user["uuid"]} & set(entry)] == [
        ("workspace.renamed", of, of, "user"),
        ("workspace.owner_set", of, user["uuid"], "user"),
        ("user.created", None, user["uuid"], "user"),
        ("workspace.created", of, of, "user"),
    ]


def test_a_disabled_user_is_let_in_no_more_and_owns_nothing(place: Place, token: str) -> None:
    given = {"userId": ids.encode("User", place.user)}
    assert change(place, token, "disableUser", USER, **given)["user"]["disabledAt"] is not None
    assert place.atlas.post("{ viewer { uuid } }", token=place.token).status_code == 401
    query = "query W($id: ID!) { workspace(id: $id) { ownerCount } }"
    assert ask(place, token, query, id=place.workspace_id)["workspace"] == {"ownerCount": 0}
    assert change(place, token, "enableUser", USER, **given)["user"]["disabledAt"] is None
    assert place.atlas.post("{ viewer { uuid } }", token=place.token).status_code == 200


def test_nobody_disables_themselves(place: Place, token: str) -> None:
    me = ask(place, token, "{ viewer { uuid } }")["viewer"]["uuid"]
    refused = change(place, token, "disableUser", USER, userId=ids.encode("User", me))
    assert refused["field"] == "userId"


@pytest.mark.parametrize(
    ("mutation", "given", "field"),
    [
        pytest.param("createWorkspace", {"name": " "}, "name", id="no-name"),
        pytest.param("createUser", {"name": "n", "email": "no address"}, "email", id="no-address"),
        pytest.param(
            "renameWorkspace",
            {"workspaceId": ids.encode("Workspace", uuid4()), "name": "n"},
            "workspaceId",
            id="absent-workspace",
        ),
        pytest.param("disableUser", {"userId": ids.encode("User", uuid4())}, "userId", id="absent-user"),
    ],
)
def test_what_does_not_fit_is_refused(
    place: Place, token: str, mutation: str, given: dict[str, Any], field: str
) -> None:
    assert change(place, token, mutation, "", **given)["field"] == field


def test_a_name_that_is_taken(place: Place, token: str) -> None:
    name = f"workspace {place.workspace}"
    made = change(place, token, "createWorkspace", WORKSPACE, name=f"w {uuid4()}")["workspace"]
    for mutation, given in (
        ("createWorkspace", {"name": name}),
        ("renameWorkspace", {"workspaceId": made["id"], "name": name}),
    ):
        assert change(place, token, mutation, "", **given)["field"] == "name"


def test_secrets_are_not_among_the_settings(place: Place, token: str) -> None:
    shown = ask(place, token, "{ settings { name value secret } }")["settings"]
    assert [s["name"] for s in shown] == [f"ATLAS_{name.upper()}" for name in Settings.model_fields]
    secret = {s["name"] for s in shown if s["secret"]}
    assert secret == {"ATLAS_DATABASE_URL", "ATLAS_DATABASE_ADMIN_URL", "ATLAS_SECRET_KEY"}
    assert [s["value"] for s in shown if s["secret"]] == [None] * 3


def test_workers_and_what_they_are_made_of(place: Place, token: str) -> None:
    query = "{ workers { alive operations } plugins { name operations refused } operationTypes { type } }"
    data = ask(place, token, query)
    able = [set(worker["operations"]) for worker in data["workers"] if worker["alive"]]
    offered = {one["type"] for one in data["operationTypes"]}
    assert any(offered <= operations for operations in able)
    assert offered == {type_ for plugin in data["plugins"] for type_ in plugin["operations"]}


def test_lists_go_on_page_by_page(place: Place, token: str) -> None:
    query = """query P($after: String) { users(first: 2, after: $after) {
      nodes { name } pageInfo { hasNextPage endCursor } totalCount } }"""
    names, after = [], None
    while True:
        page = ask(place, token, query, after=after)["users"]
        names += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(names) == page["totalCount"]
    assert len(set(names)) == len(names)
