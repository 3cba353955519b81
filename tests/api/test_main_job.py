"""Back up, damage, plan, restore: through the public API, against the simulated tenant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from atlas_gql.demo.tenant import Portal
from atlas_gql.testing.installation import Place
from support.steps import backed_up, damaged, planned, portal_state, restore_input


def test_a_damaged_tenant_is_as_before_after_the_restore(place: Place) -> None:
    before = portal_state(place)
    backup_set = backed_up(place)
    changed = damaged(place)
    assert portal_state(place) != before
    plan = planned(place, backup_set)
    assert plan["summary"]["policies"] == {
        "write": changed,
        "none": 63 - changed,
        "blocked": 0,
        "notInBackup": 0,
    }
    run = place.run("restoreAssignments", restore_input(plan))
    assert portal_state(place) == before
    assert (run["outcome"], run["failures"]) == ("SUCCEEDED", [])
    assert run["counters"] == {"total": 63, "processed": 63, "failed": 0, "skipped": 0}
    assert run["auditEntries"]["nodes"] == [
        {"action": "restore.executed", "outcome": "succeeded", "reason": "a test"}
    ]


def test_planning_again_finds_nothing_to_do(place: Place) -> None:
    backup_set = backed_up(place)
    damaged(place)
    place.run("restoreAssignments", restore_input(planned(place, backup_set)))
    again = planned(place, backup_set, unresolvedIncludes="SKIP")
    assert again["summary"]["policies"] == {"write": 0, "none": 63, "blocked": 0, "notInBackup": 0}
    assert again["warnings"] == []


def test_only_what_changed_is_written(place: Place) -> None:
    backup_set = backed_up(place)
    changed = damaged(place)
    plan = planned(place, backup_set)
    place.atlas.simulator.journal.clear()
    place.run("restoreAssignments", restore_input(plan))
    writes = [
        entry
        for entry in place.atlas.simulator.journal
        if entry["method"] == "POST" and entry["path"].endswith("/assign")
    ]
    assert len(writes) == changed


def test_the_same_restore_twice_at_once_is_one_run(place: Place) -> None:
    plan = planned(place, backed_up(place))
    inputs = [restore_input(plan, idempotencyKey=key) for key in ("one", "two", "one", "three")]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda given: place.start("restoreAssignments", given), inputs))
    assert {result["__typename"] for result in results} == {"StartRunPayload"}
    assert len({result["run"]["id"] for result in results}) == 1
    assert sorted(result["deduplicated"] for result in results) == [False, True, True, True]


def test_the_same_new_backup_twice_at_once_is_one_run_and_one_set(place: Place) -> None:
    given = {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]}
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: place.start("fetchAssignments", given), range(4)))
    (run_id,) = {result["run"]["id"] for result in results}
    place.wait(run_id)
    sets = place.ask(
        "query Q($id: ID!) { tenant(id: $id) { backupSets { totalCount } } }", id=place.tenant_id
    )
    assert sets["data"]["tenant"]["backupSets"]["totalCount"] == 1


def test_an_idempotency_key_gives_its_run_also_after_the_end(place: Place) -> None:
    plan = planned(place, backed_up(place))
    run = place.run("restoreAssignments", restore_input(plan))
    again = place.start("restoreAssignments", restore_input(plan))
    assert (again["run"]["id"], again["deduplicated"]) == (run["id"], True)
    other = place.start("restoreAssignments", restore_input(plan, reason="another reason"))
    assert (other["__typename"], other["code"]) == ("IdempotencyConflict", "IDEMPOTENCY_CONFLICT")


def test_a_second_start_with_other_input_is_told_of_the_active_run(place: Place) -> None:
    plan = planned(place, backed_up(place))
    first = place.start("restoreAssignments", restore_input(plan, idempotencyKey="one"))
    second = place.start("restoreAssignments", restore_input(plan, idempotencyKey="two", reason="other"))
    # The first may have ended before the second came; then the second is a run of its own.
    if second["__typename"] == "RunConflict":
        assert second["code"] == "RUN_CONFLICT"
    else:
        assert second["run"]["id"] != first["run"]["id"]
    place.wait(first["run"]["id"])


def test_a_policy_that_changed_after_the_plan_is_left_alone(place: Place) -> None:
    backup_set = backed_up(place)
    damaged(place)
    plan = planned(place, backup_set)
    portal = Portal(place.atlas.simulator.url)
    touched = next(portal.policies("deviceManagement/configurationPolicies"))
    portal.assign("deviceManagement/configurationPolicies", touched["id"], [])
    run = place.run("restoreAssignments", restore_input(plan))
    portal.close()
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    assert [(f["reasonCode"], f["item"]["label"]) for f in run["failures"]] == [
        ("STALE_PLAN", touched["name"])
    ]
    assert run["failures"][0]["code"] == "assignments.restore.item_failed"
