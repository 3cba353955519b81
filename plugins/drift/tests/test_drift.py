"""A check for drift, through the API: what it finds, since when, and what it says when it cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from atlas_gql.testing.installation import Place

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


def backed_up(place: Place) -> str:
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    assert run["outcome"] == "SUCCEEDED"
    subject: str = run["subject"]["id"]
    return subject


def checked(place: Place) -> dict[str, Any]:
    """What a check finds: the result, with `policies` by name, `items` and `children`."""
    run = place.run("driftCheck", {"tenantId": place.tenant_id})
    assert run["outcome"] == "SUCCEEDED", run
    node = place.ask(REPORT, id=run["id"])["data"]["node"]
    policies = {policy["name"]: policy for policy in node["result"].pop("policies")}
    return {
        **node["result"],
        "policies": policies,
        "items": node["items"]["nodes"],
        "children": node["children"],
    }


def unassigned(count: int) -> Any:
    """A change that takes the assignments from so many policies that have some."""

    def change(policies: list[dict[str, Any]]) -> None:
        for policy in [policy for policy in policies if policy["assignments"]][:count]:
            policy["assignments"] = []

    return change


def restored(place: Place, backup_set: str) -> None:
    given = {"tenantId": place.tenant_id, "backupSetId": backup_set}
    run = place.run("planAssignmentRestore", given)
    plan = place.ask(PLAN, id=run["subject"]["id"])["data"]["node"]
    given = {
        "restoreRunId": plan["id"],
        "planDigest": plan["planDigest"],
        "confirmation": "larkspur.example",
        "reason": "a test",
        "acknowledgeAllWarnings": True,
        "idempotencyKey": plan["planDigest"],
    }
    assert place.run("restoreAssignments", given)["outcome"] == "SUCCEEDED"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_drift_is_found_keeps_its_since_and_is_forgotten_when_it_is_gone(place: Place, portal: Any) -> None:
    backup_set = backed_up(place)
    clean = checked(place)
    assert (clean["policies"], clean["items"], clean["changed"], clean["returned"]) == ({}, [], 0, 0)
    begun = datetime.now(UTC)
    portal.change(place, unassigned(2))
    first = checked(place)
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
    portal.change(place, unassigned(1))
    second = checked(place)["policies"]
    assert {name: at(policy["since"]) for name, policy in second.items() if name in since} == since
    (new,) = (policy for name, policy in second.items() if name not in since)
    assert at(new["since"]) > max(since.values())
    restored(place, backup_set)
    last = checked(place)
    assert (last["policies"], last["items"], last["returned"]) == ({}, [], 3)
    # What drifts again has drifted since then.
    portal.change(place, unassigned(1))
    (again,) = checked(place)["policies"].values()
    assert at(again["since"]) > max(since.values())


def test_a_policy_that_is_gone_and_one_that_is_new_have_drifted(place: Place, portal: Any) -> None:
    backed_up(place)

    def change(policies: list[dict[str, Any]]) -> None:
        policies.append(
            {**policies.pop(0), "id": "00000000-0000-4000-8000-000000000001", "displayName": "New"}
        )

    portal.change(place, change)
    found = checked(place)
    assert (found["changed"], found["missing"], found["additional"]) == (0, 1, 1)
    assert sorted(policy["difference"] for policy in found["policies"].values()) == ["ADDITIONAL", "MISSING"]
    assert found["policies"]["New"]["difference"] == "ADDITIONAL"


def test_what_a_later_backup_holds_is_no_drift_from_it(place: Place, portal: Any) -> None:
    backed_up(place)
    portal.change(place, unassigned(1))
    (old,) = checked(place)["policies"].values()
    newer = backed_up(place)
    # Unseen in between: the policy is put back, and changed again.
    portal.reset()
    found = checked(place)
    (policy,) = found["policies"].values()
    assert (found["backupSetId"], policy["policyId"]) == (newer, old["policyId"])
    assert at(policy["since"]) > at(old["since"])


def test_what_could_not_be_compared_is_not_forgotten(place: Place, portal: Any) -> None:
    backed_up(place)
    portal.change(place, unassigned(1))
    (before,) = checked(place)["policies"].values()
    portal.refuse("deviceManagement/deviceConfigurations$")
    unsure = checked(place)
    assert (unsure["policies"], unsure["notCompared"] > 0, unsure["returned"]) == ({}, True, 0)
    portal.http.delete("/_simulator/faults").raise_for_status()
    (after,) = checked(place)["policies"].values()
    assert after == before


def failure(place: Place) -> tuple[str, str, str | None]:
    run = place.run("driftCheck", {"tenantId": place.tenant_id})
    (found,) = run["failures"]
    assert run["outcome"] == "FAILED"
    return found["code"], found["reasonCode"], found["reasonDetail"]


def test_without_a_backup_the_check_says_so(place: Place) -> None:
    assert failure(place) == ("drift.check.no_backup", "EXTENSION", "drift.no_backup")
    # A backup of some kinds is none of the tenant.
    given = {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]}
    assert place.run("fetchAssignments", given)["outcome"] == "SUCCEEDED"
    assert failure(place) == ("drift.check.no_backup", "EXTENSION", "drift.no_backup")


def test_a_comparison_that_fails_is_the_reason(place: Place, portal: Any) -> None:
    backed_up(place)
    portal.refuse("groups")
    code, reason, detail = failure(place)
    assert (code, reason, detail) == ("drift.check.not_compared", "PERMISSION_DENIED", None)


def test_whoever_may_look_may_check_and_sees_what_was_found(place: Place) -> None:
    backed_up(place)
    token = place.member("readonly")
    started = place.start("driftCheck", {"tenantId": place.tenant_id}, token)
    assert place.wait(started["run"]["id"])["outcome"] == "SUCCEEDED"
    answer = place.ask(REPORT, token, id=started["run"]["id"])
    assert answer["data"]["node"]["result"]["complete"] is True


def test_another_tenant_has_a_memory_of_its_own(place: Place, portal: Any) -> None:
    backed_up(place)
    portal.change(place, unassigned(1))
    checked(place)
    elsewhere = place.atlas.new_place()  # the same real tenant, in another workspace
    assert failure(elsewhere)[2] == "drift.no_backup"
    portal.reset()
    backed_up(elsewhere)
    portal.change(elsewhere, unassigned(1))
    mine, theirs = (next(iter(checked(each)["policies"].values()))["since"] for each in (place, elsewhere))
    assert at(mine) < at(theirs)
