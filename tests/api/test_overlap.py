"""A backup during which Atlas wrote to the same real tenant says so."""

from __future__ import annotations

from atlas_gql.testing.installation import Installation, Place
from support.steps import backed_up, damaged, faults, planned, restore_input

QUERY = "query Q($id: ID!) { node(id: $id) { ... on BackupSet { state overlappedWrite } } }"
SLOW = {"path": "deviceManagement/deviceConfigurations$", "latencyMs": 2500}


def seen(place: Place, backup_set: str) -> tuple[str, bool]:
    node = place.ask(QUERY, id=backup_set)["data"]["node"]
    return node["state"], node["overlappedWrite"]


def captured_while_restoring(place: Place, other: Place) -> str:
    """A backup set of `other`, taken while `place` was restored."""
    backup_set = backed_up(place)
    damaged(place)
    plan = planned(place, backup_set)
    faults(place, SLOW)
    slow = other.start("fetchAssignments", {"tenantId": other.tenant_id})
    restored = place.run("restoreAssignments", restore_input(plan))
    faults(place)
    run = other.wait(slow["run"]["id"])
    assert (restored["outcome"], run["outcome"]) == ("SUCCEEDED", "SUCCEEDED")
    subject: str = run["subject"]["id"]
    return subject


def test_a_write_meanwhile_is_told(place: Place) -> None:
    assert seen(place, captured_while_restoring(place, place)) == ("COMPLETE", True)


def test_a_write_from_another_workspace_too(place: Place, atlas: Installation) -> None:
    other = atlas.new_place()
    assert seen(other, captured_while_restoring(place, other)) == ("COMPLETE", True)


def test_a_write_before_is_none_of_its_business(place: Place) -> None:
    backup_set = backed_up(place)
    damaged(place)
    run = place.run("restoreAssignments", restore_input(planned(place, backup_set)))
    assert run["outcome"] == "SUCCEEDED"
    assert [seen(place, one) for one in (backup_set, backed_up(place))] == [("COMPLETE", False)] * 2
