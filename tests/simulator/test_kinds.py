"""Every kind of policy in the table, walked: how it is read and written, and what it refuses."""

from __future__ import annotations

import pytest

from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT, Registration, full_state
from atlas_gql.simulator.assignments import ITEM_KEYS
from atlas_gql.simulator.kind import CLOUD_PC, GROUP, TARGETS, Expand
from atlas_gql.simulator.table import ALL_DEVICES, KINDS, ZERO, Write

ALL = [pytest.param(kind, id=kind.name) for kind in KINDS.values()]
SETS = [p for p in ALL if p.values[0].write is not Write.ITEMS and not p.values[0].assumed]
ITEMS = [p for p in ALL if p.values[0].write is Write.ITEMS]
GROUP_ID = "bbbbbbbb-0000-4000-8000-000000000009"
OTHER_ID = "bbbbbbbb-0000-4000-8000-00000000000a"
REQUIRED = {"mobileApps": {"intent": "required"}, "managedEBooks": {"installIntent": "available"}}
NO_SET = {
    "deviceShellScripts",
    "deviceCustomAttributeShellScripts",
    "policySets",
    "provisioningPolicies",
    "userSettings",
}
"""Kinds whose assignments come with the item only."""


def target(kind, key: str = GROUP_ID, **more) -> dict:
    name = GROUP if GROUP in kind.targets else CLOUD_PC
    return {"@odata.type": f"#microsoft.graph.{name}", "groupId": key, **more}


def element(kind, *args, **more) -> dict:
    return {"target": target(kind, *args, **more), **REQUIRED.get(kind.name, {})}


def first(graph, kind) -> str:
    """The path of the first policy of a kind."""
    key = graph.get(f"/beta/{kind.path}?$top=1").json()["value"][0]["id"]
    return f"/beta/{kind.path}/{key}"


def read(graph, kind, path: str) -> list[dict]:
    """A policy's assignments, in the way in which the kind tells them."""
    if kind.name in NO_SET:
        return graph.get(f"{path}?$expand=assignments").json()["assignments"]
    return graph.get(f"{path}/assignments").json()["value"]


def write(graph, kind, path: str, elements: list[dict], **more):
    body = {kind.body_key: elements}
    if kind.write is Write.UPDATE:
        body |= {key: [] for key in ITEM_KEYS}
    return graph.post(f"{path}/{kind.write}", json=body, **more)


def test_there_is_a_policy_of_every_kind():
    state = full_state()
    for about in (DEMO_TENANT, DEMO_SECOND_TENANT):
        policies = state.tenants[about.id].policies
        if about is DEMO_TENANT:
            assert policies.keys() == KINDS.keys()
            assert all(any(p.assignments for p in policies[path].entities) for path in KINDS)
    assert len(KINDS) == 39, "38 rows, one of which names two collections"


@pytest.mark.parametrize("kind", ALL)
def test_list_item_and_assignments_tell_the_same(graph, kind):
    listed = graph.get(f"/beta/{kind.path}?$expand=assignments")
    if kind.expand is not Expand.BOTH:
        assert (listed.status_code == 200) == (kind.expand is Expand.EMPTY)
        listed = graph.get(f"/beta/{kind.path}")
    for policy in listed.json()["value"][:3]:
        path = f"/beta/{kind.path}('{policy['id']}')"
        item = graph.get(path).json()
        assert item.pop("@odata.context").endswith(f"#{kind.path}/$entity")
        bare = {name: policy[name] for name in policy if not name.startswith("assignments")}
        assert item == bare
        context = f"{graph.base_url}/beta/$metadata#{kind.path}('{policy['id']}')/assignments"
        if kind.expand in (Expand.BOTH, Expand.ITEM):
            whole = graph.get(f"{path}?$expand=assignments").json()
            assert whole["assignments@odata.context"] == context
            if kind.expand is Expand.BOTH:
                assert whole["assignments"] == policy["assignments"]
        else:
            status = 200 if kind.expand is Expand.EMPTY else 400
            assert graph.get(f"{path}?$expand=assignments").status_code == status
        answer = graph.get(f"{path}/assignments")
        if kind.name in NO_SET:
            assert answer.status_code == 400
        else:
            assert answer.json()["@odata.context"] == context
            if kind.expand is Expand.BOTH:
                assert answer.json()["value"] == policy["assignments"]


@pytest.mark.parametrize("kind", SETS)
def test_a_write_replaces_the_set_with_derived_ids(graph, kind):
    path = first(graph, kind)
    key = path.rpartition("/")[2]
    sent = [element(kind), element(kind, OTHER_ID), element(kind)]
    answer = write(graph, kind, path, sent)
    stored = read(graph, kind, path)
    direct = [a for a in stored if a.get("source") != "policySets"]

    assert [a["target"]["groupId"] for a in direct] == [GROUP_ID, OTHER_ID], "the third is a duplicate"
    separator = ":" if kind.element == "deviceHealthScriptAssignment" else "_"
    expected = [f"{key}{separator}{GROUP_ID}", f"{key}{separator}{OTHER_ID}"]
    assert [a["id"] for a in direct] == (
        [f"{GROUP_ID}_1_0", f"{OTHER_ID}_1_0"] if kind.by_intent else expected
    )
    assert answer.status_code == kind.status
    has_body = kind.status == 200 and kind.returns_set
    assert (answer.json()["value"] == stored) if has_body else (answer.content == b"")

    write(graph, kind, path, [])
    assert [a for a in read(graph, kind, path) if a.get("source") != "policySets"] == []


@pytest.mark.parametrize("kind", SETS)
def test_a_write_is_refused_for(graph, kind):
    path = first(graph, kind)
    before = read(graph, kind, path)
    odd = {"@odata.type": "#microsoft.graph.scopeTagGroupAssignmentTarget", "entraObjectId": GROUP_ID}
    everyone = {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}
    wrong = [
        ("a group id of another shape", [element(kind, "not-a-guid")]),
        ("an unknown target", [{**element(kind), "target": odd}]),
        ("an unknown field", [{**element(kind), "unheardOf": 1}]),
        ("an unknown target field", [element(kind, unheardOf=1)]),
        ("a filter that is not there", [element(kind, **filtered(GROUP_ID))]),
    ]
    if kind.targets != TARGETS:
        wrong.append(("a target that the kind does not take", [{**element(kind), "target": everyone}]))
    if not kind.sources:
        wrong.append(("a source that the kind does not have", [{**element(kind), "source": "direct"}]))
    if kind.stamped:
        wrong.append(("a field that cannot be written", [{**element(kind), "lastModifiedDateTime": "x"}]))
    for about, elements in wrong:
        assert write(graph, kind, path, elements).status_code == 400, about
    assert graph.post(f"{path}/{kind.write}", json={"x": []}).status_code == 400
    assert graph.post(f"{path}/assignments", json=element(kind)).status_code == 400
    assert read(graph, kind, path) == before


def filtered(key: str) -> dict:
    return {
        "deviceAndAppManagementAssignmentFilterId": key,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }


FILTERS = {"Corporate Windows": "windows", "Managed iOS apps": "ios", "Managed Android apps": "android"}


@pytest.mark.parametrize("kind", SETS)
def test_filters_are_taken_where_they_are_supported_and_fit(graph, kind):
    filters = graph.get("/beta/deviceManagement/assignmentFilters").json()["value"]
    named = {f["displayName"]: f["id"] for f in filters}
    policy = graph.get(f"/beta/{kind.path}?$top=1").json()["value"][0]
    about = (policy.get("platforms") or policy.get("@odata.type", kind.name)).removeprefix(
        "#microsoft.graph."
    )
    for name, platform in FILTERS.items():
        fits = kind.filters == ("devices" if platform == "windows" else "apps")
        if about.startswith(("windows", "ios", "android")):
            fits = fits and about.startswith(platform)
        sent = [element(kind, **filtered(named[name]))]
        answer = write(graph, kind, f"/beta/{kind.path}/{policy['id']}", sent)
        assert answer.status_code == (kind.status if fits else 400), name


@pytest.mark.parametrize("kind", ITEMS)
def test_items_are_added_and_deleted_one_by_one(graph, kind):
    path = first(graph, kind)
    before = read(graph, kind, path)
    added = graph.post(f"{path}/assignments", json={"target": target(kind)})
    assert (added.status_code, added.json()["target"]["groupId"]) == (201, GROUP_ID)
    again = graph.post(f"{path}/assignments", json={"target": target(kind)})
    assert again.json()["id"] != added.json()["id"], "a repeated POST doubles"
    for assignment in before:
        assert graph.delete(f"{path}/assignments/{assignment['id']}").status_code == 204
        assert graph.delete(f"{path}/assignments/{assignment['id']}").status_code == 404
    left = read(graph, kind, path)
    assert [a["id"] for a in left] == [added.json()["id"], again.json()["id"]]
    assert graph.post(f"{path}/assign", json={"assignments": []}).status_code == 400
    corporate = graph.get("/beta/deviceManagement/assignmentFilters").json()["value"][0]["id"]
    refused = graph.post(f"{path}/assignments", json={"target": target(kind, **filtered(corporate))})
    assert "not supported for this type of policy" in refused.json()["error"]["message"]


@pytest.mark.parametrize("kind", ALL)
def test_roles_decide_per_kind(control, take_token, sim, kind):
    tenant = sim.state.tenants[DEMO_TENANT.id]

    def status(roles: set[str], method: str) -> tuple[int, str]:
        tenant.registration = Registration(roles=frozenset(roles))
        bearer = take_token(control, tenant.id).json()["access_token"]
        answer = control.request(method, f"/beta/{kind.path}", headers={"Authorization": f"Bearer {bearer}"})
        return answer.status_code, answer.text

    assert status({f"{stem}.Read.All" for stem in kind.stems}, "GET")[0] == 200
    assert status({f"{stem}.ReadWrite.All" for stem in kind.stems}, "GET")[0] == 200
    for stem in kind.stems:
        others = {f"{other}.ReadWrite.All" for other in kind.stems if other != stem}
        refused, text = status({f"{stem}.Read.All", *others}, "POST")
        assert refused == 403
        assert f"must have one of the following scopes: {stem}.ReadWrite.All - Operation ID" in text
    refused, text = status(set(), "GET")
    assert refused == 403
    assert "as called in app only context but does not have application permissions" in text
    assert status({"Directory.Read.All"}, "GET")[0] == 403


@pytest.mark.parametrize("kind", ALL)
def test_v1_has_the_kinds_that_it_has(graph, kind):
    answer = graph.get(f"/v1.0/{kind.path}")
    assert answer.status_code == (200 if "v1.0" in kind.versions else 404)


@pytest.mark.parametrize("kind", SETS)
def test_documented_statuses_and_empty_bodies_can_be_had(graph, habits, kind):
    path = first(graph, kind)
    habits(statuses="documented", emptyBodies=[kind.name])
    answer = write(graph, kind, path, [])
    assert (answer.status_code, answer.content) == (kind.documented or kind.status, b"")


@pytest.mark.parametrize(
    ("path", "key", "others"),
    [
        ("deviceManagement/deviceConfigurations", "deviceConfigurationGroupAssignments", ["exclusion"]),
        ("deviceManagement/deviceManagementScripts", "deviceManagementScriptGroupAssignments", []),
        (
            "deviceAppManagement/iosLobAppProvisioningConfigurations",
            "appProvisioningConfigurationGroupAssignments",
            [],
        ),
    ],
)
def test_the_older_body_keys_name_groups_only(graph, path, key, others):
    url = first(graph, KINDS[path])
    elements = [{"targetGroupId": GROUP_ID}] + [
        {"targetGroupId": OTHER_ID, "excludeGroup": True} for _ in others
    ]
    assert graph.post(f"{url}/assign", json={key: elements}).is_success
    stored = graph.get(f"{url}/assignments").json()["value"]
    direct = [a["target"]["@odata.type"].removeprefix("#microsoft.graph.") for a in stored]
    assert direct == ["groupAssignmentTarget"] + ["exclusionGroupAssignmentTarget" for _ in others]
    both = {key: elements, KINDS[path].body_key: []}
    assert graph.post(f"{url}/assign", json=both).status_code == 400


def test_the_forms_of_the_assign_action(graph):
    configuration = first(graph, KINDS["deviceAppManagement/mobileAppConfigurations"])
    cast = f"{configuration}/microsoft.graph.managedDeviceMobileAppConfiguration/assign"
    assert graph.post(cast, json={"assignments": []}).status_code == 200
    for name in ("iosManagedAppProtections", "androidManagedAppProtections"):
        kind = KINDS[f"deviceAppManagement/{name}"]
        path = first(graph, kind)
        key = path.rpartition("/")[2]
        for form in (f"{path}/assign", f"/v1.0/deviceAppManagement/managedAppPolicies/{key}/assign"):
            body = {"assignments": [{"target": target(kind)}]}
            assert graph.post(form, json=body).status_code == 204
            assert [a["target"]["groupId"] for a in read(graph, kind, path)] == [GROUP_ID]
            graph.post(f"{path}('x')/assign".replace(f"/{key}('x')", f"('{key}')"), json={"assignments": []})
            assert read(graph, kind, path) == []


def test_inherited_assignments_stay(graph):
    kind = KINDS["deviceAppManagement/targetedManagedAppConfigurations"]
    path = first(graph, kind)
    write(graph, kind, path, [])
    assert [a["source"] for a in read(graph, kind, path)] == ["policySets"]


def test_cloud_pc_targets_are_of_their_own(graph):
    kind = KINDS["deviceManagement/virtualEndpoint/provisioningPolicies"]
    path = first(graph, kind)
    sent = {**element(kind, allotmentLicensesCount=3), "userSettingsPersistenceDetail": {"x": 1}}
    write(graph, kind, path, [sent]).raise_for_status()
    (stored,) = read(graph, kind, path)
    assert stored == {
        "id": f"{path.rpartition('/')[2]}_{GROUP_ID}",
        "userSettingsPersistenceDetail": {"x": 1},
        "target": {
            **target(kind),
            "servicePlanId": None,
            "allotmentDisplayName": None,
            "allotmentLicensesCount": 3,
        },
    }
    (old,) = graph.get(f"{path.replace('beta', 'v1.0')}?$expand=assignments").json()["assignments"]
    assert old.keys() == {"id", "target"}


def test_policy_sets_need_every_key_of_their_update(graph):
    kind = KINDS["deviceAppManagement/policySets"]
    path = first(graph, kind)
    assert graph.post(f"{path}/update", json={"assignments": []}).status_code == 400
    assert graph.get(f"{path}?$expand=assignments,items").json()["items"] == []
    assert graph.get(f"/beta/{kind.path}?$expand=items").status_code == 400


def test_what_is_only_assumed_is_refused_until_assumptions_are_allowed(graph, habits):
    inventory = KINDS["deviceManagement/inventoryPolicies"]
    path = first(graph, inventory)
    shell = KINDS["deviceManagement/deviceShellScripts"]
    calls = [
        ("POST", f"{path}/assign", {"assignments": []}),
        ("GET", f"{first(graph, shell)}/assignments", None),
        ("GET", f"/beta/{inventory.path}?$expand=assignments", None),
    ]
    assert [graph.request(m, url, json=body).status_code for m, url, body in calls] == [400, 400, 400]
    assert graph.get(f"/beta/{inventory.path}?$expand=settings").status_code == 200
    assert graph.get(f"/beta/{inventory.path}?$filter=name eq 'x'").status_code == 400
    habits(assumptions=True)
    assert [graph.request(m, url, json=body).status_code for m, url, body in calls] == [200, 200, 200]


def test_some_policies_of_a_kind_cannot_be_filtered(graph):
    kind = KINDS["deviceManagement/deviceEnrollmentConfigurations"]
    policies = {p["displayName"]: p["id"] for p in graph.get(f"/beta/{kind.path}").json()["value"]}
    corporate = graph.get("/beta/deviceManagement/assignmentFilters").json()["value"][0]["id"]
    statuses = {
        name: write(
            graph, kind, f"/beta/{kind.path}/{key}", [element(kind, **filtered(corporate))]
        ).status_code
        for name, key in policies.items()
    }
    assert statuses == {"Enrolment status page": 200, "Enrolment notification": 400}


def test_a_filter_for_another_platform_can_be_let_through(graph, habits):
    kind = KINDS["deviceManagement/deviceConfigurations"]
    filters = graph.get("/beta/deviceManagement/assignmentFilters").json()["value"]
    ios = next(f["id"] for f in filters if f["platform"] == "iOS")
    path = first(graph, kind)
    statuses = []
    for taken in (True, False):
        habits(filterPlatforms=taken)
        statuses.append(write(graph, kind, path, [element(kind, **filtered(ios))]).status_code)
    assert statuses == [400, 200]


def test_groups_that_are_not_there_can_be_refused(graph, habits):
    kind = KINDS["deviceManagement/deviceConfigurations"]
    path = first(graph, kind)
    there = graph.get("/v1.0/groups?$top=1").json()["value"][0]["id"]
    habits(unknownGroups="refused")
    statuses = [write(graph, kind, path, [element(kind, key)]).status_code for key in (there, GROUP_ID)]
    assert statuses == [200, 400]


def test_the_absence_of_a_filter_is_spelt_in_two_ways(graph):
    for name, spelt in (("deviceHealthScripts", ZERO), ("deviceConfigurations", None)):
        kind = KINDS[f"deviceManagement/{name}"]
        path = first(graph, kind)
        everything = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
        write(graph, kind, path, [everything])
        (stored,) = read(graph, kind, path)
        assert stored["target"]["deviceAndAppManagementAssignmentFilterId"] == spelt
        assert stored["id"].endswith(ALL_DEVICES)
