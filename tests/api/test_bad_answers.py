"""Whatever Microsoft answers to a backup: a coded failure of what it concerns, and the rest is captured."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from atlas_gql.testing.installation import Place
from support.steps import faults

KIND = "deviceConfigurations"
LIST = {"path": f"/{KIND}$", "method": "GET"}
TYPES = [KIND, "mobileApps"]
EVIL = "https://evil.example/beta/deviceManagement/deviceConfigurations?$skiptoken=x"
ONE = {"id": "p1", "displayName": "One"}

BACKUP = """
query Q($id: ID!) {
  node(id: $id) {
    ... on BackupSet {
      items(first: 100) { nodes { policyType name externalId assignmentsState assignments } }
    }
  }
}
"""


def raw(content: object, **more: Any) -> dict[str, Any]:
    text = content if isinstance(content, str) else orjson.dumps(content).decode()
    return {"status": 200, "body": "raw", "content": text, **more}


def captured(place: Place, run: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    nodes = place.ask(BACKUP, id=run["subject"]["id"])["data"]["node"]["items"]["nodes"]
    return {kind: [node for node in nodes if node["policyType"] == kind] for kind in TYPES}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(raw('{"value": [{"id": "p'), id="malformed-json"),
        pytest.param({"status": 200, "body": "html"}, id="html"),
        pytest.param({"status": 200, "body": "empty"}, id="empty"),
        pytest.param(raw({"value": None}), id="null-list"),
        pytest.param(raw({"value": [ONE], "@odata.nextLink": EVIL}), id="link-to-another-host"),
        pytest.param(raw(" " * 10 * 1024 * 1024), id="10-MB"),
    ],
)
def test_a_list_that_cannot_be_read_fails_alone(place: Place, rule: dict[str, Any]) -> None:
    faults(place, {**LIST, **rule})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": TYPES})
    found = captured(place, run)
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    assert [(f["code"], f["reasonCode"]) for f in run["failures"]][-1:] == [
        ("assignments.fetch.list_failed", "INVALID_RESPONSE")
    ]
    assert [node for node in found[KIND] if node["assignmentsState"] == "FETCHED"] == []
    assert found["mobileApps"], "the other kinds are captured"


def test_a_page_loop_fails_the_list(place: Place) -> None:
    link = f"{place.atlas.simulator.url}/beta/deviceManagement/{KIND}?$skiptoken=x"
    faults(place, {**LIST, **raw({"value": [], "@odata.nextLink": link})})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": TYPES})
    assert [f["reasonCode"] for f in run["failures"]] == ["INVALID_RESPONSE"]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"missing": True}, id="missing-part"),
        pytest.param({"status": 200, "body": "html"}, id="html-part"),
        pytest.param(raw({"value": None}), id="null-assignments"),
        pytest.param(raw({"value": [{"id": "a1"}]}), id="assignment-without-a-target"),
    ],
)
@pytest.mark.parametrize("assignments", [{}, {"assignments": None}], ids=["absent", "null"])
def test_a_policy_whose_assignments_are_unknown_fails_and_is_kept_as_such(
    place: Place, part: dict[str, Any], assignments: dict[str, Any]
) -> None:
    """They did not come with the list, and could not be had alone."""
    faults(
        place,
        {**LIST, **raw({"value": [{**ONE, **assignments}]})},
        {"path": f"/{KIND}/p1/assignments$", **part},
    )
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": TYPES})
    found = captured(place, run)
    assert [(f["reasonCode"], f["item"]["label"]) for f in run["failures"]] == [("INVALID_RESPONSE", "One")]
    assert [(n["externalId"], n["assignmentsState"], n["assignments"]) for n in found[KIND]] == [
        ("p1", "FAILED", None)
    ]
    assert found["mobileApps"]


def test_values_that_nobody_knows_are_kept_verbatim(place: Place) -> None:
    strange = {
        "id": "a1",
        "intent": "unknownFutureValue",
        "target": {"@odata.type": "#microsoft.graph.newTarget", "things": [1]},
    }
    faults(place, {**LIST, **raw({"value": [{**ONE, "assignments": [strange]}]})})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": TYPES})
    assert run["outcome"] == "SUCCEEDED"
    (policy,) = captured(place, run)[KIND]
    assert (policy["assignmentsState"], policy["assignments"]) == ("FETCHED", [strange])
