"""Token buckets per family, on a stopped clock."""

from __future__ import annotations

import pytest

GROUPS = "/v1.0/groups?$top=50"
SCRIPTS = "/beta/deviceManagement/deviceManagementScripts"
CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"


@pytest.fixture
def advance(control):
    """A function that moves the clock, which else stands still."""
    control.post("/_simulator/clock", json={"stopped": True}).raise_for_status()
    return lambda seconds: control.post("/_simulator/clock", json={"advance": seconds}).raise_for_status()


def passed(call, most: int) -> int:
    """How many calls are answered before the first that is throttled."""
    return next((n for n in range(most) if call().status_code == 429), most)


def test_writes_and_all_calls_have_limits_of_their_own(graph, habits, advance):
    habits(throttling={"scale": 0.1})
    key = graph.get(f"{CONFIGURATIONS}?$top=1").json()["value"][0]["id"]

    def write():
        return graph.post(f"{CONFIGURATIONS}/{key}/assign", json={"assignments": []})

    assert passed(write, 50) == 10
    assert passed(lambda: graph.get(f"{CONFIGURATIONS}/{key}"), 200) == 100 - 1 - 11
    assert graph.get(SCRIPTS).status_code == 200, "another family"
    advance(22)
    assert passed(write, 50) == 10


def test_devices_have_twice_as_much(graph, habits, advance):
    habits(throttling={"scale": 0.01})
    assert passed(lambda: graph.get(f"{SCRIPTS}?$top=1"), 50) == 20


def test_a_throttled_call_tells_how_long_to_wait_and_counts(graph, habits, advance):
    habits(throttling={"limits": {"configuration": {"any": 10}}})
    assert passed(lambda: graph.get(CONFIGURATIONS), 50) == 10
    answer = graph.get(CONFIGURATIONS)
    assert answer.json()["error"]["code"] == "TooManyRequests"
    wait = int(answer.headers["Retry-After"])
    assert wait == 4, "2 s a call, and one throttled call of debt"
    advance(wait - 1.5)
    assert graph.get(CONFIGURATIONS).status_code == 429
    advance(wait)
    assert graph.get(CONFIGURATIONS).status_code == 200


def test_a_hint_can_be_left_out(graph, habits, advance):
    habits(throttling={"limits": {"configuration": {"any": 1}}, "retryAfter": False})
    graph.get(CONFIGURATIONS)
    answer = graph.get(CONFIGURATIONS)
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, False)


def test_parts_of_a_batch_are_throttled_one_by_one(graph, habits, advance):
    habits(throttling={"limits": {"configuration": {"any": 3}}})
    url = CONFIGURATIONS.removeprefix("/beta")
    requests = [{"id": str(i), "method": "GET", "url": url} for i in range(5)]
    answer = graph.post("/beta/$batch", json={"requests": requests})
    parts = answer.json()["responses"]
    assert (answer.status_code, sorted(part["status"] for part in parts)) == (200, [200, 200, 200, 429, 429])
    assert all("Retry-After" in part["headers"] for part in parts if part["status"] == 429)


def test_tenants_have_buckets_of_their_own(graph, second, habits, advance):
    habits(throttling={"limits": {"configuration": {"any": 1}}})
    assert [client.get(CONFIGURATIONS).status_code for client in (graph, graph, second)] == [200, 429, 200]


def test_the_directory_counts_units(graph, habits, advance):
    habits(throttling={"limits": {"identity": {"any": 10}}})
    group = graph.get(GROUPS).json()["value"][0]["id"]
    body = {"ids": [group]}
    answers = [graph.post("/v1.0/directoryObjects/getByIds", json=body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[2].headers["x-ms-throttle-limit-percentage"] == "1.00"
    assert answers[3].headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert answers[3].headers["x-ms-throttle-scope"].startswith("Tenant_Application/ReadWrite/")


def test_what_a_call_of_the_directory_costs(graph):
    group = graph.get(GROUPS).json()["value"][0]["id"]
    eventual = {"ConsistencyLevel": "eventual"}
    members = graph.get(f"/v1.0/groups/{group}/members/$count", headers=eventual)
    found = [graph.get("/v1.0/groups?$top=5&$select=id"), graph.get(GROUPS), members]
    assert [answer.headers["x-ms-resource-unit"] for answer in found] == ["1", "1", "3"]


def test_nothing_is_throttled_by_default(graph):
    assert passed(lambda: graph.get(f"{CONFIGURATIONS}?$top=1&$select=id"), 120) == 120
