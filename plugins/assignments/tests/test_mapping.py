"""How groups, filters and policies of the backup are found in the target tenant."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_assignments.mapping import map_references, needed_group_ids, needed_group_names
from atlas_assignments.matching import match_policies
from atlas_gql.plugins import ReasonCode

GROUP = "AAAAAAAA-0000-4000-8000-000000000001"


def test_the_table_tells_how_each_was_found_or_why_not(build: Any) -> None:
    item = build.item(
        build.include("g1"),
        build.include("g2"),
        build.exclude("g3"),
        build.include("g4"),
        build.users(filtered=("f1", "include")),
        groups={"g1": {"rule": "old"}, "g3": {"name": None, "orphaned": True}},
    )
    directory = build.directory(
        build.group("g1", "Renamed", rule="new"),
        build.group("n2", "Group g2"),
        build.group("a", "Group g4", created="2026-01-01T00:00:00Z"),
        build.group("b", "Group g4"),
        filters=[build.filter("f1")],
    )
    empty = {"candidates": [], "members": None, "ruleThen": None, "ruleNow": None, "reason": None}
    unfound = {**empty, "targetId": None, "targetName": None, "found": None}
    assert map_references([item], directory).table({"a": 3}) == [
        {**empty, "kind": "group", "sourceId": "g1", "sourceName": "Group g1", "targetId": "g1"}
        | {"targetName": "Renamed", "found": "id", "ruleThen": "old", "ruleNow": "new"},
        {**empty, "kind": "group", "sourceId": "g2", "sourceName": "Group g2", "targetId": "n2"}
        | {"targetName": "Group g2", "found": "name"},
        {**unfound, "kind": "group", "sourceId": "g3", "sourceName": None, "reason": "ORPHANED"},
        {**unfound, "kind": "group", "sourceId": "g4", "sourceName": "Group g4"}
        | {
            "reason": "AMBIGUOUS_GROUP",
            "candidates": [
                {"id": "a", "name": "Group g4", "kind": "assigned", "members": 3}
                | {"created": "2026-01-01T00:00:00Z"},
                {"id": "b", "name": "Group g4", "kind": "assigned", "created": None, "members": None},
            ],
        },
        {**empty, "kind": "filter", "sourceId": "f1", "sourceName": "Filter f1", "targetId": "f1"}
        | {"targetName": "Filter f1", "found": "id", "ruleThen": "r", "ruleNow": "r"},
    ]


def test_an_explicit_choice_goes_first_in_any_case_and_must_exist(build: Any) -> None:
    item = build.item(build.include(GROUP), groups={GROUP.lower(): {}})
    chosen = build.group("t1")
    found = map_references([item], build.directory(chosen, group_choices={GROUP: "T1"})).groups
    assert (found[GROUP.lower()].target_id, found[GROUP.lower()].found) == ("t1", "explicit")
    missing = map_references([item], build.directory(group_choices={GROUP: "t1"})).groups
    assert (missing[GROUP.lower()].reason, missing[GROUP.lower()].chosen) == ("UNRESOLVED_GROUP", "t1")


def test_an_id_means_nothing_in_another_tenant(build: Any) -> None:
    item = build.item(build.include("g1"), build.users(filtered=("f1", "include")))
    directory = build.directory(
        build.group("g1", "Other"), filters=[build.filter("f1", "Other")], same_tenant=False
    )
    policies = {"configurationPolicies": [build.policy(name="Other")]}
    match = match_policies([item], policies, same_tenant=False)[item.id]
    assert match.failure.reason_code is ReasonCode.POLICY_NOT_FOUND
    references = map_references([item], directory)
    assert references.groups["g1"].reason == "UNRESOLVED_GROUP"
    assert references.filters["f1"].reason == "UNRESOLVED_FILTER"


def test_what_was_not_fetched_or_is_inherited_maps_nothing(build: Any) -> None:
    items = [
        build.item(build.include("g1"), state="failed"),
        build.item(build.include("g2", source="policySets")),
    ]
    assert map_references(items, build.directory()).table({}) == []


@pytest.mark.parametrize(
    ("same_tenant", "ids", "names"),
    [
        pytest.param(True, {"g1", "g2", "live", "chosen"}, {"Group g2"}, id="same"),
        pytest.param(False, {"live", "chosen"}, {"Group g1", "Group g2"}, id="other"),
    ],
)
def test_only_what_is_needed_is_looked_up(
    build: Any, same_tenant: bool, ids: set[str], names: set[str]
) -> None:
    raws = [build.include("g1"), build.exclude("g2"), build.include("gone"), build.include("mine")]
    item = build.item(*raws, groups={"gone": {"orphaned": True}})
    how = {"same_tenant": same_tenant, "choices": {"MINE": "CHOSEN"}}
    if same_tenant:
        ids = ids | {"mine"}
    assert needed_group_ids([item], [build.policy(build.include("live"))], **how) == ids
    assert needed_group_names([item], {"g1": build.group("g1"), "g2": None}, **how) == names


def test_no_two_policies_of_the_backup_become_one(build: Any) -> None:
    gone, there = build.item(build.users(), id_="p1"), build.item(build.users(), id_="p2")
    live = {"configurationPolicies": [build.policy(id_="p2")]}
    matches = match_policies([gone, there], live, same_tenant=True)
    assert matches[there.id].matched_by == "id"
    assert matches[gone.id].failure.reason_code is ReasonCode.POLICY_NOT_FOUND
    matches = match_policies([gone, there], live, same_tenant=False)
    assert {match.failure.reason_code for match in matches.values()} == {ReasonCode.AMBIGUOUS_POLICY}


def test_a_policy_of_another_kind_is_no_match(build: Any) -> None:
    item = build.item(build.users())
    live = {"deviceConfigurations": [build.policy(type_="deviceConfigurations")]}
    match = match_policies([item], live, same_tenant=True)[item.id]
    assert match.failure.reason_code is ReasonCode.POLICY_NOT_FOUND
