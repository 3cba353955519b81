"""A write whose answer is lost is looked for, and never sent over what somebody else did meanwhile."""

from __future__ import annotations

from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import backed_up, damaged, planned, restore_input

FAULT = {"method": "POST", "path": ".*/assign$", "lostResponse": True, "status": 504, "times": 1}


def writes_of(place: Place) -> list[str]:
    return [entry["path"] for entry in place.atlas.simulator.journal if entry["path"].endswith("/assign")]


def test_a_write_that_took_effect_without_an_answer_is_not_sent_again(place: Place) -> None:
    backup_set = backed_up(place)
    changed = damaged(place)
    plan = planned(place, backup_set)
    place.atlas.simulator.journal.clear()
    loopback.post(f"{place.atlas.simulator.url}/_simulator/faults", json=[FAULT]).raise_for_status()
    run = place.run("restoreAssignments", restore_input(plan))
    assert run["outcome"] == "SUCCEEDED"
    paths = writes_of(place)
    assert (len(paths), len(set(paths))) == (changed, changed)
