"""`atlas restore undo` and `atlas backup compare`: the way back, and what drifted."""

from __future__ import annotations

import re

import pytest

from atlas_gql.demo.tenant import Portal
from support.steps import backed_up, damaged, planned, restore_input

CONFIRMED = ("--confirm", "larkspur.example", "--acknowledge", "all")


@pytest.fixture
def restored(shell, place) -> str:
    """The id of a run that restored five policies."""
    backup = backed_up(place)
    damaged(place)
    place.run("restoreAssignments", restore_input(planned(place, backup)))
    return shell.json("runs", "list")[0]["uuid"]


def state(place):
    portal = Portal(place.atlas.simulator.url)
    try:
        return portal.state()
    finally:
        portal.close()


def test_undo_plans_shows_and_restores_after_one_confirmation(shell, place):
    backup = backed_up(place)
    damaged(place)
    before = state(place)
    place.run("restoreAssignments", restore_input(planned(place, backup)))
    run = shell.json("runs", "list")[0]["uuid"]
    assert state(place) != before
    said = shell.says("restore", "undo", run, *CONFIRMED)
    assert said.startswith("Plan to undo a restore: ")
    assert "the state before a restore" in said
    assert state(place) == before
    undone = re.search(r"to go back: atlas restore undo (\S+)", said)[1]
    assert shell.json("runs", "show", undone)["reason"] == f"Undo of the run {run}"


def test_a_person_types_the_domain_and_nothing_else(shell, restored, terminal):
    terminal("larkspur.example")
    assert "assignments.restore succeeded: 5 done" in shell.says("restore", "undo", restored)


def test_a_script_has_to_acknowledge_the_warnings(shell, place, restored):
    after = state(place)
    said = shell.says("restore", "undo", restored, "--confirm", "larkspur.example", code=5)
    assert "Warnings that were not acknowledged" in said
    assert "--plan-only" in shell.says("restore", "undo", restored, code=2)
    assert state(place) == after


def test_the_way_back_may_only_be_planned(shell, restored):
    plan = shell.json("restore", "undo", restored, "--plan-only")
    assert (plan["purpose"], plan["summary"]["policies"]["write"]) == ("UNDO", 5)
    chosen = plan["items"][0]["targetExternalId"]
    one = shell.json("restore", "undo", restored, "--plan-only", "--policy", chosen)
    assert [item["targetExternalId"] for item in one["items"]] == [chosen]


def test_what_somebody_changed_since_stays_and_ends_with_4(shell, place, restored):
    portal = Portal(place.atlas.simulator.url)
    (policy,) = (
        p
        for p in portal.policies("deviceManagement/configurationPolicies")
        if p["name"] == "Baseline - BitLocker"
    )
    portal.assign("deviceManagement/configurationPolicies", policy["id"], [])
    portal.close()
    said = shell.says("restore", "undo", restored, *CONFIRMED, code=4)
    assert re.search(r"CHANGED_SINCE +1 policy\n +Baseline - BitLocker", said)


def test_a_run_that_restored_nothing_cannot_be_undone(shell, place):
    backed_up(place)
    fetched = shell.json("runs", "list")[0]["uuid"]
    assert shell.run("restore", "undo", fetched, "--plan-only").exit_code == 2


def test_a_comparison_shows_what_drifted_and_ends_with_8(shell, place):
    backed_up(place)
    assert "0 different, 63 the same" in shell.says("backup", "compare")
    damaged(place)
    said = shell.says("backup", "compare", code=8)
    assert said.startswith("Comparison ")
    assert "DIFFERENT  5 policies" in said
    assert [word for word in ("To execute it", "WARNINGS", "digest") if word in said] == []
    found = shell.json("backup", "compare", code=8)
    assert (found["purpose"], found["summary"]["policies"]["write"]) == ("COMPARE", 5)
    refused = shell.says("restore", "execute", found["uuid"], "--reason", "x", *CONFIRMED, code=5)
    assert "NOT_EXECUTABLE" in refused


def test_two_backups_are_compared(shell, place):
    first = shell.json("backup", "create")["subject"]["uuid"]
    damaged(place)
    second = shell.json("backup", "create")["subject"]["uuid"]
    said = shell.says("backup", "compare", first, "--with", second, code=8)
    assert f"the backup {second}" in said
    assert shell.json("backup", "compare", second)["summary"]["policies"]["write"] == 0
