"""One policy backed up again: named by what the run's item said."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.testing.installation import Place
from support.steps import backed_up, faults, planned

APPS = "deviceAppManagement/mobileApps"
ITEMS = """
query Items($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      items(first: 100) { nodes { key state failure { code reasonCode } } }
      subject { id ... on BackupSet { state items { nodes { name policyType assignmentsState } } } }
    }
  }
}
"""


def items(place: Place, run_id: str) -> dict[str, Any]:
    node: dict[str, Any] = place.ask(ITEMS, id=run_id)["data"]["node"]
    return node


def test_what_failed_is_backed_up_again_by_the_key_of_its_item(place: Place) -> None:
    faults(
        place,
        {"path": r"/deviceCompliancePolicies/.*/assignments", "status": 403},
        {"path": "/deviceCompliancePolicies$", "query": "expand", "status": 400},
    )
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    failed = [item["key"] for item in items(place, run["id"])["items"]["nodes"] if item["state"] == "FAILED"]
    assert len(failed) > 1
    faults(place)
    place.atlas.simulator.journal.clear() if hasattr(place.atlas.simulator.journal, "clear") else None
    again = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policies": failed[:1]})
    found = items(place, again["id"])
    assert (again["outcome"], found["subject"]["state"]) == ("SUCCEEDED", "COMPLETE")
    assert [item["key"] for item in found["items"]["nodes"]] == failed[:1]
    assert [item["assignmentsState"] for item in found["subject"]["items"]["nodes"]] == ["FETCHED"]
    assert planned(place, found["subject"]["id"])["summary"]["policies"] == {
        "write": 0,
        "none": 1,
        "blocked": 0,
        "notInBackup": 0,
    }


def test_policies_of_several_kinds_and_one_that_is_gone(place: Place) -> None:
    backup = place.ask(
        "query B($id: ID!) { node(id: $id) { ... on BackupSet"
        " { items(first: 100) { nodes { policyType externalId } } } } }",
        id=backed_up(place),
    )["data"]["node"]["items"]["nodes"]
    first = {item["policyType"]: f"{item['policyType']}/{item['externalId']}" for item in backup}
    chosen = [*first.values(), "mobileApps/00000000-0000-4000-8000-00000000dead"]
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policies": chosen})
    found = items(place, run["id"])
    assert (run["outcome"], run["counters"]) == (
        "PARTIALLY_SUCCEEDED",
        {"total": 8, "processed": 7, "failed": 1, "skipped": 0},
    )
    assert sorted(item["key"] for item in found["items"]["nodes"]) == sorted(chosen)
    (gone,) = [item["failure"] for item in found["items"]["nodes"] if item["failure"]]
    assert gone == {"code": "assignments.fetch.policy_gone", "reasonCode": "NOT_FOUND"}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"policies": ["mobileApps/a"], "policyTypes": ["mobileApps"]}, id="both"),
        pytest.param({"policies": ["mobileApps/a", "mobileApps/a"]}, id="twice"),
        pytest.param({"policies": ["mobileApps"]}, id="no-id"),
        pytest.param({"policies": ["mobileApps/"]}, id="empty-id"),
        pytest.param({"policies": ["novelties/a"]}, id="unknown-kind"),
        pytest.param({"policies": [f"mobileApps/{n}" for n in range(101)]}, id="too-many"),
    ],
)
def test_single_policies_that_cannot_be_backed_up_are_refused(place: Place, given: dict[str, Any]) -> None:
    answer = place.start("fetchAssignments", {"tenantId": place.tenant_id, **given})
    assert (answer["__typename"], answer["field"]) == ("ValidationError", "policies")
