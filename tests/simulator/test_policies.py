"""Policies and assignments, through HTTP: what is read, what a write does, what is refused."""

from __future__ import annotations

import json
import uuid

import pytest

from atlas_gql.simulator import DEMO_TENANT
from atlas_gql.simulator.table import ALL_DEVICES, ALL_USERS

GROUP = "bbbbbbbb-0000-4000-8000-000000000009"
CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"
CATALOG = "/beta/deviceManagement/configurationPolicies"
APPS = "/beta/deviceAppManagement/mobileApps"
AUTOPILOT = "/beta/deviceManagement/windowsAutopilotDeploymentProfiles"


def group(key: str = GROUP, **more) -> dict:
    return {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": key, **more}


def excluded(key: str = GROUP, **more) -> dict:
    return {"@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": key, **more}


def filtered(filter_id: str | None, mode: str) -> dict:
    return {
        "deviceAndAppManagementAssignmentFilterId": filter_id,
        "deviceAndAppManagementAssignmentFilterType": mode,
    }


def ids(graph, path: str) -> dict[str, str]:
    """Ids by name, of all pages."""
    found, url = {}, path
    while url:
        page = graph.get(url).json()
        found |= {item.get("displayName") or item["name"]: item["id"] for item in page["value"]}
        url = page.get("@odata.nextLink")
    return found


def filter_id(graph, name: str = "Corporate Windows") -> str:
    return ids(graph, "/beta/deviceManagement/assignmentFilters")[name]


def test_assign_leaves_what_comes_from_a_policy_set(graph):
    key = ids(graph, CONFIGURATIONS)["iOS - Office Wi-Fi"]
    graph.post(f"{CONFIGURATIONS}/{key}/assign", json={"assignments": [{"target": group()}]})
    stored = graph.get(f"{CONFIGURATIONS}/{key}/assignments").json()["value"]
    assert [(a["source"], a["target"]["groupId"] == GROUP) for a in stored] == [
        ("policySets", False),
        ("direct", True),
    ]


def test_of_two_elements_for_one_group_the_later_is_ignored(graph):
    key = ids(graph, CONFIGURATIONS)["iOS - Office Wi-Fi"]
    chosen = filter_id(graph, "Supervised iPads")
    elements = [{"target": group(**filtered(chosen, "include"))}, {"target": excluded(GROUP.upper())}]
    answer = graph.post(f"{CONFIGURATIONS}/{key}/assign", json={"assignments": elements})
    direct = [a for a in answer.json()["value"] if a["source"] == "direct"]
    assert [a["target"] for a in direct] == [group(**filtered(chosen, "include"))]


def test_an_app_takes_one_group_once_per_intent(graph):
    key = ids(graph, APPS)["Terminal"]
    elements = [
        {"intent": "required", "target": group(), "settings": None},
        {"intent": "available", "target": group()},
        {"intent": "available", "target": group()},
        {"intent": "required", "target": excluded()},
    ]
    graph.post(f"{APPS}/{key}/assign", json={"mobileAppAssignments": elements})
    stored = graph.get(f"{APPS}/{key}/assignments").json()["value"]
    assert [a["id"] for a in stored] == [f"{GROUP}_1_0", f"{GROUP}_0_0", f"{GROUP}_1_1"]


def test_extra_fields_are_kept_verbatim(graph):
    path = "/beta/deviceManagement/deviceHealthScripts"
    key = ids(graph, path)["Remediation - Disk space"]
    schedule = {"@odata.type": "#microsoft.graph.deviceHealthScriptHourlySchedule", "interval": 3}
    sent = {"runRemediationScript": True, "runSchedule": schedule, "target": group()}
    graph.post(f"{path}/{key}/assign", json={"deviceHealthScriptAssignments": [sent]})
    (stored,) = graph.get(f"{path}/{key}/assignments").json()["value"]
    assert (stored["runRemediationScript"], stored["runSchedule"]) == (True, schedule)

    key = ids(graph, APPS)["Terminal"]
    settings = {"@odata.type": "#microsoft.graph.winGetAppAssignmentSettings", "unheardOf": [1, {"a": None}]}
    sent = {"intent": "uninstall", "settings": settings, "target": group()}
    graph.post(f"{APPS}/{key}/assign", json={"mobileAppAssignments": [sent]})
    (stored,) = graph.get(f"{APPS}/{key}/assignments").json()["value"]
    assert (stored["intent"], stored["settings"]) == ("uninstall", settings)


def test_autopilot_items_are_added_and_deleted_one_by_one(graph):
    key = ids(graph, AUTOPILOT)["Autopilot - Kiosk"]
    (before,) = graph.get(f"{AUTOPILOT}/{key}/assignments").json()["value"]
    added = graph.post(f"{AUTOPILOT}/{key}/assignments", json={"target": group()})
    assert (added.status_code, added.json()["target"]["groupId"]) == (201, GROUP)
    again = graph.post(f"{AUTOPILOT}/{key}/assignments", json={"target": group()})
    assert again.json()["id"] != added.json()["id"], "a repeated POST doubles"
    assert graph.delete(f"{AUTOPILOT}/{key}/assignments/{before['id']}").status_code == 204
    assert graph.delete(f"{AUTOPILOT}/{key}/assignments/{before['id']}").status_code == 404
    left = graph.get(f"{AUTOPILOT}/{key}/assignments").json()["value"]
    assert [a["id"] for a in left] == [added.json()["id"], again.json()["id"]]


def test_settings_catalog_comes_in_pages_of_25(graph):
    first = graph.get(f"{CATALOG}?$expand=assignments&$top=500").json()
    assert (len(first["value"]), first["@odata.count"]) == (25, 25)
    assert first["@odata.nextLink"].startswith(f"{graph.base_url}{CATALOG}?")
    rest = graph.get(first["@odata.nextLink"]).json()
    assert (len(rest["value"]), rest["@odata.count"], "@odata.nextLink" in rest) == (4, 4, False)
    assert all("assignments" in policy for policy in rest["value"])
    assert len({policy["id"] for policy in first["value"] + rest["value"]}) == 29


def test_top_is_the_size_of_a_page(graph):
    page = graph.get(f"{CONFIGURATIONS}?$top=10").json()
    rest = graph.get(page["@odata.nextLink"]).json()
    assert (len(page["value"]), len(rest["value"]), "@odata.nextLink" in rest) == (10, 4, False)


def test_select_and_filter(graph):
    page = graph.get(CATALOG, params={"$filter": "name eq 'browser - edge kiosk'", "$select": "name"}).json()
    assert page["value"] == [{"name": "Browser - Edge kiosk"}]
    assert page["@odata.context"].endswith("configurationPolicies(name)")
    assigned = graph.get(APPS, params={"$filter": "isAssigned eq false"}).json()
    assert assigned["value"] == []


@pytest.mark.parametrize(
    "query",
    [
        "$orderby=displayName",
        "expand=assignments",
        "$expand=settings",
        "$select=nonsense",
        "$top=0",
        "$top=x",
        "$top=1&$top=2",
        "$filter=displayName ne 'x'",
        "$filter=name eq 'x'",
        "$skiptoken=MjU6eA",
        "$skiptoken=!",
    ],
)
def test_a_wrong_query_is_refused(graph, query):
    answer = graph.get(f"{CONFIGURATIONS}?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_a_skip_token_counts_for_its_own_list_only(graph):
    token = graph.get(f"{CONFIGURATIONS}?$top=1").json()["@odata.nextLink"].split("$skiptoken=")[1]
    assert graph.get(f"{CONFIGURATIONS}?$skiptoken={token}").status_code == 200
    assert graph.get(f"{APPS}?$skiptoken={token}").status_code == 400


UNKNOWN_FILTER = str(uuid.UUID(int=1))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param({"deviceConfigurationAssignments": []}, "must name the parameter", id="wrong-key"),
        pytest.param({"assignments": [], "more": 1}, "not a valid parameter", id="second-key"),
        pytest.param({"assignments": {}}, "not a collection", id="no-list"),
        pytest.param([], "must name the parameter", id="no-object"),
        pytest.param({"assignments": [{}]}, "must have a target", id="no-target"),
        pytest.param(
            {"assignments": [{"target": group("not-a-guid")}]},
            "Invalid GroupId : not-a-guid provided, a valid AADGroupId is expected.",
            id="group-id",
        ),
        pytest.param({"assignments": [{"target": {"groupId": GROUP}}]}, "of the type ''", id="untyped"),
        pytest.param({"assignments": [{"target": group(x=1)}]}, "'x' does not exist", id="target-field"),
        pytest.param({"assignments": [{"target": group(), "x": 1}]}, "'x' does not exist", id="field"),
        pytest.param({"assignments": [{"target": group(), "intent": "required"}]}, "'intent'", id="intent"),
        pytest.param(
            {"assignments": [{"target": group(**filtered(UNKNOWN_FILTER, "include"))}]},
            "was not found",
            id="unknown-filter",
        ),
        pytest.param(
            {"assignments": [{"target": group(**filtered(None, "include"))}]}, "both", id="half-filter"
        ),
        pytest.param(
            {"assignments": [{"target": group(**filtered(UNKNOWN_FILTER, "none"))}]}, "both", id="other-half"
        ),
        pytest.param(
            {"assignments": [{"target": excluded(**filtered(UNKNOWN_FILTER, "include"))}]},
            "An exclusion cannot have",
            id="filtered-exclusion",
        ),
    ],
)
def test_a_wrong_assign_is_refused_and_changes_nothing(graph, body, text):
    key = ids(graph, CONFIGURATIONS)["iOS - Office Wi-Fi"]
    before = graph.get(f"{CONFIGURATIONS}/{key}/assignments").json()
    answer = graph.post(f"{CONFIGURATIONS}/{key}/assign", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert text in answer.json()["error"]["message"]
    assert graph.get(f"{CONFIGURATIONS}/{key}/assignments").json() == before


def test_one_wrong_element_spoils_the_whole_set(graph):
    key = ids(graph, CONFIGURATIONS)["iOS - Office Wi-Fi"]
    before = graph.get(f"{CONFIGURATIONS}/{key}/assignments").json()
    body = {"assignments": [{"target": group()}, {"target": group("x")}]}
    assert graph.post(f"{CONFIGURATIONS}/{key}/assign", json=body).status_code == 400
    assert graph.get(f"{CONFIGURATIONS}/{key}/assignments").json() == before


def test_intune_nests_its_errors(graph):
    key = ids(graph, CATALOG)["Baseline - BitLocker"]
    activity = str(uuid.uuid4())
    answer = graph.post(
        f"{CATALOG}/{key}/assign",
        json={"assignments": [{"target": group("x")}]},
        headers={"client-request-id": activity},
    )
    error = answer.json()["error"]
    nested = json.loads(error["message"])
    assert list(nested) == [
        "_version",
        "Message",
        "CustomApiErrorPhrase",
        "RetryAfter",
        "ErrorSourceService",
        "HttpHeaders",
    ]
    assert error["message"].startswith('{\r\n  "_version": 3,\r\n  "Message": "Invalid GroupId : x ')
    assert nested["Message"].endswith(
        f"- Activity ID: {activity} - Url: https://fef.msub09.manage.microsoft.com/DeviceConfigV2/"
        f"DCV2GraphService/{DEMO_TENANT.id}/deviceManagement/configurationPolicies('{key}')"
        "/microsoft.management.services.api.assign?api-version=5025-10-14"
    )
    assert error["innerError"]["client-request-id"] == answer.headers["client-request-id"] == activity
    assert error["innerError"]["request-id"] == answer.headers["request-id"]
    assert json.loads(answer.headers["x-ms-ags-diagnostic"])["ServerInfo"]["DataCenter"] == "Simulator"


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        pytest.param(
            "POST",
            CONFIGURATIONS + "/{id}/assignments",
            400,
            "No OData route exists that match template ~/singleton/navigation/key/navigation with http verb "
            "POST for request /DeviceConfiguration_2601/StatelessDeviceConfigurationFEService/"
            "deviceManagement/deviceConfigurations('{id}')/assignments.",
            id="items-on-an-assign-kind",
        ),
        pytest.param("POST", AUTOPILOT + "/{id}/assign", 400, "No OData route", id="assign-on-an-items-kind"),
        pytest.param("PUT", CONFIGURATIONS + "/{id}", 400, "No OData route", id="verb"),
        pytest.param("GET", CONFIGURATIONS + "/" + GROUP, 404, "was not found", id="policy"),
        pytest.param("GET", CONFIGURATIONS + "/{id}/assignments/x", 404, "was not found", id="assignment"),
        pytest.param("GET", "/beta/deviceManagement/nothing", 404, "segment 'nothing'", id="segment"),
        pytest.param(
            "GET", "/beta/deviceManagement/deviceconfigurations", 404, "deviceconfigurations", id="case"
        ),
        pytest.param("GET", "/beta/deviceManagement", 404, "segment 'deviceManagement'", id="root"),
        pytest.param("GET", "/deviceManagement/deviceConfigurations", 404, "Invalid version", id="version"),
        pytest.param("GET", "/v1.0/deviceManagement/assignmentFilters", 404, "segment", id="beta-filters"),
        pytest.param("GET", CATALOG.replace("beta", "v1.0"), 404, "segment", id="beta-only-read"),
        pytest.param("POST", CATALOG.replace("beta", "v1.0"), 405, "not allowed", id="beta-only-write"),
    ],
)
def test_what_is_not_there(graph, method, path, status, text):
    listed = AUTOPILOT if path.startswith(AUTOPILOT) else CONFIGURATIONS
    key = graph.get(f"{listed}?$top=1").json()["value"][0]["id"]
    answer = graph.request(method, path.replace("{id}", key))
    assert answer.status_code == status
    assert text.replace("{id}", key) in answer.json()["error"]["message"]


def test_a_body_must_be_json(graph):
    key = graph.get(f"{CONFIGURATIONS}?$top=1").json()["value"][0]["id"]
    url = f"{CONFIGURATIONS}/{key}/assign"
    assert graph.post(url).status_code == 400
    assert graph.post(url, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert graph.post(url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_v1_knows_no_filters_and_so_loses_them(graph):
    """A write through v1.0 reaches further than what it replaces: the reason to use beta."""
    key = ids(graph, CONFIGURATIONS)["Windows - Edition upgrade"]
    path = f"/deviceManagement/deviceConfigurations/{key}"
    (old,) = graph.get(f"/v1.0{path}/assignments").json()["value"]
    assert (old.keys(), old["target"].keys()) == ({"id", "target"}, {"@odata.type", "groupId"})
    refused = graph.post(
        f"/v1.0{path}/assign", json={"assignments": [{"target": group(**filtered(None, "none"))}]}
    )
    assert refused.status_code == 400
    graph.post(f"/v1.0{path}/assign", json={"assignments": [{"target": old["target"]}]}).raise_for_status()
    (new,) = graph.get(f"/beta{path}/assignments").json()["value"]
    assert new["target"] == {**old["target"], **filtered(None, "none")}

    (app, *_) = graph.get("/v1.0/deviceAppManagement/mobileApps?$expand=assignments").json()["value"]
    assert app["assignments"][0].keys() == {"@odata.type", "id", "intent", "settings", "target"}


def test_a_token_serves_its_own_tenant_only(graph, second):
    mine, theirs = ids(graph, CONFIGURATIONS), ids(second, CONFIGURATIONS)
    shared = mine.keys() & theirs.keys()
    assert len(shared) == 7
    for name in shared:
        assert mine[name] != theirs[name]
        assert second.get(f"{CONFIGURATIONS}/{mine[name]}").status_code == 404


def test_pseudo_groups_stand_in_assignment_ids(graph):
    key = ids(graph, CONFIGURATIONS)["Windows - Root certificate"]
    stored = graph.get(f"{CONFIGURATIONS}/{key}/assignments").json()["value"]
    assert [a["id"] for a in stored] == [f"{key}_{ALL_USERS}", f"{key}_{ALL_DEVICES}"]
