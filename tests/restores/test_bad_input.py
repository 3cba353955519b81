"""What is wrong with a plan or its execution is refused with the field's name, or blocks what it concerns."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Installation, Place
from support.steps import backed_up, damaged, faults, planned, restore_input, shown

NOBODY = "00000000-0000-4000-8000-00000000dead"


def refused(place: Place, backup_set: str, **given: Any) -> tuple[str, str]:
    result = place.start(
        "planAssignmentRestore", {"tenantId": place.tenant_id, "backupSetId": backup_set, **given}
    )
    assert result["__typename"] == "ValidationError", result
    return result["field"], result["message"]


def one_of(place: Place, backup_set: str) -> tuple[str, str]:
    """A policy of the backup, and a group that it includes."""
    for item in shown(place, planned(place, backup_set)["id"])["items"]["nodes"]:
        for change in item["changes"]:
            target = change["target"]
            if item["policyType"] == "configurationPolicies" and target["id"] and not target["excluded"]:
                return item["sourceExternalId"], target["id"]
    raise AssertionError("no policy of the demo tenant includes a group")


class TestMappings:
    @pytest.mark.parametrize("unresolved", ["BLOCK", "SKIP"])
    def test_to_a_group_that_does_not_exist(self, place: Place, unresolved: str) -> None:
        backup_set = backed_up(place)
        policy, group = one_of(place, backup_set)
        plan = planned(
            place,
            backup_set,
            policyIds=[policy],
            unresolvedIncludes=unresolved,
            groupMappings=[{"sourceId": group, "targetId": NOBODY}],
        )
        (item,) = shown(place, plan["id"])["items"]["nodes"]
        assert (item["action"], item["blockedReason"]) == ("BLOCKED", "UNRESOLVED_GROUP")
        assert item["blockedMessage"].endswith(f"is mapped to {NOBODY}, which is not in the tenant.")

    def test_of_a_group_that_is_not_in_the_backup(self, place: Place) -> None:
        backup_set = backed_up(place)
        for field in ("groupMappings", "filterMappings"):
            field_at_fault, message = refused(
                place, backup_set, **{field: [{"sourceId": NOBODY, "targetId": NOBODY}]}
            )
            assert (field_at_fault, NOBODY in message) == (field, True)

    def test_of_one_group_to_two(self, place: Place) -> None:
        backup_set = backed_up(place)
        _, group = one_of(place, backup_set)
        twice = [{"sourceId": group, "targetId": group}, {"sourceId": group.upper(), "targetId": NOBODY}]
        assert refused(place, backup_set, groupMappings=twice) == (
            "groupMappings",
            "A source is mapped twice.",
        )


class TestSelections:
    def test_a_policy_that_is_not_in_the_backup(self, place: Place) -> None:
        backup_set = backed_up(place)
        policy, _ = one_of(place, backup_set)
        field, message = refused(place, backup_set, policyIds=[policy, NOBODY])
        assert (field, NOBODY in message) == ("policyIds", True)

    def test_a_kind_of_which_the_backup_holds_none(self, place: Place) -> None:
        assert refused(place, backed_up(place), policyTypes=["termsAndConditions"])[0] == "policyTypes"

    def test_single_assignments_cannot_replace(self, place: Place) -> None:
        backup_set = backed_up(place)
        policy, group = one_of(place, backup_set)
        one = [{"policyId": policy, "groupId": group}]
        assert refused(place, backup_set, assignments=one)[0] == "mode"
        assert (
            refused(place, backup_set, assignments=one, mode="MERGE", policyIds=[policy])[0] == "assignments"
        )

    @pytest.mark.parametrize(
        "selection",
        [
            pytest.param({"target": "ALL_USERS", "groupId": NOBODY}, id="all users and a group"),
            pytest.param({}, id="no group"),
            pytest.param({"groupId": "Sales"}, id="a group's name"),
        ],
    )
    def test_an_assignment_that_names_nobody(self, place: Place, selection: dict[str, str]) -> None:
        backup_set = backed_up(place)
        policy, _ = one_of(place, backup_set)
        chosen = [{"policyId": policy, **selection}]
        assert refused(place, backup_set, mode="MERGE", assignments=chosen)[0] == "assignments"

    def test_an_assignment_that_is_not_in_the_backup(self, place: Place) -> None:
        backup_set = backed_up(place)
        policy, _ = one_of(place, backup_set)
        chosen = [{"policyId": policy, "groupId": NOBODY}]
        (item,) = shown(place, planned(place, backup_set, mode="MERGE", assignments=chosen)["id"])["items"][
            "nodes"
        ]
        assert (item["action"], item["blockedReason"]) == ("BLOCKED", "NOT_FOUND")

    def test_only_the_selected_assignment_is_restored(self, place: Place) -> None:
        backup_set = backed_up(place)
        damaged(place)
        whole = shown(place, planned(place, backup_set)["id"])["items"]["nodes"]
        item, change = next(
            (item, change)
            for item in whole
            for change in item["changes"]
            if change["change"] == "ADDED" and change["target"]["id"]
        )
        chosen = [{"policyId": item["sourceExternalId"], "groupId": change["target"]["id"]}]
        plan = planned(place, backup_set, mode="MERGE", assignments=chosen)
        (only,) = shown(place, plan["id"])["items"]["nodes"]
        touched = [c["target"]["id"] for c in only["changes"] if c["change"] != "KEPT"]
        assert (only["targetExternalId"], touched) == (item["targetExternalId"], [change["target"]["id"]])


class TestExecutions:
    def test_the_digest_of_another_plan(self, place: Place) -> None:
        backup_set = backed_up(place)
        before = planned(place, backup_set)
        damaged(place)
        plan = planned(place, backup_set)
        given = restore_input(plan, planDigest=before["planDigest"])
        assert place.start("restoreAssignments", given)["__typename"] == "PlanMismatch"

    def test_a_plan_is_executed_once(self, place: Place) -> None:
        backup_set = backed_up(place)
        damaged(place)
        plan = planned(place, backup_set)
        assert place.run("restoreAssignments", restore_input(plan))["outcome"] == "SUCCEEDED"
        again = place.start("restoreAssignments", restore_input(plan, idempotencyKey="another"))
        assert (again["__typename"], again["code"]) == ("PlanExecuted", "PLAN_EXECUTED")
        sets = place.ask(
            "query Q($id: ID!) { tenant(id: $id) { backupSets { nodes { origin itemCount } } } }",
            id=place.tenant_id,
        )["data"]["tenant"]["backupSets"]["nodes"]
        assert [s["itemCount"] for s in sets if s["origin"] == "BEFORE_RESTORE"] == [5]

    def test_a_plan_of_another_workspace(self, place: Place, atlas: Installation) -> None:
        plan = planned(place, backed_up(place))
        answer = atlas.new_place().ask(
            "mutation M($input: RestoreAssignmentsInput!)"
            " { restoreAssignments(input: $input) { __typename } }",
            input=restore_input(plan),
        )
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_source_that_the_caller_may_not_see(place: Place) -> None:
    backup_set = backed_up(place)
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    for mutation in ("planAssignmentRestore", "compareBackup"):
        kind = mutation[0].upper() + mutation[1:]
        answer = other.ask(
            f"mutation M($input: {kind}Input!) {{ {mutation}(input: $input) {{ __typename }} }}",
            other.member("operator"),
            input={"tenantId": other.tenant_id, "backupSetId": backup_set},
        )
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_backup_set_that_is_still_being_captured(place: Place) -> None:
    faults(place, {"path": "deviceConfigurations$", "latencyMs": 1500})
    started = place.start("fetchAssignments", {"tenantId": place.tenant_id})
    run = place.ask(
        "query Q($id: ID!) { node(id: $id) { ... on OperationRun { subject { id } } } }",
        id=started["run"]["id"],
    )["data"]["node"]
    assert refused(place, run["subject"]["id"]) == (
        "backupSetId",
        "The backup set is still being captured.",
    )
    faults(place)
    place.wait(started["run"]["id"])
