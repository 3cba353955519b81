"""A check for drift, through the API: what it finds, since when, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from atlas_drift.check import DriftCheckInput
from atlas_gql.plugins import ReasonCode
from atlas_gql.testing import Failure, Graph, Outcome, Place, RunOperation, assert_plugin_conforms

REPORT = """
query Report($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      items(first: 100) { nodes { key label state result } }
      children { nodes { type outcome } }
      result {
        ... on DriftReport {
          backupSetId restoreRunId unchanged changed missing additional notCompared returned complete
          policies { policyType policyId name difference summary since }
        }
      }
    }
  }
}
"""
PLAN = "query P($id: ID!) { node(id: $id) { ... on RestoreRun { id planDigest } } }"


def backed_up(tenant: Place) -> str:
    run = tenant.run("fetchAssignments", {"tenantId": tenant.tenant_id})
    assert run["outcome"] == "SUCCEEDED"
    subject: str = run["subject"]["id"]
    return subject


def checked(tenant: Place) -> dict[str, Any]:
    """What a check finds: the result, with `policies` by name, `items` and `children`."""
    run = tenant.run("driftCheck", {"tenantId": tenant.tenant_id})
    assert run["outcome"] == "SUCCEEDED", run
    node = tenant.ask(REPORT, id=run["id"])["data"]["node"]
    policies = {policy["name"]: policy for policy in node["result"].pop("policies")}
    return {
        **node["result"],
        "policies": policies,
        "items": node["items"]["nodes"],
        "children": node["children"],
    }


def change(graph: Graph, what: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the tenant's device configurations."""
    graph.change(lambda state: what(state["deviceManagement/deviceConfigurations.json"]["value"]))


def unassigned(count: int) -> Callable[[list[dict[str, Any]]], None]:
    """A change that takes the assignments from so many policies that have some."""

    def unassign(policies: list[dict[str, Any]]) -> None:
        for policy in [policy for policy in policies if policy["assignments"]][:count]:
            policy["assignments"] = []

    return unassign


def restored(tenant: Place, backup_set: str) -> None:
    given = {"tenantId": tenant.tenant_id, "backupSetId": backup_set}
    run = tenant.run("planAssignmentRestore", given)
    plan = tenant.ask(PLAN, id=run["subject"]["id"])["data"]["node"]
    given = {
        "restoreRunId": plan["id"],
        "planDigest": plan["planDigest"],
        "confirmation": "larkspur.example",
        "reason": "a test",
        "acknowledgeAllWarnings": True,
        "idempotencyKey": plan["planDigest"],
    }
    assert tenant.run("restoreAssignments", given)["outcome"] == "SUCCEEDED"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_drift_is_found_keeps_its_since_and_is_forgotten_when_it_is_gone(tenant: Place, graph: Graph) -> None:
    backup_set = backed_up(tenant)
    clean = checked(tenant)
    assert (clean["policies"], clean["items"], clean["changed"], clean["returned"]) == ({}, [], 0, 0)
    begun = datetime.now(UTC)
    change(graph, unassigned(2))
    first = checked(tenant)
    assert (first["backupSetId"], first["changed"], first["unchanged"]) == (
        backup_set,
        2,
        clean["unchanged"] - 2,
    )
    since = {name: at(policy["since"]) for name, policy in first["policies"].items()}
    assert len(since) == 2
    assert all(begun <= seen <= datetime.now(UTC) for seen in since.values())
    assert {policy["difference"] for policy in first["policies"].values()} == {"CHANGED"}
    assert first["children"]["nodes"] == [{"type": "assignments.compare", "outcome": "SUCCEEDED"}]
    assert {item["label"]: item["result"] for item in first["items"]} == {
        name: f"changed: {policy['summary']}" for name, policy in first["policies"].items()
    }
    # A third one drifts: each has its own since.
    change(graph, unassigned(1))
    second = checked(tenant)["policies"]
    assert {name: at(policy["since"]) for name, policy in second.items() if name in since} == since
    (new,) = (policy for name, policy in second.items() if name not in since)
    assert at(new["since"]) > max(since.values())
    restored(tenant, backup_set)
    last = checked(tenant)
    assert (last["policies"], last["items"], last["returned"]) == ({}, [], 3)
    # What drifts again has drifted since then.
    change(graph, unassigned(1))
    (again,) = checked(tenant)["policies"].values()
    assert at(again["since"]) > max(since.values())


def test_a_policy_that_is_gone_and_one_that_is_new_have_drifted(tenant: Place, graph: Graph) -> None:
    backed_up(tenant)

    def replace(policies: list[dict[str, Any]]) -> None:
        policies.append(
            {**policies.pop(0), "id": "00000000-0000-4000-8000-000000000001", "displayName": "New"}
        )

    change(graph, replace)
    found = checked(tenant)
    assert (found["changed"], found["missing"], found["additional"]) == (0, 1, 1)
    assert sorted(policy["difference"] for policy in found["policies"].values()) == ["ADDITIONAL", "MISSING"]
    assert found["policies"]["New"]["difference"] == "ADDITIONAL"


def test_what_a_later_backup_holds_is_no_drift_from_it(tenant: Place, graph: Graph) -> None:
    backed_up(tenant)
    change(graph, unassigned(1))
    (old,) = checked(tenant)["policies"].values()
    newer = backed_up(tenant)
    # Unseen in between: the policy is put back, and changed again.
    graph.reset()
    found = checked(tenant)
    (policy,) = found["policies"].values()
    assert (found["backupSetId"], policy["policyId"]) == (newer, old["policyId"])
    assert at(policy["since"]) > at(old["since"])


def test_what_could_not_be_compared_is_not_forgotten(tenant: Place, graph: Graph) -> None:
    backed_up(tenant)
    change(graph, unassigned(1))
    (before,) = checked(tenant)["policies"].values()
    graph.fails("deviceManagement/deviceConfigurations$", 403)
    unsure = checked(tenant)
    assert (unsure["policies"], unsure["notCompared"] > 0, unsure["returned"]) == ({}, True, 0)
    graph.works()
    (after,) = checked(tenant)["policies"].values()
    assert after == before


NO_BACKUP = Failure(
    "drift.check.no_backup",
    ReasonCode.EXTENSION,
    "The tenant has no complete backup to compare it with.",
    "drift.no_backup",
)


def test_without_a_backup_the_check_says_so(tenant: Place, run_operation: RunOperation) -> None:
    assert run_operation("drift.check") == Outcome("failed", failure=NO_BACKUP)
    # A backup of some kinds is none of the tenant.
    given = {"policyTypes": ["mobileApps"]}
    assert run_operation("assignments.fetch", given).outcome == "succeeded"
    assert run_operation("drift.check").failure == NO_BACKUP


def test_a_comparison_that_fails_is_the_reason(
    tenant: Place, graph: Graph, run_operation: RunOperation
) -> None:
    backed_up(tenant)
    graph.fails("groups", 403)
    failure = run_operation("drift.check").failure
    assert failure is not None
    assert (failure.code, failure.reason, failure.detail) == (
        "drift.check.not_compared",
        ReasonCode.PERMISSION_DENIED,
        None,
    )


def test_the_plugin_conforms(new_tenant: Callable[[], Place]) -> None:
    def drifted(tenant: Place) -> DriftCheckInput:
        backed_up(tenant)
        change(tenant.atlas.graph, unassigned(3))
        return DriftCheckInput()

    assert_plugin_conforms("drift", new_tenant, inputs={"drift.check": drifted})


def test_whoever_may_look_may_check_and_sees_what_was_found(tenant: Place) -> None:
    backed_up(tenant)
    token = tenant.member("readonly")
    started = tenant.start("driftCheck", {"tenantId": tenant.tenant_id}, token)
    assert tenant.wait(started["run"]["id"])["outcome"] == "SUCCEEDED"
    answer = tenant.ask(REPORT, token, id=started["run"]["id"])
    assert answer["data"]["node"]["result"]["complete"] is True


def test_another_tenant_has_a_memory_of_its_own(tenant: Place, graph: Graph) -> None:
    backed_up(tenant)
    change(graph, unassigned(1))
    checked(tenant)
    elsewhere = tenant.atlas.new_place()  # the same real tenant, in another workspace
    assert elsewhere.run("driftCheck", {"tenantId": elsewhere.tenant_id})["outcome"] == "FAILED"
    graph.reset()
    backed_up(elsewhere)
    change(graph, unassigned(1))
    mine, theirs = (next(iter(checked(each)["policies"].values()))["since"] for each in (tenant, elsewhere))
    assert at(mine) < at(theirs)
