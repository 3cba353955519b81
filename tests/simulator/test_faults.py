"""Faults on demand, over HTTP: whom a rule hits, what happens, how often."""

from __future__ import annotations

import json
import random
import time

import httpx
import pytest

from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT, FaultError, demo_state, parse_faults, running
from atlas_gql.simulator.calls import Call
from atlas_gql.simulator.conditions import Conditions
from atlas_gql.simulator.faults import Faults
from atlas_gql.simulator.graph import Graph, Outcome
from atlas_gql.simulator.journal import Journal
from atlas_gql.simulator.state import Registration
from atlas_gql.simulator.tokens import Tokens

CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"


@pytest.fixture
def fail(control):
    """A function that puts rules in force."""

    def put(*rules: dict) -> None:
        control.post("/_simulator/faults", json=list(rules)).raise_for_status()

    return put


def test_throttling_with_and_without_a_hint(graph, fail):
    fail(
        {"status": 429, "retryAfter": 7, "times": 1},
        {"status": 429, "retryAfter": "Wed, 21 Oct 2026 07:28:00 GMT", "times": 1},
        {"status": 429, "retryAfter": "garbage", "times": 1},
        {"status": 429, "times": 1},
    )
    answers = [graph.get(CONFIGURATIONS) for _ in range(5)]
    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers] == [
        (429, "7"),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT"),
        (429, "garbage"),
        (429, None),
        (200, None),
    ]
    assert answers[0].json()["error"]["code"] == "TooManyRequests"


def test_the_kinds_of_body(graph, fail):
    fail(*({"status": 503, "body": kind, "times": 1} for kind in ("json", "nested", "html", "empty")))
    plain, nested, html, empty = (graph.get(CONFIGURATIONS) for _ in range(4))
    assert plain.json()["error"]["code"] == "ServiceUnavailable"
    assert json.loads(nested.json()["error"]["message"])["_version"] == 3
    assert (html.headers["Content-Type"].split(";")[0], html.text[:6]) == ("text/html", "<html>")
    assert empty.content == b""


def test_a_raw_answer_is_sent_as_given(graph, fail):
    """So that clients can be shown pages that loop, lead elsewhere or are cut off."""
    fail({"status": 200, "body": "raw", "content": '{"value": ['})
    answer = graph.get(CONFIGURATIONS)
    assert (answer.status_code, answer.text) == (200, '{"value": [')


def test_a_rule_hits_only_whom_it_names(graph, second, fail):
    fail(
        {"status": 500, "tenant": DEMO_SECOND_TENANT.id.upper(), "method": "get", "path": "deviceConf.*s$"},
        {"status": 403, "code": "Forbidden", "message": "No licence", "path": "mobileApps"},
    )
    assert second.get(CONFIGURATIONS).status_code == 500
    assert second.post(CONFIGURATIONS).status_code == 400
    assert second.get("/v1.0/groups").status_code == 200
    assert graph.get(CONFIGURATIONS).status_code == 200
    refused = graph.get("/beta/deviceAppManagement/mobileApps")
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, "No licence")


def test_a_part_of_a_batch_is_throttled_alone(graph, fail, sim):
    fail({"status": 429, "retryAfter": 3, "path": "deviceConfigurations"})
    requests = [
        {"id": "a", "method": "GET", "url": "/deviceManagement/deviceConfigurations"},
        {"id": "b", "method": "GET", "url": "/groups"},
    ]
    answer = graph.post("/beta/$batch", json={"requests": requests})
    found = {part["id"]: part for part in answer.json()["responses"]}
    assert (answer.status_code, found["a"]["status"], found["b"]["status"]) == (200, 429, 200)
    assert found["a"]["headers"]["Retry-After"] == "3"
    assert [entry["status"] for entry in sim.journal] == [200, 429, 200]


def test_a_rule_hits_a_family_or_a_query(graph, fail):
    fail(
        {"status": 403, "family": "updates"},
        {"status": 410, "query": r"\$skiptoken="},
        {"status": 504, "body": "html", "path": r"\$batch$", "times": 1},
    )
    assert graph.get("/beta/deviceManagement/windowsDriverUpdateProfiles").status_code == 403
    first = graph.get(f"{CONFIGURATIONS}?$top=1")
    assert (first.status_code, graph.get(first.json()["@odata.nextLink"]).status_code) == (200, 410)
    batch = {"requests": [{"id": "a", "method": "GET", "url": "/groups"}]}
    assert [graph.post("/beta/$batch", json=batch).status_code for _ in range(2)] == [504, 200]


def test_a_part_can_be_missing_from_its_batch(graph, fail):
    fail({"missing": True, "path": "deviceConfigurations"})
    urls = {"a": "/deviceManagement/deviceConfigurations", "b": "/groups", "c": "/groups"}
    requests = [{"id": key, "method": "GET", "url": url} for key, url in urls.items()]
    requests[2]["dependsOn"] = ["a"]
    answer = graph.post("/beta/$batch", json={"requests": requests})
    found = {part["id"]: part["status"] for part in answer.json()["responses"]}
    assert (answer.status_code, found) == (200, {"b": 200, "c": 424})
    assert graph.get(CONFIGURATIONS).status_code == 200, "single calls are not hit"


def assign_nothing(client) -> tuple[str, dict]:
    key = client.get(f"{CONFIGURATIONS}?$top=1").json()["value"][0]["id"]
    return f"{CONFIGURATIONS}/{key}", {"assignments": []}


def test_a_reset_call_has_no_effect(graph, fail, sim):
    url, body = assign_nothing(graph)
    fail({"reset": True, "times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        graph.post(f"{url}/assign", json=body)
    assert graph.get(f"{url}/assignments").json()["value"] != []
    (dropped,) = [entry for entry in sim.journal if entry.get("dropped")]
    assert (dropped["status"], dropped["body"]) == (None, body)


def test_a_reset_hits_no_part_of_a_batch(graph, fail):
    """A part has no connection that could drop."""
    fail({"reset": True, "path": "deviceConfigurations"})
    body = {"requests": [{"id": "1", "method": "GET", "url": "/deviceManagement/deviceConfigurations"}]}
    (part,) = graph.post("/beta/$batch", json=body).json()["responses"]
    assert part["status"] == 200


def test_a_lost_response_comes_after_the_effect(graph, fail, sim):
    url, body = assign_nothing(graph)
    fail({"lostResponse": True, "times": 1})
    assert graph.get(f"{url}/assignments").json()["value"] != [], "reads are not hit"
    with pytest.raises(httpx.RemoteProtocolError):
        graph.post(f"{url}/assign", json=body)
    assert graph.get(f"{url}/assignments").json()["value"] == []
    assert [(e["method"], e["status"]) for e in sim.journal if e.get("dropped")] == [("POST", 200)]


def test_an_error_may_come_after_the_effect(graph, fail):
    url, body = assign_nothing(graph)
    fail({"lostResponse": True, "status": 504, "times": 1})
    assert graph.post(f"{url}/assign", json=body).status_code == 504
    assert graph.get(f"{url}/assignments").json()["value"] == []


def test_a_lost_response_within_a_batch_drops_the_batch(graph, fail):
    url, body = assign_nothing(graph)
    fail({"lostResponse": True, "times": 1})
    write = {
        "id": "a",
        "method": "POST",
        "url": f"{url.removeprefix('/beta')}/assign",
        "headers": {"Content-Type": "application/json"},
        "body": body,
    }
    with pytest.raises(httpx.RemoteProtocolError):
        graph.post("/beta/$batch", json={"requests": [write]})
    assert graph.get(f"{url}/assignments").json()["value"] == []


def outcome(rules: list[dict], method: str, path: str, body: object = None) -> Outcome:
    """What becomes of a call under these rules, without waiting for it."""
    state, tokens = demo_state(), Tokens(time.time)
    conditions = Conditions(faults=Faults(parse_faults(rules), 0))
    graph = Graph(state=state, tokens=tokens, conditions=conditions, journal=Journal(), seed=0)
    token = tokens.mint(state.tenants[DEMO_TENANT.id], Registration(), "https://graph.microsoft.com")
    call = Call(
        method=method,
        path=path,
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        content=json.dumps(body).encode(),
        base="https://graph.microsoft.com",
        request_id="r",
        client_request_id="c",
    )
    return graph.answer(call)


def test_a_delay_lets_other_rules_act():
    found = outcome([{"latencyMs": 60}, {"status": 503, "latencyMs": 40}], "GET", CONFIGURATIONS)
    assert (found.answer.status, found.delay) == (503, 0.1)


def test_a_batch_waits_for_its_slowest_part():
    rules = [{"latencyMs": 2000, "path": "groups"}, {"latencyMs": 1000, "path": "deviceConfigurations"}]
    urls = {"a": "/groups", "b": "/deviceManagement/deviceConfigurations", "c": "/organization"}
    body = {"requests": [{"id": key, "method": "GET", "url": url} for key, url in urls.items()]}
    found = outcome(rules, "POST", "/beta/$batch", body)
    assert (found.answer.status, found.delay) == (200, 2.0)


def test_secrets_go_wrong_at_the_token_endpoint(control, take_token, fail):
    fail({"secretExpired": True, "tenant": DEMO_TENANT.id, "times": 1}, {"wrongSecret": True, "times": 1})
    codes = [
        take_token(control, tenant).json().get("error_codes")
        for tenant in (DEMO_TENANT.id, DEMO_SECOND_TENANT.id, DEMO_TENANT.id)
    ]
    assert codes == [[7000222], [7000215], None]


def test_login_fails_only_by_a_rule_that_names_its_path(control, take_token, fail):
    fail({"status": 503})
    assert take_token(control, DEMO_TENANT.id).status_code == 200
    fail({"status": 503, "path": "/token$"})
    assert take_token(control, DEMO_TENANT.id).status_code == 503
    fail({"reset": True, "path": "/token$"})
    with pytest.raises(httpx.RemoteProtocolError):
        take_token(control, DEMO_TENANT.id)


def test_chance_follows_the_seed(take_token):
    rule = {"status": 429, "probability": 0.3, "path": "/groups"}
    found = []
    for _ in range(2):
        with (
            running(demo_state(), seed=5, faults=parse_faults([rule])) as sim,
            httpx.Client(base_url=sim.url, trust_env=False, verify=False) as client,
        ):
            token = take_token(client, DEMO_TENANT.id).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            found.append([client.get("/v1.0/groups?$top=1").status_code for _ in range(40)])
    chance = random.Random(5)
    assert found[0] == [429 if chance.random() < 0.3 else 200 for _ in range(40)]
    assert found[1] == found[0]


def test_rules_are_shown_with_how_often_they_fired(graph, control, fail):
    rule = {"status": 429, "retryAfter": 2, "path": "groups", "times": 3}
    fail(rule)
    graph.get("/v1.0/groups")
    assert control.get("/_simulator/faults").json() == [{**rule, "fired": 1}]
    control.delete("/_simulator/faults")
    assert control.get("/_simulator/faults").json() == []


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param({}, "Faults are a list of rules.", id="no-list"),
        pytest.param([1], "rule 0 is not an object.", id="no-object"),
        pytest.param([{"statu": 1}], "rule 0: there is no field 'statu'.", id="unknown-field"),
        pytest.param([{"status": "429"}], "rule 0: 'status' has the wrong type.", id="type"),
        pytest.param([{"status": True}], "rule 0: 'status' has the wrong type.", id="bool-for-number"),
        pytest.param([{"status": 42}], "rule 0: 'status' is no HTTP status of an answer.", id="status"),
        pytest.param([{"status": 500, "body": "xml"}], "'body' is one of", id="body"),
        pytest.param([{"reset": True, "probability": 2}], "out of range", id="probability"),
        pytest.param([{"path": "x"}], "rule 0 has no effect", id="no-effect"),
        pytest.param([{"reset": True, "path": "("}], "no regular expression", id="pattern"),
        pytest.param([{"reset": True, "query": "("}], "no regular expression", id="query"),
        pytest.param([{"reset": True, "family": "x"}], "'family' is one of", id="family"),
    ],
)
def test_a_wrong_rule_is_refused_and_the_old_ones_stay(control, fail, document, text):
    with pytest.raises(FaultError) as refused:
        parse_faults(document)
    assert text in str(refused.value)
    fail({"reset": True, "path": "kept"})
    answer = control.post("/_simulator/faults", json=document)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, str(refused.value))
    assert control.get("/_simulator/faults").json() == [{"reset": True, "path": "kept", "fired": 0}]
