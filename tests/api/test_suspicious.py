"""An app's settings that came back empty, where the last backup had them: marked, and warned of."""

from __future__ import annotations

from typing import Any

from atlas_gql.simulator import DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import backed_up, planned, restore_input

ITEMS = """
query Items($id: ID!, $filter: BackupItemFilter) {
  node(id: $id) {
    ... on BackupSet {
      items(first: 100, filter: $filter) { totalCount nodes { name policyType assignments suspicious } }
    }
  }
}
"""


def suspicious(place: Place, backup_set: str) -> dict[str, list[Any]]:
    """By the name of each app that is marked, its suspicious assignments."""
    items = place.ask(ITEMS, id=backup_set, filter={"suspicious": True})["data"]["node"]["items"]
    everything = place.ask(ITEMS, id=backup_set)["data"]["node"]["items"]["nodes"]
    assert {item["name"] for item in items["nodes"]} == {
        item["name"] for item in everything if item["suspicious"]
    }
    return {item["name"]: item["suspicious"] for item in items["nodes"]}


def settings(place: Place, change: Any) -> None:
    """Let the simulated tenant have other settings: `change` is given each app and each assignment of it."""
    url = f"{place.atlas.simulator.url}/_simulator"
    state = loopback.get(f"{url}/export").json()
    for app in state[DEMO_TENANT.id]["deviceAppManagement/mobileApps.json"]["value"]:
        for assignment in app["assignments"]:
            change(app, assignment)
    loopback.post(f"{url}/load", json=state).raise_for_status()


def lost(place: Place) -> dict[str, list[Any]]:
    """Let Microsoft lose the settings of all apps; what they were, by the app's name."""
    had: dict[str, list[Any]] = {}

    def lose(app: Any, assignment: Any) -> None:
        if assignment.get("settings"):
            had.setdefault(app["displayName"], []).append(assignment["settings"])
            assignment["settings"] = None

    settings(place, lose)
    assert had
    return had


def kept(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [raw["settings"] for raw in assignments] for name, assignments in found.items()}


def test_settings_that_came_back_empty_are_marked_with_what_they_were(place: Place) -> None:
    assert suspicious(place, backed_up(place)) == {}
    had = lost(place)
    assert kept(suspicious(place, backed_up(place))) == had
    # the next backup has the same doubt, though the last one had no settings either
    assert kept(suspicious(place, backed_up(place))) == had


def test_the_mark_goes_when_the_settings_are_back(place: Place) -> None:
    backed_up(place)
    had = lost(place)
    backed_up(place)
    name = next(iter(had))

    def give_back(app: Any, assignment: Any) -> None:
        if app["displayName"] == name:
            assignment["settings"] = had[name][0]

    settings(place, give_back)
    assert name not in suspicious(place, backed_up(place))
    assert name not in suspicious(place, backed_up(place))


def test_a_first_backup_and_apps_that_never_had_settings_are_not_suspicious(place: Place) -> None:
    lost(place)
    assert [suspicious(place, backed_up(place)) for _ in range(2)] == [{}, {}]


def test_a_plan_that_would_lose_settings_warns(place: Place) -> None:
    good = backed_up(place)
    had = lost(place)
    doubtful = backed_up(place)
    assert [w["code"] for w in planned(place, doubtful)["warnings"]] == []  # nothing would be written
    restored = planned(place, good)
    assert "SETTINGS_MISSING" not in {warning["code"] for warning in restored["warnings"]}
    place.run("restoreAssignments", restore_input(restored))
    warnings = [w["code"] for w in planned(place, doubtful)["warnings"]]
    assert warnings.count("SETTINGS_MISSING") == sum(map(len, had.values()))
