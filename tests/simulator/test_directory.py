"""Groups, look-ups of many ids, filters, the organization."""

from __future__ import annotations

import uuid

import pytest

from atlas_gql.simulator import DEMO_TENANT, Registration

EVENTUAL = {"ConsistencyLevel": "eventual"}
NOBODY = str(uuid.UUID(int=7))


def named(client, name: str, **params: str) -> list[dict]:
    quoted = name.replace("'", "''")
    answer = client.get("/v1.0/groups", params={"$filter": f"displayName eq '{quoted}'", **params})
    return answer.json()["value"]


def test_groups_are_found_by_name(graph, second):
    (found,) = named(graph, "Reception's Shared PCs", **{"$select": "id,displayName"})
    assert found == {"id": found["id"], "displayName": "Reception's Shared PCs"}
    assert graph.get(f"/v1.0/groups/{found['id']}?$select=displayName").json()["displayName"] == (
        "Reception's Shared PCs"
    )
    assert named(graph, "Nobody") == []
    assert len(named(second, "Kiosk Devices")) == 2


def test_the_three_kinds_of_group(graph):
    fields = {"$select": "groupTypes,membershipRule,securityEnabled"}
    assert named(graph, "Pilot Ring", **fields) == [
        {"groupTypes": [], "membershipRule": None, "securityEnabled": True}
    ]
    assert named(graph, "Sales", **fields) == [
        {"groupTypes": ["Unified"], "membershipRule": None, "securityEnabled": False}
    ]
    assert named(graph, "Finance", **fields) == [
        {
            "groupTypes": ["DynamicMembership"],
            "membershipRule": '(user.department -eq "Finance")',
            "securityEnabled": True,
        }
    ]


def test_a_list_of_groups_is_paged(graph):
    names, url = [], "/v1.0/groups?$top=7&$select=displayName"
    while url:
        page = graph.get(url).json()
        names += [group["displayName"] for group in page["value"]]
        url = page.get("@odata.nextLink")
    assert (len(names), len(set(names))) == (16, 16)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1.0/groups/{NOBODY}", 404, "Request_ResourceNotFound"),
        ("/v1.0/groups/not-a-guid", 400, "Request_BadRequest"),
        ("/v1.0/groups?$top=1000", 400, "Request_BadRequest"),
        ("/v1.0/groups?$skip=1", 400, "BadRequest"),
        ("/v1.0/groups?$filter=startswith(displayName,'x')", 400, "BadRequest"),
        ("/v1.0/groups?$count=true", 400, "Request_BadRequest"),
        ("/v1.0/groups/$count", 400, "Request_BadRequest"),
        (f"/v1.0/groups/{NOBODY}/owners", 404, "ResourceNotFound"),
        ("/v1.0/directoryObjects/getByIds", 405, "Request_BadRequest"),
        ("/v1.0/groups?$select=shoeSize", 400, "BadRequest"),
    ],
)
def test_the_directory_refuses(graph, path, status, code):
    answer = graph.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_groups_are_not_made_here(graph):
    assert graph.post("/v1.0/groups", json={}).status_code == 405


def test_counts_are_plain_numbers(graph):
    (group,) = named(graph, "Finance")
    for path, count in (("/v1.0/groups/$count", "16"), (f"/v1.0/groups/{group['id']}/members/$count", "74")):
        answer = graph.get(path, headers=EVENTUAL)
        assert (answer.text, answer.headers["Content-Type"].split(";")[0]) == (count, "text/plain")
    counted = graph.get("/v1.0/groups?$count=true&$top=1", headers=EVENTUAL).json()
    assert counted["@odata.count"] == 16
    assert "members@odata.count" not in group


def test_get_by_ids_leaves_out_what_is_not_there(graph):
    (group,) = named(graph, "Finance")
    body = {"ids": [group["id"], NOBODY, group["id"]], "types": ["group"]}
    answer = graph.post("/v1.0/directoryObjects/getByIds", json=body)
    assert [(found["@odata.type"], found["id"]) for found in answer.json()["value"]] == [
        ("#microsoft.graph.group", group["id"])
    ]
    assert answer.headers["x-ms-resource-unit"] == "3"
    none = graph.post("/v1.0/directoryObjects/getByIds", json={"ids": [group["id"]], "types": ["user"]})
    assert none.json()["value"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"ids": [NOBODY] * 1000}, 200, id="most"),
        pytest.param({"ids": [NOBODY] * 1001}, 400, id="too-many"),
        pytest.param({"ids": ["x"]}, 400, id="no-guid"),
        pytest.param({"id": [NOBODY]}, 400, id="wrong-key"),
    ],
)
def test_get_by_ids_takes_a_thousand_guids(graph, body, status):
    assert graph.post("/v1.0/directoryObjects/getByIds", json=body).status_code == status


def test_filters(graph):
    filters = graph.get("/beta/deviceManagement/assignmentFilters").json()["value"]
    assert len(filters) == 8
    item = graph.get(f"/beta/deviceManagement/assignmentFilters/{filters[0]['id']}").json()
    assert {name: value for name, value in item.items() if name != "@odata.context"} == filters[0]
    assert filters[0]["rule"] == '(device.deviceOwnership -eq "Corporate")'
    assert graph.get(f"/beta/deviceManagement/assignmentFilters/{NOBODY}").status_code == 404


def test_the_organization(graph):
    (organization,) = graph.get("/v1.0/organization").json()["value"]
    assert organization == {
        "id": DEMO_TENANT.id,
        "displayName": DEMO_TENANT.name,
        "verifiedDomains": [
            {"name": DEMO_TENANT.domain, "isDefault": True, "isInitial": True, "type": "Managed"}
        ],
    }


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/v1.0/groups", "GroupMember.Read.All"),
        ("POST", "/v1.0/directoryObjects/getByIds", "Directory.Read.All"),
        ("GET", "/v1.0/organization", "Organization.Read.All"),
    ],
)
def test_the_directory_asks_for_roles(control, take_token, sim, method, path, role):
    tenant = sim.state.tenants[DEMO_TENANT.id]
    found = []
    for roles in ({role}, {"DeviceManagementConfiguration.Read.All"}):
        tenant.registration = Registration(roles=frozenset(roles))
        bearer = take_token(control, tenant.id).json()["access_token"]
        json = {"ids": []} if method == "POST" else None
        answer = control.request(method, path, json=json, headers={"Authorization": f"Bearer {bearer}"})
        found.append((answer.status_code, answer.json().get("error", {}).get("code")))
    assert found == [(200, None), (403, "Authorization_RequestDenied")]
