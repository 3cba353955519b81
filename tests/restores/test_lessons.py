"""What other tools of this field got wrong in their talk with Microsoft, and that Atlas does not.

The numbers go on from those of the plugin's own tests, which tell what they got wrong in planning.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from atlas_gql.graph import CONTRACTS
from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Place
from support.steps import (
    backed_up,
    damaged,
    faults,
    planned,
    portal_state,
    restore_input,
    set_portal_state,
    shown,
)

CATALOG, INTENTS, AUTOPILOT = "configurationPolicies", "intents", "windowsAutopilotDeploymentProfiles"
ITEMS = """
query Items($id: ID!) {
  node(id: $id) {
    ... on BackupSet {
      items(first: 100) {
        totalCount
        nodes { externalId name assignmentsState assignmentCount reasonCode assignments groups filters }
      }
    }
  }
}
"""


def guid(number: int) -> str:
    return str(UUID(int=number, version=4))


def include(group_id: str) -> dict[str, Any]:
    return {"target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group_id}}


def group(number: int, **facts: Any) -> dict[str, Any]:
    return {"id": guid(number), "displayName": f"Group {number}", "groupTypes": [], **facts}


def policy(kind: str, number: int, *groups: int) -> dict[str, Any]:
    """A policy that is assigned to these groups."""
    name = CONTRACTS[kind].name_field
    return {
        "id": guid(1000 + number),
        name: f"Policy {number}",
        "assignments": [include(guid(n)) for n in groups],
    }


def tenant(kind: str, *policies: dict[str, Any], groups: int = 5) -> dict[str, Any]:
    """A tenant with policies of one kind and some groups."""
    return {
        f"{CONTRACTS[kind].path}.json": {"value": list(policies)},
        "groups.json": {"value": [group(n) for n in range(1, groups + 1)]},
        "deviceManagement/assignmentFilters.json": {"value": []},
    }


def items_of(place: Place, backup_set: str) -> dict[str, Any]:
    items: dict[str, Any] = place.ask(ITEMS, id=backup_set)["data"]["node"]["items"]
    return items


def written(place: Place) -> list[tuple[str, str]]:
    """What was sent to change something in the tenant: method and path."""
    return [
        (entry["method"], entry["path"])
        for entry in place.atlas.simulator.journal
        if entry["method"] != "GET" and not entry["path"].endswith(("/$batch", "/token"))
    ]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_2_what_a_part_of_a_batch_did_not_answer_is_unknown_and_never_empty(
    place: Place, status: int
) -> None:
    set_portal_state(place, tenant(INTENTS, policy(INTENTS, 1, 1), policy(INTENTS, 2, 2)))
    faults(place, {"path": f"{guid(1001)}/assignments", "status": status})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": [INTENTS]})
    faults(place)
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    (reason,) = (failure["reasonCode"] for failure in run["failures"])
    states = {
        item["name"]: item["assignmentsState"] for item in items_of(place, run["subject"]["id"])["nodes"]
    }
    assert states == {"Policy 1": "FAILED", "Policy 2": "FETCHED"}
    plan = shown(place, planned(place, run["subject"]["id"])["id"])
    assert {
        item["sourceName"]: (item["action"], item["blockedReason"]) for item in plan["items"]["nodes"]
    } == {
        "Policy 1": ("BLOCKED", reason),
        "Policy 2": ("NONE", None),
    }


def test_3_every_page_is_followed(place: Place) -> None:
    set_portal_state(place, tenant(CATALOG, *(policy(CATALOG, n, 1) for n in range(60))))
    assert items_of(place, backed_up(place, policyTypes=[CATALOG]))["totalCount"] == 60


def test_4_what_is_gone_already_is_kept_and_marked(place: Place) -> None:
    state = tenant(CATALOG, policy(CATALOG, 1, 1, 2, 3), groups=1)
    deleted = {"value": [group(2, deletedDateTime="2026-11-20T08:00:00Z")]}
    set_portal_state(place, {**state, "directory/deletedItems/microsoft.graph.group.json": deleted})
    (item,) = items_of(place, backed_up(place, policyTypes=[CATALOG]))["nodes"]
    assert item["assignmentCount"] == 3
    assert {key: (known["name"], known["orphaned"]) for key, known in item["groups"].items()} == {
        guid(1): ("Group 1", False),
        guid(2): ("Group 2", True),
        guid(3): (None, True),
    }


def test_7_a_few_calls_for_many_policies_and_one_write_for_each_that_changes(place: Place) -> None:
    count, changed = 300, 30
    policies = [policy(CATALOG, n, 1, 2, 3, 4, 5) for n in range(count)]
    set_portal_state(place, tenant(CATALOG, *policies))
    journal = place.atlas.simulator.journal
    journal.clear()
    backup_set = backed_up(place, policyTypes=[CATALOG])
    calls = [entry for entry in journal if not entry.get("batch")]
    # Pages of 25, the groups in one batch, and the look for a token.
    assert len(calls) <= count / 25 + 4
    for n in range(changed):
        policies[n * 7]["assignments"] = [include(guid(n % 5 + 1))]
    set_portal_state(place, tenant(CATALOG, *policies))
    plan = planned(place, backup_set)
    assert plan["summary"]["policies"] == {
        "write": changed,
        "none": count - changed,
        "blocked": 0,
        "notInBackup": 0,
    }
    journal.clear()
    run = place.run("restoreAssignments", restore_input(plan))
    assert (run["outcome"], run["counters"]["processed"]) == ("SUCCEEDED", count)
    assert len(written(place)) == len(set(written(place))) == changed


def test_8_a_refusal_keeps_its_reason_and_its_request_id(place: Place) -> None:
    backup_set = backed_up(place)
    damaged(place)
    plan = planned(place, backup_set)
    faults(place, {"path": "/assign$", "method": "POST", "status": 403, "body": "nested"})
    run = place.run("restoreAssignments", restore_input(plan))
    faults(place)
    failures = place.ask(
        "query Q($id: ID!) { node(id: $id) { ... on OperationRun"
        " { failures { reasonCode message requestId } } } }",
        id=run["id"],
    )["data"]["node"]["failures"]
    assert {failure["reasonCode"] for failure in failures} == {"PERMISSION_DENIED"}
    assert all(UUID(failure["requestId"]) and failure["message"] for failure in failures)


def test_9_no_group_is_ever_made(place: Place) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    plan = planned(other, backed_up(place), unresolvedIncludes="SKIP")
    place.atlas.simulator.journal.clear()
    run = other.run("restoreAssignments", restore_input(plan, confirmation=DEMO_SECOND_TENANT.domain))
    assert run["outcome"] == "SUCCEEDED"
    paths = {path.rpartition("/")[2] for _, path in written(place)}
    assert paths <= {"assign", "assignments"}


def test_11_a_write_without_an_answer_is_looked_for_before_it_is_sent_again(place: Place) -> None:
    set_portal_state(place, tenant(AUTOPILOT, policy(AUTOPILOT, 1, 1, 2)))
    backup_set = backed_up(place, policyTypes=[AUTOPILOT])
    set_portal_state(place, tenant(AUTOPILOT, policy(AUTOPILOT, 1, 1)))
    plan = planned(place, backup_set)
    place.atlas.simulator.journal.clear()
    faults(place, {"path": "/assignments$", "method": "POST", "lostResponse": True, "times": 1})
    run = place.run("restoreAssignments", restore_input(plan))
    faults(place)
    assert (run["outcome"], len(written(place))) == ("SUCCEEDED", 1)
    ((held,),) = (document["value"] for name, document in portal_state(place).items() if AUTOPILOT in name)
    assert [a["target"]["groupId"] for a in held["assignments"]] == [guid(1), guid(2)]


def test_13_a_kind_without_a_certain_way_of_writing_is_never_written(place: Place) -> None:
    """And one that is not known at all is refused without a call; see the tests of bad input."""
    kind = "deviceComplianceScripts"
    set_portal_state(place, tenant(kind, policy(kind, 1, 1)))
    backup_set = backed_up(place, policyTypes=[kind])
    set_portal_state(place, tenant(kind, policy(kind, 1, 2)))
    place.atlas.simulator.journal.clear()
    (item,) = shown(place, planned(place, backup_set)["id"])["items"]["nodes"]
    assert (item["action"], item["blockedReason"]) == ("BLOCKED", "UNSUPPORTED")
    assert written(place) == []


def test_17_a_refused_list_is_no_empty_list(place: Place) -> None:
    """Neither in a backup nor in a plan."""
    backup_set = backed_up(place)
    faults(place, {"path": "deviceCompliancePolicies$", "status": 403})
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    plan = planned(place, backup_set)
    faults(place)
    (failure,) = run["failures"]
    assert (run["outcome"], failure["reasonCode"]) == ("PARTIALLY_SUCCEEDED", "PERMISSION_DENIED")
    blocked = [item for item in shown(place, plan["id"])["items"]["nodes"] if item["action"] == "BLOCKED"]
    assert {(item["policyType"], item["blockedReason"]) for item in blocked} == {
        ("deviceCompliancePolicies", "PERMISSION_DENIED")
    }


def test_19_what_is_throttled_is_waited_for_part_by_part(place: Place) -> None:
    set_portal_state(place, tenant(INTENTS, *(policy(INTENTS, n, 1) for n in range(30))))
    rule = {"path": f"{guid(1003)}/assignments", "status": 429, "retryAfter": 1, "times": 1}
    faults(place, rule)
    place.atlas.simulator.journal.clear()
    items = items_of(place, backed_up(place, policyTypes=[INTENTS]))
    asked = [e["path"] for e in place.atlas.simulator.journal if e["path"].endswith("/assignments")]
    assert {item["assignmentsState"] for item in items["nodes"]} == {"FETCHED"}
    # One part again, and no other.
    assert (len(asked), len(set(asked)), items["totalCount"]) == (31, 30, 30)
