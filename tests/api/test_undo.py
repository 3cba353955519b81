"""Undoing a restore, however it ended: the way back is planned, shown and executed as any restore."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.demo.tenant import Portal
from atlas_gql.testing.installation import Installation, Place
from support.steps import (
    backed_up,
    damaged,
    faults,
    planned,
    portal_state,
    restore_input,
    shown,
    undone,
    until,
)

CATALOG = "deviceManagement/configurationPolicies"


class Restored:
    """A tenant that was damaged and restored; `before` is how it was in between."""

    def __init__(self, place: Place, *rules: dict[str, Any]) -> None:
        self.place = place
        backup_set = backed_up(place)
        self.changed = damaged(place)
        self.before = portal_state(place)
        plan = planned(place, backup_set)
        faults(place, *rules)
        self.run = place.run("restoreAssignments", restore_input(plan))
        faults(place)


def test_the_tenant_is_exactly_as_before_the_restore(place: Place) -> None:
    restored = Restored(place)
    after = portal_state(place)
    plan = undone(place, restored.run["id"])
    assert plan["purpose"] == "UNDO"
    assert plan["summary"]["policies"] == {
        "write": restored.changed,
        "none": 0,
        "blocked": 0,
        "notInBackup": 0,
    }
    run = place.run("restoreAssignments", restore_input(plan))
    assert (run["outcome"], portal_state(place)) == ("SUCCEEDED", restored.before)
    # And an undo is undone in the same way.
    again = undone(place, run["id"])
    assert place.run("restoreAssignments", restore_input(again))["outcome"] == "SUCCEEDED"
    assert portal_state(place) == after


def test_undoing_twice_finds_nothing_to_do(place: Place) -> None:
    restored = Restored(place)
    place.run("restoreAssignments", restore_input(undone(place, restored.run["id"])))
    counts = undone(place, restored.run["id"])["summary"]["policies"]
    assert counts == {"write": 0, "none": restored.changed, "blocked": 0, "notInBackup": 0}


def test_the_state_before_can_be_restored_as_any_backup_and_lacks_nothing(place: Place) -> None:
    """It was to hold what was written, and no more: nothing else is missing from it."""
    restored = Restored(place)
    before = shown(place, undone(place, restored.run["id"])["id"])["backupSet"]
    assert before["origin"] == "BEFORE_RESTORE"
    assert planned(place, before["id"])["summary"]["policies"] == {
        "write": restored.changed,
        "none": 0,
        "blocked": 0,
        "notInBackup": 0,
    }


def test_chosen_policies_alone(place: Place) -> None:
    restored = Restored(place)
    items = shown(place, undone(place, restored.run["id"])["id"])["items"]["nodes"]
    chosen = items[0]["targetExternalId"]
    plan = undone(place, restored.run["id"], policyIds=[chosen])
    assert [item["targetExternalId"] for item in shown(place, plan["id"])["items"]["nodes"]] == [chosen]


def test_what_somebody_changed_since_is_left_out_with_the_reason(place: Place) -> None:
    restored = Restored(place)
    items = shown(place, undone(place, restored.run["id"])["id"])["items"]["nodes"]
    touched = next(item for item in items if item["policyType"] == "configurationPolicies")
    portal = Portal(place.atlas.simulator.url)
    portal.assign(CATALOG, touched["targetExternalId"], [])
    plan = undone(place, restored.run["id"])
    (blocked,) = [item for item in shown(place, plan["id"])["items"]["nodes"] if item["blockedReason"]]
    assert (blocked["targetExternalId"], blocked["action"], blocked["blockedReason"]) == (
        touched["targetExternalId"],
        "BLOCKED",
        "CHANGED_SINCE",
    )
    run = place.run("restoreAssignments", restore_input(plan))
    policies = portal.state()[f"{CATALOG}.json"]["value"]
    portal.close()
    (kept,) = (policy for policy in policies if policy["id"] == touched["targetExternalId"])
    assert (run["outcome"], run["counters"]["skipped"], kept["assignments"]) == ("SUCCEEDED", 1, [])


def assign_refused(path: str) -> dict[str, Any]:
    return {"path": path, "method": "POST", "status": 403}


UNANSWERED = {"path": "/assign$", "method": "POST", "lostResponse": True}
"""Carried out, and never answered."""
UNREADABLE = {"path": "/assignments", "status": 403}
"""What was written cannot be read back, nor what needs no write; before a write most are read otherwise."""


@pytest.mark.parametrize(
    ("rules", "outcome", "results"),
    [
        pytest.param(
            [assign_refused("configurationPolicies")], "PARTIALLY_SUCCEEDED", {"failed"}, id="partial"
        ),
        pytest.param([assign_refused("/assign$")], "PARTIALLY_SUCCEEDED", {"failed"}, id="all refused"),
        pytest.param([UNANSWERED, UNREADABLE], "FAILED", {"uncertain", "failed"}, id="uncertain"),
    ],
)
def test_after_whatever_end(
    place: Place, rules: list[dict[str, Any]], outcome: str, results: set[str]
) -> None:
    restored = Restored(place, *rules)
    failures = {failure["item"]["result"] for failure in restored.run["failures"]}
    assert (restored.run["outcome"], failures) == (outcome, results)
    plan = undone(place, restored.run["id"])
    assert plan["summary"]["policies"]["blocked"] == 0
    assert place.run("restoreAssignments", restore_input(plan))["outcome"] == "SUCCEEDED"
    assert portal_state(place) == restored.before


def test_a_cancelled_restore_stops_between_policies_and_is_undone(place: Place) -> None:
    backup_set = backed_up(place)
    damaged(place)
    before = portal_state(place)
    plan = planned(place, backup_set)
    journal = place.atlas.simulator.journal
    journal.clear()
    faults(place, {"path": "/assign$", "method": "POST", "latencyMs": 300})
    started = place.start("restoreAssignments", restore_input(plan))
    until(lambda: any(entry["path"].endswith("/assign") for entry in journal))
    place.ask(
        "mutation M($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }", id=started["run"]["id"]
    )
    run = place.wait(started["run"]["id"])
    faults(place)
    assert run["outcome"] == "CANCELLED"
    assert run["counters"]["processed"] < run["counters"]["total"]
    undo = undone(place, run["id"])
    assert (undo["summary"]["policies"]["write"] > 0, undo["summary"]["policies"]["blocked"]) == (True, 0)
    assert place.run("restoreAssignments", restore_input(undo))["outcome"] == "SUCCEEDED"
    assert portal_state(place) == before


class TestRefused:
    def test_a_run_that_restored_nothing(self, place: Place) -> None:
        backup = place.run("fetchAssignments", {"tenantId": place.tenant_id})
        given = {"tenantId": place.tenant_id, "runId": backup["id"]}
        result = place.start("undoAssignmentRestore", given)
        assert (result["__typename"], result["field"]) == ("ValidationError", "runId")

    def test_a_restore_that_wrote_nothing(self, place: Place) -> None:
        run = place.run("restoreAssignments", restore_input(planned(place, backed_up(place))))
        result = place.start("undoAssignmentRestore", {"tenantId": place.tenant_id, "runId": run["id"]})
        assert (result["field"], result["message"]) == (
            "runId",
            "The run wrote nothing: there is nothing to undo.",
        )

    def test_a_policy_that_it_did_not_write(self, place: Place) -> None:
        restored = Restored(place)
        given = {"tenantId": place.tenant_id, "runId": restored.run["id"], "policyIds": ["other"]}
        result = place.start("undoAssignmentRestore", given)
        assert (result["field"], result["message"]) == (
            "policyIds",
            "The run did not write the policy 'other'.",
        )

    def test_a_run_of_another_tenant(self, place: Place) -> None:
        restored = Restored(place)
        other = place.add_tenant("5d6a2d0e-6f0c-4b7a-9a53-6d2f6f0c7b11", "marigold.example")
        given = {"tenantId": other.tenant_id, "runId": restored.run["id"]}
        result = other.start("undoAssignmentRestore", given)
        assert (result["field"], result["message"]) == ("runId", "The run is of another tenant.")

    def test_a_run_of_another_workspace(self, place: Place, atlas: Installation) -> None:
        restored = Restored(place)
        stranger = atlas.new_place()
        answer = stranger.ask(
            "mutation M($input: UndoAssignmentRestoreInput!)"
            " { undoAssignmentRestore(input: $input) { __typename } }",
            input={"tenantId": stranger.tenant_id, "runId": restored.run["id"]},
        )
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
