"""Comparing a backup with the tenant or with another backup: read, and never executed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Place
from support.steps import backed_up, damaged, planned, portal_state, restore_input, set_portal_state, shown

RESULT = """
query Result($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      result {
        ... on BackupComparison {
          restoreRunId unchanged changed missing additional notCompared complete
          policies { policyType policyId name difference summary }
        }
      }
    }
  }
}
"""


def compared(place: Place, backup_set: str, **more: Any) -> dict[str, Any]:
    """A comparison, as `shown` gives it."""
    given = {"tenantId": place.tenant_id, "backupSetId": backup_set, **more}
    run = place.run("compareBackup", given)
    assert run["outcome"] == "SUCCEEDED", run
    return shown(place, run["subject"]["id"])


def drift(comparison: dict[str, Any]) -> list[Any]:
    return [
        (item["targetExternalId"], [(c["change"], c["target"]["name"], c["fields"]) for c in item["changes"]])
        for item in comparison["items"]["nodes"]
        if item["action"] == "WRITE"
    ]


def test_what_drifted_is_what_a_restore_would_change(place: Place) -> None:
    backup_set = backed_up(place)
    changed = damaged(place)
    before = portal_state(place)
    comparison = compared(place, backup_set)
    assert (comparison["purpose"], comparison["summary"]["policies"]["write"]) == ("COMPARE", changed)
    assert drift(comparison) == drift(shown(place, planned(place, backup_set)["id"]))
    assert portal_state(place) == before


def test_two_backups_of_a_tenant_without_a_call_to_microsoft(place: Place) -> None:
    first = backed_up(place)
    damaged(place)
    live = compared(place, first)
    second = backed_up(place)
    place.atlas.simulator.journal.clear()
    comparison = compared(place, first, againstSetId=second)
    assert list(place.atlas.simulator.journal) == []
    assert (drift(comparison), comparison["againstSet"]["id"]) == (drift(live), second)
    same = compared(place, second, againstSetId=second)["summary"]["policies"]
    assert same == {"write": 0, "none": 63, "blocked": 0, "notInBackup": 0}


def test_what_differs_is_told_in_short(place: Place) -> None:
    backup_set = backed_up(place)
    damaged(place)
    state = portal_state(place)
    known = state["deviceManagement/configurationPolicies.json"]["value"]
    gone = next(policy for policy in known if policy["name"] == "Baseline - Local administrators")
    known.remove(gone)
    known.append({**gone, "id": str(uuid4()), "name": "Made since", "assignments": []})
    set_portal_state(place, state)
    run = place.run("compareBackup", {"tenantId": place.tenant_id, "backupSetId": backup_set})
    result = place.ask(RESULT, id=run["id"])["data"]["node"]["result"]
    policies = {policy["name"]: policy for policy in result.pop("policies")}
    assert result == {
        "restoreRunId": run["subject"]["id"],
        "unchanged": 57,
        "changed": 5,
        "missing": 1,
        "additional": 1,
        "notCompared": 0,
        "complete": True,
    }
    assert {name: (policy["difference"], policy["summary"]) for name, policy in policies.items()} == {
        "Baseline - BitLocker": ("CHANGED", 'has "All Staff" besides'),
        "Baseline - Defender exclusions": ("CHANGED", 'has "Engineering" otherwise (excluded)'),
        "Windows - Edition upgrade": ("CHANGED", 'has "Windows Laptops" otherwise (filter)'),
        "Windows - Device restrictions": ("CHANGED", 'lacks "Windows Laptops"; has "All Staff" besides'),
        "Compliance - iOS": ("CHANGED", 'lacks "Warehouse Tablets" excluded'),
        "Baseline - Local administrators": ("MISSING", "It is not there."),
        "Made since": ("ADDITIONAL", "The backup does not hold it."),
    }
    assert policies["Baseline - Local administrators"]["policyId"] == gone["id"]


def test_a_policy_that_is_not_in_the_backup_is_listed(place: Place) -> None:
    backup_set = backed_up(place, policyTypes=["configurationPolicies"])
    state = portal_state(place)
    known = state["deviceManagement/configurationPolicies.json"]["value"]
    new = {**known[0], "id": str(uuid4()), "name": "Made since", "assignments": []}
    known.append(new)
    set_portal_state(place, state)
    listed = compared(place, backup_set)
    others = [item for item in listed["items"]["nodes"] if item["action"] == "NOT_IN_BACKUP"]
    assert [(item["targetExternalId"], item["targetName"]) for item in others] == [(new["id"], "Made since")]
    assert others[0]["sourceName"] is None
    assert listed["summary"]["policies"]["notInBackup"] == 1
    # A plan lists it too, and executing that does nothing about it.
    plan = planned(place, backup_set)
    run = place.run("restoreAssignments", restore_input(plan))
    assert (run["outcome"], run["counters"]["total"]) == ("SUCCEEDED", len(known) - 1)
    # Who chose policies did not ask for others.
    chosen = compared(place, backup_set, policyIds=[known[0]["id"]])
    assert chosen["summary"]["policies"]["notInBackup"] == 0


def test_a_comparison_is_never_executed(place: Place) -> None:
    comparison = compared(place, backed_up(place))
    result = place.start("restoreAssignments", restore_input(comparison))
    assert (result["__typename"], result["code"]) == ("NotExecutable", "NOT_EXECUTABLE")


def test_whoever_may_look_may_compare(place: Place) -> None:
    backup_set = backed_up(place)
    given = {"tenantId": place.tenant_id, "backupSetId": backup_set}
    started = place.start("compareBackup", given, place.member("readonly"))
    assert started["__typename"] == "StartRunPayload"
    assert place.wait(started["run"]["id"])["outcome"] == "SUCCEEDED"


def test_the_set_to_compare_with_is_of_the_tenant(place: Place) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    backup_set = backed_up(place)
    given = {"tenantId": other.tenant_id, "backupSetId": backup_set, "againstSetId": backup_set}
    result = other.start("compareBackup", given)
    assert (result["__typename"], result["field"]) == ("ValidationError", "againstSetId")


def test_a_backup_of_another_tenant(place: Place) -> None:
    """Names stand for ids there; what has no counterpart cannot be compared, and says so."""
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    first, second = backed_up(place), backed_up(other)
    comparison = compared(other, first, againstSetId=second)
    assert {item["blockedReason"] for item in comparison["items"]["nodes"]} >= {"POLICY_NOT_FOUND"}
    assert comparison["summary"]["policies"]["write"] > 0
