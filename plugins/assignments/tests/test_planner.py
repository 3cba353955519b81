"""What a plan says of one policy: blocked and why, left alone, changed, warned of, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from atlas_assignments.planner import AssignmentRestoreMode, summarize
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import CONTRACTS, GraphError, OperationFailure, ReasonCode

APP, SCRIPT, REMEDIATION = "mobileApps", "deviceManagementScripts", "deviceHealthScripts"
DENIED = GraphError("Not permitted.", reason=ReasonCode.PERMISSION_DENIED)
CORP = ("f1", "include")


def included(planned: Any) -> list[str]:
    return [body["target"].get("groupId", "everybody") for body in planned.desired]


@pytest.mark.parametrize(
    ("state", "error", "reason"),
    [
        pytest.param("failed", DENIED, ReasonCode.PERMISSION_DENIED, id="failed"),
        pytest.param("failed", None, ReasonCode.UNSUPPORTED, id="failed-without-reason"),
        pytest.param("unsupported", None, ReasonCode.UNSUPPORTED, id="unsupported"),
        pytest.param("fetched", DENIED, ReasonCode.PERMISSION_DENIED, id="contradictory"),
    ],
)
def test_unknown_assignments_are_never_restored_as_none(
    build: Any, state: str, error: OperationFailure | None, reason: ReasonCode
) -> None:
    item = build.item(state=state, error=error)
    planned = build.plan(item, build.policy(build.users()), build.directory())
    assert (planned.action, planned.blocked.reason_code, planned.desired) == ("blocked", reason, None)


def test_a_policy_that_cannot_be_read_now_is_blocked_for_that_reason(build: Any) -> None:
    planned = build.plan(build.item(build.users()), build.policy(error=DENIED), build.directory())
    assert (planned.action, planned.target_id) == ("blocked", "p1")
    assert (planned.blocked.reason_code, planned.blocked.message) == (DENIED.reason_code, DENIED.message)


def test_a_kind_of_policy_that_is_not_in_the_table_is_blocked(build: Any) -> None:
    planned = build.plan(build.item(build.users(), type_="novelties"), [], build.directory())
    assert planned.blocked.reason_code is ReasonCode.UNSUPPORTED


def test_an_unreadable_backup_is_blocked(build: Any) -> None:
    item = build.item()
    object.__setattr__(item.policy, "assignments", ({"id": "no target"},))
    planned = build.plan(item, build.policy(), build.directory())
    assert planned.blocked.reason_code is ReasonCode.INVALID_RESPONSE


@pytest.mark.parametrize(
    ("then", "now", "action"),
    [
        pytest.param(["g1"], ["g1"], "none", id="as-backed-up"),
        pytest.param(["g1"], [], "blocked", id="removed-since"),
        pytest.param([], ["g1"], "blocked", id="added-since"),
        pytest.param(["g1"], ["g2"], "blocked", id="another"),
        pytest.param([], [], "none", id="nothing-on-either-side"),
    ],
)
def test_a_kind_that_is_only_read_is_compared_and_never_written(
    build: Any, then: list[str], now: list[str], action: str
) -> None:
    tag = "roleScopeTags"
    item = build.item(*map(build.include, then), type_=tag)
    live = build.policy(*map(build.include, now), type_=tag)
    planned = build.plan(item, live, build.directory(build.group("g1"), build.group("g2")))
    assert planned.action == action
    if action == "blocked":
        assert planned.blocked.reason_code is ReasonCode.UNSUPPORTED
        assert planned.blocked.message == CONTRACTS[tag].why_not
        assert {change["change"] for change in planned.changes} == {"blocked"}


def test_choosing_another_group_does_not_write_what_is_only_read(build: Any) -> None:
    tag = "roleScopeTags"
    directory = build.directory(build.group("g1"), build.group("g2"), group_choices={"g1": "g2"})
    item, live = (make(build.include("g1"), type_=tag) for make in (build.item, build.policy))
    assert build.plan(item, live, directory).blocked.reason_code is ReasonCode.UNSUPPORTED


@pytest.mark.parametrize("side", ["backup", "tenant"])
def test_a_filter_on_a_kind_that_takes_none_is_blocked(build: Any, side: str) -> None:
    filtered, plain = build.users(filtered=CORP), build.devices()
    item = build.item(filtered if side == "backup" else plain, type_=SCRIPT)
    live = build.policy(*([filtered] if side == "tenant" else []), type_=SCRIPT)
    planned = build.plan(item, live, build.directory(filters=[build.filter("f1")]))
    assert planned.blocked.reason_code is ReasonCode.UNSUPPORTED


@pytest.mark.parametrize("mode", AssignmentRestoreMode)
def test_a_tenant_that_contradicts_itself_is_blocked(build: Any, mode: AssignmentRestoreMode) -> None:
    live = build.policy(build.include("g1"), build.exclude("g1"))
    planned = build.plan(build.item(build.users()), live, build.directory(build.group("g1")), mode=mode)
    assert planned.blocked.reason_code is ReasonCode.CONFLICT


def test_what_the_tenant_holds_twice_becomes_one(build: Any) -> None:
    live = build.policy(build.include("g1"), build.include("g1"))
    planned = build.plan(build.item(build.include("g1")), live, build.directory(build.group("g1")))
    assert (planned.action, included(planned)) == ("write", ["g1"])
    assert [(c["change"], c["fields"]) for c in planned.changes] == [("changed", [])]


def test_an_unresolved_include_blocks_or_is_left_out_as_chosen(build: Any) -> None:
    item, live = build.item(build.include("g1"), build.include("gone")), build.policy()
    directory = build.directory(build.group("g1"))
    planned = build.plan(item, live, directory)
    assert (planned.action, planned.blocked.reason_code) == ("blocked", ReasonCode.UNRESOLVED_GROUP)
    planned = build.plan(item, live, directory, on_unresolved=UnresolvedIncludes.SKIP)
    assert (planned.action, included(planned)) == ("write", ["g1"])
    assert planned.changes[1] == {
        "change": "leftOut",
        "target": {"kind": "group", "id": "gone", "name": "Group gone", "excluded": False},
        "intent": None,
        "fields": [],
        "reason": "UNRESOLVED_GROUP",
        "message": 'The group "Group gone" was not found in the target tenant.',
    }


def test_leaving_out_never_leaves_nobody(build: Any) -> None:
    item = build.item(build.include("gone"), build.exclude("g1"))
    directory, skip = build.directory(build.group("g1")), UnresolvedIncludes.SKIP
    live = build.policy(build.users())
    planned = build.plan(item, live, directory, on_unresolved=skip)
    assert (planned.action, planned.blocked.reason_code) == ("blocked", ReasonCode.WOULD_UNASSIGN)
    assert [(c["change"], c["target"]["id"]) for c in planned.changes] == [("blocked", "gone")]
    merged = build.plan(item, live, directory, on_unresolved=skip, mode=AssignmentRestoreMode.MERGE)
    assert (merged.action, included(merged)) == ("write", ["g1", "everybody"])
    merged = build.plan(item, build.policy(), directory, on_unresolved=skip, mode=AssignmentRestoreMode.MERGE)
    assert merged.blocked.reason_code is ReasonCode.WOULD_UNASSIGN
    still_assigned = build.policy(build.include("gone"), build.users())
    planned = build.plan(item, still_assigned, directory, on_unresolved=skip)
    assert planned.blocked.reason_code is ReasonCode.WOULD_UNASSIGN


class TestAGroupThatWasGoneWhenBackedUp:
    GONE: ClassVar = {"gone": {"name": None, "orphaned": True}}

    @pytest.mark.parametrize("same_tenant", [True, False])
    @pytest.mark.parametrize("form", ["include", "exclude"])
    def test_is_left_out_and_blocks_nothing(self, build: Any, form: str, same_tenant: bool) -> None:
        item = build.item(build.users(), getattr(build, form)("gone"), groups=self.GONE)
        planned = build.plan(item, build.policy(), build.directory(same_tenant=same_tenant))
        assert (planned.action, included(planned)) == ("write", ["everybody"])
        assert [(c["change"], c["reason"]) for c in planned.changes] == [
            ("added", None),
            ("leftOut", "ORPHANED"),
        ]

    def test_stays_where_it_still_is_assigned(self, build: Any) -> None:
        """Else a backup restored over the very state it was made from would change something."""
        item = build.item(build.users(), build.include("gone"), groups=self.GONE)
        directory = build.directory(build.group("g1"))
        same = build.plan(item, build.policy(build.users(), build.include("gone")), directory)
        assert (same.action, same.warnings) == ("none", ())
        damaged = build.plan(item, build.policy(build.include("g1"), build.include("gone")), directory)
        assert included(damaged) == ["everybody", "gone"]
        assert [(c["change"], c["reason"]) for c in damaged.changes] == [
            ("added", None),
            ("kept", "ORPHANED"),
            ("removed", None),
        ]

    def test_counts_for_nobody(self, build: Any) -> None:
        item = build.item(build.include("gone"), groups=self.GONE)
        live = build.policy(build.include("gone"), build.include("g1"))
        planned = build.plan(item, live, build.directory(build.group("g1")))
        assert [w["code"] for w in planned.warnings] == ["INCLUDE_REMOVED", "POLICY_EMPTIED"]

    def test_may_be_replaced_by_choice(self, build: Any) -> None:
        item = build.item(build.include("gone"), groups=self.GONE)
        directory = build.directory(build.group("g1"), group_choices={"gone": "g1"})
        assert included(build.plan(item, build.policy(), directory)) == ["g1"]


def test_a_group_deleted_and_made_again_is_proposed_by_name(build: Any) -> None:
    item = build.item(build.include("old"), groups={"old": {"name": "Sales"}})
    live = build.policy(build.include("old"))
    planned = build.plan(item, live, build.directory(build.group("new", "Sales")))
    assert included(planned) == ["new"]
    assert [w["code"] for w in planned.warnings] == ["INCLUDE_REMOVED", "MATCHED_BY_NAME"]
    assert planned.warnings[1]["message"] == '"Policy": matched by name only: the group "Sales".'


def test_another_tenant_takes_one_warning_a_policy_for_all_that_a_name_decided(build: Any) -> None:
    item = build.item(build.include("s1", filtered=CORP), build.exclude("s2"))
    directory = build.directory(
        build.group("t1", "Group s1"),
        build.group("t2", "Group s2"),
        filters=[build.filter("t3", "Filter f1")],
        same_tenant=False,
    )
    planned = build.plan(item, build.policy(id_="other"), directory)
    assert [(w["code"], w["message"]) for w in planned.warnings] == [
        (
            "MATCHED_BY_NAME",
            '"Policy": matched by name only: the policy, the group "Group s1", the filter "Filter f1", '
            'the group "Group s2".',
        )
    ]


def test_a_name_decides_nothing_about_what_stays(build: Any) -> None:
    item = build.item(build.include("s1"), build.exclude("s2"), name="Renamed")
    directory = build.directory(
        build.group("t1", "Group s1"), build.group("t2", "Group s2"), same_tenant=False
    )
    live = build.policy(build.include("t1"), name="Renamed")
    planned = build.plan(item, live, directory)
    assert [w["message"] for w in planned.warnings] == [
        '"Renamed": matched by name only: the policy, the group "Group s2".'
    ]


Case = Callable[[Any], Any]
NOBODY: Case = lambda b: []  # noqa: E731 - reads as a table with the lambdas below


@pytest.mark.parametrize(
    ("type_", "then", "now", "codes"),
    [
        pytest.param(APP, lambda b: [b.include("g1", intent="available")], NOBODY, [], id="plain-include"),
        pytest.param(APP, lambda b: [b.users()], NOBODY, ["ALL_USERS_TARGETED"], id="all-users"),
        pytest.param(APP, lambda b: [b.devices()], NOBODY, ["ALL_DEVICES_TARGETED"], id="all-devices"),
        pytest.param(
            APP,
            lambda b: [b.users(), b.include("g1")],
            lambda b: [b.users()],
            [],
            id="all-users-already",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1")],
            lambda b: [b.include("g1"), b.exclude("g2")],
            ["EXCLUSION_REMOVED"],
            id="exclusion-removed",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1")],
            lambda b: [b.exclude("g1")],
            ["EXCLUSION_REMOVED"],
            id="exclusion-turned",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1"), b.exclude("g2")],
            lambda b: [b.include("g1"), b.include("g2")],
            ["INCLUDE_REMOVED"],
            id="inclusion-turned",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1", filtered=("f1", "exclude"))],
            lambda b: [b.include("g1", filtered=("f1", "include"))],
            ["FILTER_CHANGED"],
            id="filter-mode",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1", filtered=("f1", "include"))],
            lambda b: [b.include("g1")],
            ["FILTER_CHANGED"],
            id="filter-added",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1")],
            lambda b: [b.include("g1", filtered=("f1", "include"))],
            ["FILTER_REMOVED"],
            id="filter-removed",
        ),
        pytest.param(
            APP, NOBODY, lambda b: [b.include("g1")], ["INCLUDE_REMOVED", "POLICY_EMPTIED"], id="emptied"
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1", intent="required")],
            lambda b: [b.include("g1", intent="available")],
            ["INTENT_BECOMES_REQUIRED", "INCLUDE_REMOVED"],
            id="required",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1", intent="uninstall")],
            NOBODY,
            ["INTENT_BECOMES_UNINSTALL"],
            id="uninstall",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g2"), b.exclude("g1", intent="required")],
            lambda b: [b.include("g2")],
            [],
            id="required-excluded",
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1", intent="required")],
            lambda b: [b.exclude("g1", intent="required")],
            ["EXCLUSION_REMOVED", "INTENT_BECOMES_REQUIRED"],
            id="required-no-longer-excluded",
        ),
        pytest.param(
            REMEDIATION,
            lambda b: [b.include("g1", runRemediationScript=True)],
            lambda b: [b.include("g1", runRemediationScript=False)],
            ["REMEDIATION_SWITCHED_ON"],
            id="remediation",
        ),
        pytest.param(
            REMEDIATION,
            lambda b: [b.include("g1", runRemediationScript=False)],
            lambda b: [b.include("g1", runRemediationScript=True)],
            [],
            id="remediation-off",
        ),
        pytest.param(APP, lambda b: [b.include("dyn")], NOBODY, ["GROUP_RULE_DIFFERS"], id="group-rule"),
        pytest.param(
            APP, lambda b: [b.include("dyn")], lambda b: [b.include("dyn")], [], id="group-rule-but-kept"
        ),
        pytest.param(
            APP,
            lambda b: [b.include("g1", filtered=("f2", "include"))],
            NOBODY,
            ["FILTER_RULE_DIFFERS"],
            id="filter-rule",
        ),
    ],
)
def test_a_plan_warns_of_what_changes(
    build: Any, type_: str, then: Case, now: Case, codes: list[str]
) -> None:
    item = build.item(*then(build), type_=type_)
    directory = build.directory(
        *map(build.group, ("g1", "g2")),
        build.group("dyn", rule="changed"),
        filters=[build.filter("f1"), build.filter("f2", rule="changed")],
    )
    planned = build.plan(item, build.policy(*now(build), type_=type_), directory)
    assert [warning["code"] for warning in planned.warnings] == codes


def test_a_warning_is_one_sentence_for_people_with_a_lasting_id(build: Any) -> None:
    item = build.item(build.include("g1", intent="required"), type_=APP)
    live = build.policy(build.include("g1", intent="available"), type_=APP)
    first, second = (build.plan(item, live, build.directory(build.group("g1", "Sales"))) for _ in range(2))
    assert first.warnings == second.warnings
    assert first.warnings[0] == {
        "id": first.warnings[0]["id"],
        "code": "INTENT_BECOMES_REQUIRED",
        "policy": "Policy",
        "policyType": APP,
        "message": '"Policy" will be required for the group "Sales", and is available now.',
        "target": {"kind": "group", "id": "g1", "name": "Sales", "excluded": False},
        "ruleThen": None,
        "ruleNow": None,
    }
    ids = [warning["id"] for warning in first.warnings]
    assert [len(id_) for id_ in ids] == [12] * len(set(ids))


def test_a_change_shows_settings_and_schedule_verbatim(build: Any) -> None:
    daily, hourly = {"@odata.type": "#daily", "interval": 1}, {"@odata.type": "#hourly", "interval": 8}
    item = build.item(build.users(runRemediationScript=True, runSchedule=daily), type_=REMEDIATION)
    live = build.policy(build.users(runRemediationScript=True, runSchedule=hourly), type_=REMEDIATION)
    planned = build.plan(item, live, build.directory())
    assert planned.changes[0]["fields"] == [{"field": "runSchedule", "old": hourly, "new": daily}]
    assert planned.desired[0]["runSchedule"] == daily


def test_two_filters_of_one_name_are_told_apart(build: Any) -> None:
    item = build.item(build.users(filtered=CORP))
    live = build.policy(build.users(filtered=("f2", "include")))
    filters = [build.filter("f1", "Corporate"), build.filter("f2", "Corporate")]
    planned = build.plan(item, live, build.directory(filters=filters))
    assert planned.changes[0]["fields"] == [
        {"field": "filter", "old": "Corporate (include) f2", "new": "Corporate (include) f1"}
    ]


def test_null_and_absent_are_no_difference(build: Any) -> None:
    item = build.item(build.include("g1", intent="available"), type_=APP)
    live = build.policy(build.include("g1", intent="available", settings=None, id="g1_0_0"), type_=APP)
    planned = build.plan(item, live, build.directory(build.group("g1")))
    assert (planned.action, planned.warnings) == ("none", ())
    assert planned.base == (live.assignments[0].raw,)


def test_the_summary_counts_a_whole_plan(build: Any) -> None:
    directory = build.directory(build.group("g1"), build.group("g2"))
    planned = [
        build.plan(
            build.item(build.include("g1"), build.users()), build.policy(build.include("g2")), directory
        ),
        build.plan(build.item(build.include("g1")), build.policy(build.include("g1")), directory),
        build.plan(build.item(build.include("g1"), build.exclude("gone")), build.policy(), directory),
        build.plan(build.item(build.users()), [], directory),
    ]
    assert summarize(planned) == {
        "policies": {"write": 1, "none": 1, "blocked": 2, "notInBackup": 0},
        "assignments": {"kept": 1, "added": 2, "removed": 1, "changed": 0, "blocked": 1, "leftOut": 0},
        "warnings": {"ALL_USERS_TARGETED": 1, "INCLUDE_REMOVED": 1},
    }


def test_a_kind_that_is_only_read_is_never_to_be_written(build: Any) -> None:
    """Not even to put right what stands there twice."""
    directory = build.directory(build.group("g1"))
    twice = [build.include("g1"), build.include("g1")]
    for then, now, action in ((twice, twice[:1], "none"), (twice, twice, "blocked"), (twice, [], "blocked")):
        item = build.item(*then, type_="roleScopeTags")
        planned = build.plan(item, build.policy(*now, type_="roleScopeTags"), directory)
        assert planned.action == action
