"""What the tenants hold: the demo, loading, exporting, the journal."""

from __future__ import annotations

import json

import pytest

from atlas_gql.simulator import (
    DEMO_SECOND_TENANT,
    DEMO_TENANT,
    LoadError,
    Registration,
    demo_state,
    load_state,
)
from atlas_gql.simulator.table import KINDS

TENANT = "12345678-0000-4000-8000-000000000001"
CONFIGURATIONS = "deviceManagement/deviceConfigurations"
POLICY = "aaaaaaaa-0000-4000-8000-000000000001"
GROUP = "bbbbbbbb-0000-4000-8000-000000000009"
TARGET = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": GROUP}


def policy(**more) -> dict:
    return {"id": POLICY, "displayName": "Baseline", "unheardOf": {"a": [1]}, **more}


def write(root, files: dict, tenant: str = TENANT) -> None:
    for name, content in files.items():
        path = root / tenant / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def everything(tenant: str) -> list[tuple[str, str, dict]]:
    """(file, policy's name, assignment) of a demo tenant."""
    files = demo_state().export()[tenant]
    return [
        (path, item.get("displayName") or item["name"], assignment)
        for path in files
        if path.removesuffix(".json") in KINDS
        for item in files[path]["value"]
        for assignment in item["assignments"]
    ]


def test_the_same_seed_gives_the_same_demo():
    assert demo_state(seed=3).export() == demo_state(seed=3).export()
    assert demo_state(seed=3).export() != demo_state(seed=4).export()


def test_the_demo_holds_every_case_worth_showing():
    found = everything(DEMO_TENANT.id)
    targets = [assignment["target"] for _, _, assignment in found]
    kinds = {target["@odata.type"].removeprefix("#microsoft.graph.") for target in targets}
    assert kinds == {
        "groupAssignmentTarget",
        "exclusionGroupAssignmentTarget",
        "allDevicesAssignmentTarget",
        "allLicensedUsersAssignmentTarget",
    }
    modes = {target["deviceAndAppManagementAssignmentFilterType"] for target in targets}
    assert modes == {"none", "include", "exclude"}
    files = demo_state().export()[DEMO_TENANT.id]
    groups = {group["id"] for group in files["groups.json"]["value"]}
    orphans = {name for _, name, a in found if a["target"].get("groupId", GROUP) not in {*groups, GROUP}}
    assert orphans == {"macOS - Software updates", "Compliance - macOS"}
    assert {name for _, name, a in found if a.get("source") == "policySets"} == {
        "iOS - Office Wi-Fi",
        "OneDrive - Known folders",
    }
    apps = [a for path, _, a in found if path.endswith("mobileApps.json")]
    assert {a["intent"] for a in apps} == {"available", "required", "uninstall"}
    scripts = [a for path, _, a in found if path.endswith("deviceHealthScripts.json")]
    assert len({a["runSchedule"]["@odata.type"] for a in scripts}) == 3
    assert sum(len(files[path]["value"]) for path in files if path.removesuffix(".json") in KINDS) == 63


def test_the_second_tenant_has_the_same_names_and_other_ids():
    first, second = (demo_state().export()[t.id] for t in (DEMO_TENANT, DEMO_SECOND_TENANT))
    for path in (p for p in first if p.startswith("device")):
        one, other = first[path]["value"], second[path]["value"]
        names = [{item.get("displayName") or item["name"] for item in items} for items in (one, other)]
        assert names[1] < names[0]
        assert not {item["id"] for item in one} & {item["id"] for item in other}
    names = [group["displayName"] for group in second["groups.json"]["value"]]
    assert [name for name in names if names.count(name) > 1] == ["Kiosk Devices"] * 2


def test_a_directory_comes_back_as_it_was(tmp_path):
    assignment = {"id": f"{POLICY}_{GROUP}", "source": "direct", "target": TARGET, "odd": True}
    files = {
        "groups.json": {"@odata.context": "kept", "value": [{"id": GROUP, "displayName": "Pilot"}]},
        f"{CONFIGURATIONS}.json": {
            "value": [policy(**{"assignments@odata.context": "x", "assignments": [assignment]})]
        },
        "deviceManagement/deviceCategories.json": {"value": [{"anything": None}]},
        "notes.json": [1, 2],
    }
    write(tmp_path, files)
    (tmp_path / "README.txt").write_text("a stray file is no tenant")
    assert load_state(tmp_path).export() == {TENANT: files}


def test_an_assignment_without_an_id_gets_the_derived_one(tmp_path):
    write(tmp_path, {f"{CONFIGURATIONS}.json": {"value": [policy(assignments=[{"target": TARGET}])]}})
    (loaded,) = load_state(tmp_path).export()[TENANT][f"{CONFIGURATIONS}.json"]["value"]
    assert loaded["assignments"] == [{"id": f"{POLICY}_{GROUP}", "target": TARGET}]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("groups.json", "{", "groups.json is not JSON"),
        ("groups.json", [], 'groups.json is not of the form {"value": [...]}'),
        ("groups.json", {"value": [1]}, "groups.json: value[0] is not an object"),
        ("groups.json", {"value": [{"displayName": "x"}]}, "groups.json: value[0] has no id"),
        ("groups.json", {"value": [{"id": "x"}]}, "groups.json: value[0] has no displayName"),
        (
            "groups.json",
            {"value": [{"id": "x", "displayName": "x"}, {"id": "X", "displayName": "x"}]},
            "value[1] repeats the id X",
        ),
        (
            f"{CONFIGURATIONS}.json",
            {"value": [policy(assignments={})]},
            f"{CONFIGURATIONS}.json: value[0] has assignments that are not a list",
        ),
        (
            f"{CONFIGURATIONS}.json",
            {"value": [policy(assignments=[{}])]},
            f"{CONFIGURATIONS}.json: value[0].assignments[0] has no target",
        ),
        (
            f"{CONFIGURATIONS}.json",
            {"value": [policy(assignments=[{"target": {}}])]},
            "has a target without @odata.type",
        ),
        ("organization.json", {"value": []}, "organization.json does not hold exactly one organization"),
        ("organization.json", {"value": [{"id": "x"}]}, "id is not the tenant's GUID"),
        (
            "organization.json",
            {"value": [{"id": TENANT}]},
            "organization.json: verifiedDomains is not a list",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, content, text):
    write(tmp_path, {name: content})
    with pytest.raises(LoadError) as refused:
        load_state(tmp_path)
    assert text in str(refused.value)
    assert str(tmp_path / TENANT) in str(refused.value)


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(LoadError, match="nowhere is not a directory"):
        load_state(tmp_path / "nowhere")
    with pytest.raises(LoadError, match="holds no tenant"):
        load_state(tmp_path)
    write(tmp_path, {"groups.json": {"value": []}}, tenant="contoso")
    with pytest.raises(LoadError, match="'contoso' is not a tenant's GUID"):
        load_state(tmp_path)


def test_an_export_can_be_loaded_again(graph, control, pristine):
    assert control.get("/_simulator/export").json() == pristine
    key = graph.get(f"/beta/{CONFIGURATIONS}?$top=1").json()["value"][0]["id"]
    graph.post(f"/beta/{CONFIGURATIONS}/{key}/assign", json={"assignments": []}).raise_for_status()
    damaged = control.get("/_simulator/export").json()
    assert damaged != pristine
    one = {DEMO_TENANT.id: pristine[DEMO_TENANT.id]}
    assert control.post("/_simulator/load", json=one).status_code == 204
    assert control.get("/_simulator/export").json() == pristine


def test_loading_a_tenant_keeps_its_app_registration(control, sim, pristine):
    sim.state.tenants[DEMO_TENANT.id].registration = Registration(client_id="other")
    control.post("/_simulator/load", json=pristine).raise_for_status()
    assert sim.state.tenants[DEMO_TENANT.id].registration == Registration(client_id="other")


def test_a_tenant_can_be_added(control, take_token, sim):
    document = {TENANT: {"groups.json": {"value": [{"id": GROUP, "displayName": "Pilot"}]}}}
    assert control.post("/_simulator/load", json=document).status_code == 204
    try:
        bearer = take_token(control, TENANT).json()["access_token"]
        headers = {"Authorization": f"Bearer {bearer}"}
        groups = control.get("/v1.0/groups", headers=headers).json()["value"]
        assert groups == [{"id": GROUP, "displayName": "Pilot"}]
        assert control.get(f"/beta/{CONFIGURATIONS}", headers=headers).json()["value"] == []
        organization = control.get("/v1.0/organization", headers=headers).json()["value"]
        assert organization == [{"id": TENANT, "displayName": TENANT, "verifiedDomains": []}]
    finally:
        sim.state.tenants.pop(TENANT)


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"x": {}}', b'{"%s": 1}' % TENANT.encode()])
def test_a_wrong_document_changes_nothing(control, pristine, body):
    answer = control.post("/_simulator/load", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert control.get("/_simulator/export").json() == pristine


def test_the_journal_tells_every_call_of_graph(graph, control):
    graph.get("/v1.0/groups?$top=1", headers={"client-request-id": GROUP})
    graph.post(f"/beta/{CONFIGURATIONS}/{POLICY}/assign", json={"assignments": []})
    entries = control.get("/_simulator/journal").json()
    first, second = ({**entry, "time": None} for entry in entries)
    assert first == {
        "n": first["n"],
        "time": None,
        "method": "GET",
        "path": "/v1.0/groups",
        "query": "$top=1",
        "tenant": DEMO_TENANT.id,
        "status": 200,
        "clientRequestId": GROUP,
    }
    assert (second["n"], second["status"], second["body"]) == (first["n"] + 1, 404, {"assignments": []})
    assert control.delete("/_simulator/journal").status_code == 204
    assert control.get("/_simulator/journal").json() == []


def test_the_index_names_routes_and_tenants(control):
    text = control.get("/_simulator/").text
    for word in ("/_simulator/export", "/_simulator/faults", DEMO_TENANT.id, DEMO_SECOND_TENANT.name):
        assert word in text
