"""From one tenant into another: names stand for ids; what they do not settle is named and left alone."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.graph import CONTRACTS, Assignment, fingerprint, parse_assignment
from atlas_gql.simulator import DEMO_SECOND_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import backed_up, planned, restore_input, shown, undone


@pytest.fixture
def other(place: Place) -> Place:
    return place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)


def held(place: Place) -> dict[str, str]:
    """A fingerprint of the assignments of each policy of the second tenant, by its id."""
    export = loopback.get(f"{place.atlas.simulator.url}/_simulator/export").json()[DEMO_SECOND_TENANT.id]
    found: dict[str, str] = {}
    for contract in CONTRACTS.values():
        for policy in export.get(f"{contract.path}.json", {"value": []})["value"]:
            parsed: list[Assignment] = [parse_assignment(contract, raw) for raw in policy["assignments"]]
            found[policy["id"]] = fingerprint(parsed)
    return found


def without_filter(place: Place, name: str) -> None:
    """Take a filter away from the second tenant."""
    url = f"{place.atlas.simulator.url}/_simulator"
    tenant = loopback.get(f"{url}/export").json()[DEMO_SECOND_TENANT.id]
    filters = tenant["deviceManagement/assignmentFilters.json"]
    filters["value"] = [found for found in filters["value"] if found["displayName"] != name]
    loopback.post(f"{url}/load", json={DEMO_SECOND_TENANT.id: tenant}).raise_for_status()


def reasons(plan: dict[str, Any]) -> dict[str, set[str]]:
    """The groups and filters without a counterpart, by the reason."""
    found: dict[str, set[str]] = {}
    for mapping in plan["mappings"]:
        if mapping["reason"]:
            found.setdefault(mapping["reason"], set()).add(mapping["sourceName"])
    return found


def test_the_plan_names_each_and_the_rest_is_applied(place: Place, other: Place) -> None:
    without_filter(place, "Corporate Windows")
    plan = planned(other, backed_up(place))
    seen = shown(other, plan["id"])
    assert reasons(seen) == {
        "UNRESOLVED_GROUP": {"Contractors", "Test Bench"},
        "AMBIGUOUS_GROUP": {"Kiosk Devices"},
        "ORPHANED": {None},
        "UNRESOLVED_FILTER": {"Personal Android", "Corporate Windows"},
    }
    blocked = [item for item in seen["items"]["nodes"] if item["action"] == "BLOCKED"]
    why = {item["blockedReason"] for item in blocked} | {c["reason"] for i in blocked for c in i["changes"]}
    assert why == {"UNRESOLVED_GROUP", "AMBIGUOUS_GROUP", "UNRESOLVED_FILTER", "POLICY_NOT_FOUND"}
    counts = plan["summary"]["policies"]
    before = held(other)
    run = other.run("restoreAssignments", restore_input(plan, confirmation=DEMO_SECOND_TENANT.domain))
    assert (run["outcome"], run["failures"]) == ("SUCCEEDED", [])
    assert run["counters"] == {
        "total": counts["write"] + counts["none"],
        "processed": counts["write"] + counts["none"],
        "failed": 0,
        "skipped": counts["blocked"],
    }
    after = held(other)
    written = {item["targetExternalId"] for item in seen["items"]["nodes"] if item["action"] == "WRITE"}
    assert {id_ for id_, now in after.items() if now != before[id_]} == written
    assert len(written) == counts["write"] > 0
    undo = restore_input(undone(other, run["id"]), confirmation=DEMO_SECOND_TENANT.domain)
    assert other.run("restoreAssignments", undo)["outcome"] == "SUCCEEDED"
    assert held(other) == before


def test_candidates_tell_what_helps_to_choose_and_the_choice_unblocks(place: Place, other: Place) -> None:
    backup_set = backed_up(place)
    seen = shown(other, planned(other, backup_set)["id"])
    (ambiguous,) = (mapping for mapping in seen["mappings"] if mapping["reason"] == "AMBIGUOUS_GROUP")
    assert len(ambiguous["candidates"]) == 2
    for candidate in ambiguous["candidates"]:
        assert candidate["kind"] in ("assigned", "dynamic", "microsoft365")
        assert (candidate["createdAt"][:3], candidate["memberCount"] >= 0) == ("202", True)
    choice = {"sourceId": ambiguous["sourceId"], "targetId": ambiguous["candidates"][0]["id"]}
    chosen = shown(other, planned(other, backup_set, groupMappings=[choice])["id"])
    (mapping,) = (m for m in chosen["mappings"] if m["sourceId"] == ambiguous["sourceId"])
    assert (mapping["found"], mapping["targetId"], mapping["reason"]) == (
        "EXPLICIT",
        choice["targetId"],
        None,
    )
    assert "AMBIGUOUS_GROUP" not in {item["blockedReason"] for item in chosen["items"]["nodes"]}
