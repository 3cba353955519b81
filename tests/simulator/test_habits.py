"""Habits of the service that tests can switch: late reads, empty pages, licences; and large tenants."""

from __future__ import annotations

import httpx
import pytest

from atlas_gql.simulator import (
    DEMO_TENANT,
    FaultError,
    HabitError,
    large_state,
    parse_conditions,
    parse_habits,
    running,
)

CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"
CATALOG = "/beta/deviceManagement/configurationPolicies"
NOTHING = {"assignments": []}


def first(graph) -> str:
    return f"{CONFIGURATIONS}/{graph.get(f'{CONFIGURATIONS}?$top=1').json()['value'][0]['id']}"


def test_reads_lag_behind_writes_for_some_time(graph, control, habits):
    path = first(graph)
    before = graph.get(f"{path}/assignments").json()["value"]
    habits(lagSeconds=30)
    control.post("/_simulator/clock", json={"stopped": True}).raise_for_status()
    assert graph.post(f"{path}/assign", json=NOTHING).json()["value"] == []
    assert graph.get(f"{path}/assignments").json()["value"] == before
    assert graph.get(f"{path}?$expand=assignments").json()["assignments"] == before
    control.post("/_simulator/clock", json={"advance": 30}).raise_for_status()
    assert graph.get(f"{path}/assignments").json()["value"] == []


def test_reads_lag_behind_writes_for_some_reads(graph, habits):
    path = first(graph)
    before = graph.get(f"{path}/assignments").json()["value"]
    habits(lagReads=2)
    everyone = {"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}
    graph.post(f"{path}/assign", json=NOTHING).raise_for_status()
    graph.post(f"{path}/assign", json={"assignments": [everyone]}).raise_for_status()
    told = [len(graph.get(f"{path}/assignments").json()["value"]) for _ in range(5)]
    assert told == [len(before), len(before), 0, 0, 1]


@pytest.mark.parametrize(
    ("query", "expected"), [("$top=25", [0, 25, 0, 4]), ("$filter=name eq 'Nobody'", [0, 0])]
)
def test_an_empty_page_comes_before_every_page(graph, habits, query, expected):
    habits(emptyPages=True)
    sizes, url = [], f"{CATALOG}?{query}"
    while url:
        page = graph.get(url).json()
        sizes.append(len(page["value"]))
        url = page.get("@odata.nextLink")
    assert sizes == expected


def test_an_unknown_skip_token_is_gone(graph, habits):
    habits(brokenToken=410)
    assert graph.get(f"{CONFIGURATIONS}?$skiptoken=x").status_code == 410


def test_a_licence_may_be_wanting(graph, habits):
    drivers = "/beta/deviceManagement/windowsDriverUpdateProfiles"
    found = []
    for kinds in ([], ["windowsDriverUpdateProfiles"], ["*"]):
        habits(unlicensed=kinds)
        found.append([graph.get(path).status_code for path in (drivers, CONFIGURATIONS)])
    assert found == [[200, 200], [403, 200], [403, 403]]
    error = graph.get(drivers).json()["error"]
    assert (error["code"], "An error has occurred - Operation ID" in error["message"]) == ("Forbidden", True)


def test_habits_are_shown_and_forgotten(control):
    given = {"lagReads": 2, "protected": ["app"], "throttling": {"scale": 0.5}}
    assert control.post("/_simulator/habits", json=given).status_code == 204
    shown = control.get("/_simulator/habits").json()
    assert shown == {**given, "throttling": {**shown["throttling"], "scale": 0.5}}
    control.delete("/_simulator/habits").raise_for_status()
    assert control.get("/_simulator/habits").json() == {}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param([], "Habits: not an object.", id="no-object"),
        pytest.param({"lag": 1}, "Habits: there is no field 'lag'.", id="unknown"),
        pytest.param({"lagReads": "2"}, "'lagReads' is no number", id="no-number"),
        pytest.param({"lagSeconds": -1}, "'lagSeconds' is no number, or out of range.", id="negative"),
        pytest.param({"statuses": "guessed"}, "'statuses' is one of observed, documented.", id="word"),
        pytest.param({"protected": ["everything"]}, "'protected' is a list of app,", id="set"),
        pytest.param({"protected": "app"}, "'protected' is a list of app,", id="no-list"),
        pytest.param({"emptyPages": 1}, "'emptyPages' is true or false.", id="no-bool"),
        pytest.param({"throttling": {"scale": 0}}, "'scale' is no number, or out of range.", id="scale"),
        pytest.param({"throttling": {"limits": {"x": {}}}}, "There is no family 'x'", id="family"),
        pytest.param(
            {"throttling": {"limits": {"rbac": {"reads": 1}}}}, "but 'writes' and 'any'", id="limit-name"
        ),
        pytest.param({"throttling": {"limits": {"rbac": {"any": 0}}}}, "no number above 0", id="limit"),
    ],
)
def test_wrong_habits_are_refused_and_the_old_ones_stay(control, habits, document, text):
    with pytest.raises(HabitError) as refused:
        parse_habits(document)
    assert text in str(refused.value)
    habits(lagReads=1)
    answer = control.post("/_simulator/habits", json=document)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, str(refused.value))
    assert control.get("/_simulator/habits").json() == {"lagReads": 1}


def test_a_file_of_conditions_holds_rules_and_habits():
    rules, habits = parse_conditions({"rules": [{"status": 429}], "habits": {"lagReads": 1}})
    assert (rules[0].status, habits.lagReads) == (429, 1)
    assert len(parse_conditions([{"status": 429}])[0]) == 1
    for wrong in ({"faults": []}, {"habits": {"x": 1}}, {"rules": [{"x": 1}]}, 7):
        with pytest.raises(FaultError):
            parse_conditions(wrong)


def test_twenty_thousand_policies_are_served(take_token):
    paths = ("deviceManagement/configurationPolicies", "deviceManagement/deviceConfigurations")
    with (
        running(large_state(20_000, paths=paths)) as sim,
        httpx.Client(base_url=sim.url, trust_env=False, verify=False) as client,
    ):
        token = take_token(client, DEMO_TENANT.id).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        seen = {path: set() for path in paths}
        for path in paths:
            url = f"/beta/{path}?$expand=assignments"
            while url:
                page = client.get(url).json()
                seen[path] |= {p["id"] for p in page["value"] if len(p["assignments"]) == 5}
                url = page.get("@odata.nextLink")
    assert [len(found) for found in seen.values()] == [10_000, 10_000]
