"""What other tools of this field got wrong in planning, and that Atlas does not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from atlas_assignments.planner import AssignmentRestoreMode
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import PlannedPolicy, ReasonCode

CORP = ("f1", "include")


def outline(planned: PlannedPolicy) -> dict[str, list[str]]:
    """The changes by kind: group ids, or whom they name."""
    found: dict[str, list[str]] = {}
    for change in planned.changes:
        target = change["target"]
        found.setdefault(change["change"], []).append(target["id"] or target["kind"])
    return found


def who(planned: PlannedPolicy) -> list[str]:
    """Whom the desired set names, exclusions with a minus."""
    return [
        ("-" if "exclusion" in body["target"]["@odata.type"] else "")
        + body["target"].get("groupId", body["target"]["@odata.type"].rpartition(".")[2])
        for body in planned.desired or ()
    ]


@pytest.mark.parametrize(
    ("then", "now", "changes", "fields"),
    [
        pytest.param(
            lambda b: [b.include("g1")],
            lambda b: [b.include("g2")],
            {"added": ["g1"], "removed": ["g2"]},
            [],
            id="swapped-group",
        ),
        pytest.param(
            lambda b: [b.include("g1")],
            lambda b: [b.exclude("g1")],
            {"changed": ["g1"]},
            [{"field": "excluded", "old": True, "new": False}],
            id="include-turned-exclude",
        ),
        pytest.param(
            lambda b: [b.include("g1", filtered=("f1", "include"))],
            lambda b: [b.include("g1", filtered=("f2", "exclude"))],
            {"changed": ["g1"]},
            [{"field": "filter", "old": "Filter f2 (exclude)", "new": "Filter f1 (include)"}],
            id="changed-filter",
        ),
        pytest.param(
            lambda b: [b.include("g1")],
            lambda b: [],
            {"added": ["g1"]},
            [],
            id="removed-assignment",
        ),
        pytest.param(
            lambda b: [],
            lambda b: [b.include("g1")],
            {"removed": ["g1"]},
            [],
            id="added-assignment",
        ),
    ],
)
def test_1_every_difference_is_a_change(
    build: Any, then: Callable[..., Any], now: Callable[..., Any], changes: Any, fields: Any
) -> None:
    item, live = build.item(*then(build)), build.policy(*now(build))
    directory = build.directory(
        build.group("g1"), build.group("g2"), filters=[build.filter("f1"), build.filter("f2")]
    )
    planned = build.plan(item, live, directory)
    assert planned.action == "write"
    assert outline(planned) == changes
    assert [field for change in planned.changes for field in change["fields"]] == fields


@pytest.mark.parametrize("on_unresolved", UnresolvedIncludes)
@pytest.mark.parametrize("mode", AssignmentRestoreMode)
def test_5_an_unresolved_exclusion_blocks_the_policy_whatever_was_chosen(
    build: Any, mode: AssignmentRestoreMode, on_unresolved: UnresolvedIncludes
) -> None:
    item = build.item(build.include("g1"), build.exclude("gone"))
    planned = build.plan(
        item, build.policy(), build.directory(build.group("g1")), mode=mode, on_unresolved=on_unresolved
    )
    assert (planned.action, planned.blocked.reason_code) == ("blocked", ReasonCode.UNRESOLVED_GROUP)
    assert planned.blocked.message == 'The group "Group gone" was not found in the target tenant.'
    assert (outline(planned), planned.desired) == ({"blocked": ["gone"]}, None)


@pytest.mark.parametrize("on_unresolved", UnresolvedIncludes)
def test_5_nothing_is_assigned_without_its_filter(build: Any, on_unresolved: UnresolvedIncludes) -> None:
    item = build.item(build.include("g1", filtered=CORP), build.include("g2"))
    directory = build.directory(build.group("g1"), build.group("g2"), filters=[build.filter("other")])
    planned = build.plan(item, build.policy(), directory, on_unresolved=on_unresolved)
    assert (planned.action, planned.blocked.reason_code) == ("blocked", ReasonCode.UNRESOLVED_FILTER)
    assert (outline(planned), planned.desired) == ({"blocked": ["g1"]}, None)


def test_6_a_replacement_shows_what_it_removes_and_a_merge_removes_nothing(build: Any) -> None:
    item = build.item(build.include("g1"))
    live = build.policy(build.include("g1"), build.include("g2"), build.exclude("g3"))
    directory = build.directory(*map(build.group, ("g1", "g2", "g3")))
    replaced = build.plan(item, live, directory, mode=AssignmentRestoreMode.REPLACE)
    assert outline(replaced) == {"kept": ["g1"], "removed": ["g2", "g3"]}
    assert [w["code"] for w in replaced.warnings] == ["INCLUDE_REMOVED", "EXCLUSION_REMOVED"]
    assert who(replaced) == ["g1"]
    merged = build.plan(item, live, directory, mode=AssignmentRestoreMode.MERGE)
    assert (merged.action, outline(merged)) == ("none", {"kept": ["g1", "g2", "g3"]})


@pytest.mark.parametrize("name", ["It's A", "Müller & Söhne", "名前", 'say "hi"'])
def test_10_names_compare_exactly(build: Any, name: str) -> None:
    item = build.item(build.include("s1"), groups={"s1": {"name": name}})
    right, wrong = build.group("t1", name), build.group("t2", name.swapcase() + " ")
    directory = build.directory(
        right,
        same_tenant=False,
    )
    directory.groups_by_name[name].append(wrong)  # as Graph would, which does not compare case
    assert who(build.plan(item, build.policy(id_="x"), directory)) == ["t1"]


def test_10_of_two_groups_with_one_name_none_is_taken(build: Any) -> None:
    item = build.item(build.include("s1"), groups={"s1": {"name": "Sales"}})
    directory = build.directory(build.group("t1", "Sales"), build.group("t2", "Sales"), same_tenant=False)
    planned = build.plan(item, build.policy(id_="x"), directory)
    assert planned.blocked.reason_code is ReasonCode.AMBIGUOUS_GROUP
    assert planned.blocked.message == 'Several groups of the target tenant bear the name "Sales": t1, t2.'


def test_10_of_two_filters_with_one_name_the_platform_decides(build: Any) -> None:
    item = build.item(build.users(filtered=CORP))
    twins = [build.filter("t1", "Filter f1", platform="iOS"), build.filter("t2", "Filter f1")]
    planned = build.plan(item, build.policy(), build.directory(filters=twins, same_tenant=False))
    assert planned.desired[0]["target"]["deviceAndAppManagementAssignmentFilterId"] == "t2"
    twins.append(build.filter("t3", "Filter f1"))
    planned = build.plan(item, build.policy(), build.directory(filters=twins, same_tenant=False))
    assert planned.blocked.reason_code is ReasonCode.AMBIGUOUS_FILTER


def test_12_what_a_policy_set_brought_is_never_written_and_never_removed(build: Any) -> None:
    item = build.item(build.include("g1"), build.include("g2", source="policySets"))
    live = build.policy(build.include("g3", source="policySets"))
    planned = build.plan(item, live, build.directory(*map(build.group, ("g1", "g2", "g3"))))
    assert (who(planned), planned.base) == (["g1"], ())
    assert outline(planned) == {"added": ["g1"], "leftOut": ["g2"]}
    assert planned.changes[1]["reason"] == "INHERITED"


def test_14_only_selected_assignments_change(build: Any) -> None:
    item = build.item(build.include("g1"), build.include("g2"), build.exclude("gone"))
    live = build.policy(build.exclude("g1"), build.exclude("g2"), build.users())
    directory = build.directory(build.group("g1"), build.group("g2"))
    planned = build.plan(
        item, live, directory, mode=AssignmentRestoreMode.REPLACE, selected={("group", "g1", "")}
    )
    assert outline(planned) == {"changed": ["g1"], "kept": ["g2", "allUsers"]}
    assert who(planned) == ["g1", "-g2", "allLicensedUsersAssignmentTarget"]


def test_15_order_is_no_difference(build: Any) -> None:
    assignments = [build.include("g1"), build.exclude("g2"), build.users(filtered=CORP)]
    directory = build.directory(build.group("g1"), build.group("g2"), filters=[build.filter("f1")])
    plans = [
        build.plan(build.item(*assignments), build.policy(*shuffled), directory)
        for shuffled in permutations(assignments)
    ]
    assert {(planned.action, planned.base_hash) for planned in plans} == {("none", plans[0].base_hash)}


def test_16_one_target_twice_is_one_or_a_conflict_never_two(build: Any) -> None:
    directory = build.directory(filters=[build.filter("f1")])
    agreeing = build.item(build.devices(filtered=CORP), build.devices(filtered=CORP))
    planned = build.plan(agreeing, build.policy(), directory)
    assert (planned.action, len(planned.desired)) == ("write", 1)
    differing = build.item(build.devices(), build.devices(filtered=CORP))
    planned = build.plan(differing, build.policy(), directory)
    assert (planned.action, planned.blocked.reason_code) == ("blocked", ReasonCode.CONFLICT)
    assert outline(planned) == {"blocked": ["allDevices"]}


def test_16_two_groups_that_become_one_must_agree(build: Any) -> None:
    item = build.item(build.include("s1"), build.exclude("s2"))
    directory = build.directory(build.group("t1"), same_tenant=False, group_choices={"s1": "t1", "s2": "t1"})
    planned = build.plan(item, build.policy(), directory)
    assert planned.blocked.reason_code is ReasonCode.CONFLICT
    assert outline(planned) == {"blocked": ["s2"]}


def test_18_a_policy_is_found_by_id_then_by_type_platform_and_name(build: Any) -> None:
    item, directory = build.item(build.users()), build.directory()
    renamed, namesake = build.policy(name="Renamed"), build.policy(id_="p2")
    assert build.plan(item, [namesake, renamed], directory).target_id == "p1"
    by_name = build.plan(item, [namesake, build.policy(id_="p3", platform="iOS")], directory)
    assert (by_name.target_id, by_name.matched_by) == ("p2", "name")
    assert by_name.warnings[-1]["message"] == '"Policy": matched by name only: the policy.'


def test_18_a_policy_not_found_or_found_twice_is_blocked(build: Any) -> None:
    item, directory = build.item(build.users()), build.directory()
    missing = build.plan(item, [build.policy(id_="p2", name="policy")], directory)
    assert missing.blocked.reason_code is ReasonCode.POLICY_NOT_FOUND
    several = build.plan(item, [build.policy(id_=f"x{n}") for n in range(7)], directory)
    assert several.blocked.reason_code is ReasonCode.AMBIGUOUS_POLICY
    assert several.blocked.message == (
        'Several policies of the target tenant bear the name "Policy": x0, x1, x2, x3, x4 and 2 more.'
    )


@pytest.mark.parametrize("mode", AssignmentRestoreMode)
@pytest.mark.parametrize("side", ["backup", "tenant"])
def test_20_an_unknown_kind_of_target_is_reported_and_never_dropped(
    build: Any, side: str, mode: AssignmentRestoreMode
) -> None:
    known, both = [build.users()], [build.users(), build.collection()]
    item = build.item(*(both if side == "backup" else known))
    live = build.policy(*(both if side == "tenant" else known))
    planned = build.plan(item, live, build.directory(), mode=mode)
    assert (planned.action, planned.blocked.reason_code) == ("blocked", ReasonCode.UNSUPPORTED)
    assert (outline(planned), planned.desired) == ({"blocked": ["unknown"]}, None)


def test_20_an_unselected_unknown_target_of_the_backup_blocks_nothing(build: Any) -> None:
    item = build.item(build.users(), build.collection())
    selected = {("allLicensedUsersAssignmentTarget", "", "")}
    assert build.plan(item, build.policy(), build.directory(), selected=selected).action == "write"
