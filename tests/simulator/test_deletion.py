"""Groups and policies that are renamed, deleted and restored while Atlas is not looking."""

from __future__ import annotations

import pytest

from atlas_gql.simulator import DEMO_TENANT, Registration

DELETED = "/v1.0/directory/deletedItems"
APPS = "/beta/deviceAppManagement/mobileApps"
CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"
AUTOPILOT = "/beta/deviceManagement/windowsAutopilotDeploymentProfiles"


@pytest.fixture
def group(graph) -> dict:
    params = {"$filter": "displayName eq 'Warehouse Tablets'"}
    return graph.get("/v1.0/groups", params=params).json()["value"][0]


def assignments_to(graph, group_id: str) -> list[dict]:
    apps = graph.get(f"{APPS}?$expand=assignments").json()["value"]
    return [a for app in apps for a in app["assignments"] if a["target"].get("groupId") == group_id]


def test_a_deleted_group_is_kept_for_30_days(graph, control, group, take_token):
    path = f"/v1.0/groups/{group['id']}"
    before = assignments_to(graph, group["id"])
    assert graph.delete(path).status_code == 204
    assert (graph.get(path).status_code, graph.delete(path).status_code) == (404, 404)
    by_ids = graph.post("/v1.0/directoryObjects/getByIds", json={"ids": [group["id"]]})
    assert by_ids.json()["value"] == []
    (listed,) = graph.get(f"{DELETED}/microsoft.graph.group").json()["value"]
    assert (listed["id"], listed["displayName"]) == (group["id"], "Warehouse Tablets")
    assert graph.get(f"{DELETED}/{group['id']}?$select=id").json()["id"] == group["id"]
    assert assignments_to(graph, group["id"]) == before, "Intune keeps what points at it"

    control.post("/_simulator/clock", json={"advance": 30 * 86400 + 1}).raise_for_status()
    token = take_token(control, DEMO_TENANT.id).json()["access_token"]
    graph.headers["Authorization"] = f"Bearer {token}"
    assert graph.get(f"{DELETED}/microsoft.graph.group").json()["value"] == []
    assert graph.post(f"{DELETED}/{group['id']}/restore").status_code == 404


def test_a_restored_group_is_back_but_apps_have_lost_their_settings(graph, group):
    settings = [a["settings"] for a in assignments_to(graph, group["id"])]
    graph.delete(f"/v1.0/groups/{group['id']}").raise_for_status()
    graph.post(f"{DELETED}/{group['id']}/restore").raise_for_status()
    assert graph.get(f"/v1.0/groups/{group['id']}").json()["displayName"] == group["displayName"]
    assert graph.get(f"{DELETED}/{group['id']}").status_code == 404
    assert any(settings)
    assert [a["settings"] for a in assignments_to(graph, group["id"])] == [None] * len(settings)


def test_a_group_can_go_for_good(graph, group):
    graph.delete(f"/v1.0/groups/{group['id']}").raise_for_status()
    assert graph.delete(f"{DELETED}/{group['id']}").status_code == 204
    assert graph.get(f"{DELETED}/{group['id']}").status_code == 404


def test_a_deleted_group_survives_an_export(graph, control, group):
    graph.delete(f"/v1.0/groups/{group['id']}").raise_for_status()
    control.post("/_simulator/load", json=control.get("/_simulator/export").json()).raise_for_status()
    assert graph.get(f"{DELETED}/{group['id']}").status_code == 200


def test_a_group_is_renamed(graph, group):
    path = f"/v1.0/groups/{group['id']}"
    assert graph.patch(path, json={"displayName": "Tablets"}).status_code == 204
    for name, found in (("Warehouse Tablets", 0), ("Tablets", 1)):
        answer = graph.get("/v1.0/groups", params={"$filter": f"displayName eq '{name}'"})
        assert len(answer.json()["value"]) == found
    for wrong in ({}, {"displayName": ""}, {"displayName": 1}, {"mailNickname": "x"}, []):
        assert graph.patch(path, json=wrong).status_code == 400


def test_writing_groups_takes_a_role_of_its_own(control, take_token, sim, group):
    sim.state.tenants[DEMO_TENANT.id].registration = Registration(roles=frozenset({"Group.Read.All"}))
    bearer = take_token(control, DEMO_TENANT.id).json()["access_token"]
    headers = {"Authorization": f"Bearer {bearer}"}
    assert control.delete(f"/v1.0/groups/{group['id']}", headers=headers).status_code == 403
    assert control.get(f"{DELETED}/microsoft.graph.group", headers=headers).status_code == 200


def test_a_policy_is_renamed_and_deleted(graph):
    listed = graph.get(CONFIGURATIONS).json()["value"]
    path = f"{CONFIGURATIONS}/{listed[0]['id']}"
    renamed = graph.patch(path, json={"displayName": "Other name", "description": "why"})
    assert (renamed.status_code, renamed.json()["displayName"]) == (200, "Other name")
    found = graph.get(CONFIGURATIONS, params={"$filter": "displayName eq 'other name'"}).json()["value"]
    assert [policy["id"] for policy in found] == [listed[0]["id"]]
    assert graph.patch(path, json={"version": 3}).status_code == 400
    assert graph.delete(path).status_code == 204
    assert [graph.get(path).status_code, graph.delete(path).status_code] == [404, 404]
    assert graph.post(f"{path}/assign", json={"assignments": []}).status_code == 404
    assert len(graph.get(CONFIGURATIONS).json()["value"]) == len(listed) - 1


def test_an_autopilot_profile_cannot_be_deleted_while_it_is_assigned(graph):
    key = graph.get(f"{AUTOPILOT}?$top=1").json()["value"][0]["id"]
    assert graph.delete(f"{AUTOPILOT}/{key}").status_code == 400
    for assignment in graph.get(f"{AUTOPILOT}/{key}/assignments").json()["value"]:
        graph.delete(f"{AUTOPILOT}/{key}/assignments/{assignment['id']}").raise_for_status()
    assert graph.delete(f"{AUTOPILOT}/{key}").status_code == 204
