"""How large the groups are that a plan touches: each counted once, and no other."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from atlas_gql.testing.installation import Place
from support.steps import backed_up, damaged, planned, portal_state, restore_input, set_portal_state, shown


def counted(place: Place) -> list[str]:
    """The groups whose members were counted."""
    paths = [entry["path"] for entry in place.atlas.simulator.journal]
    return [path.split("/")[-3] for path in paths if path.endswith("/members/$count")]


def test_each_group_that_a_write_touches_is_counted_once(place: Place) -> None:
    sizes = {g["id"]: g["members@odata.count"] for g in portal_state(place)["groups.json"]["value"]}
    backup_set = backed_up(place)
    damaged(place)
    place.atlas.simulator.journal.clear()
    plan = shown(place, planned(place, backup_set)["id"])
    touched: dict[str, Any] = {
        change["target"]["id"]: change["target"]["memberCount"]
        for item in plan["items"]["nodes"]
        for change in item["changes"]
        if item["action"] == "WRITE" and change["change"] in ("ADDED", "REMOVED", "CHANGED")
        if change["target"]["id"]
    }
    assert touched == {id_: sizes[id_] for id_ in touched}
    assert sorted(counted(place)) == sorted(touched)
    assert {w["target"]["memberCount"] for w in plan["warnings"] if w["target"]} <= set(touched.values())


def test_a_plan_without_changes_counts_nothing(place: Place) -> None:
    backup_set = backed_up(place)
    place.atlas.simulator.journal.clear()
    planned(place, backup_set)
    assert counted(place) == []


def test_a_group_that_was_deleted_and_made_again_is_found_by_its_name_and_warned_of(place: Place) -> None:
    backup_set = backed_up(place)
    state = portal_state(place)
    old = next(g for g in state["groups.json"]["value"] if g["displayName"] == "Windows Laptops")
    again = {**old, "id": str(uuid4()), "membershipRule": '(device.model -eq "B")'}
    state["groups.json"]["value"] = [g if g is not old else again for g in state["groups.json"]["value"]]
    set_portal_state(place, state)
    plan = planned(place, backup_set)
    seen = shown(place, plan["id"])
    (mapping,) = (m for m in seen["mappings"] if m["sourceId"] == old["id"])
    assert (mapping["targetId"], mapping["found"]) == (again["id"], "NAME")
    codes = {warning["code"] for warning in seen["warnings"]}
    assert {"MATCHED_BY_NAME", "GROUP_RULE_DIFFERS"} <= codes
    rules = {(w["ruleThen"], w["ruleNow"]) for w in seen["warnings"] if w["code"] == "GROUP_RULE_DIFFERS"}
    assert rules == {(old["membershipRule"], again["membershipRule"])}
    assert place.run("restoreAssignments", restore_input(plan))["outcome"] == "SUCCEEDED"
    assert planned(place, backup_set)["summary"]["policies"]["write"] == 0
