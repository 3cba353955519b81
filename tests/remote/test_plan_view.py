"""How a plan reads: what is dangerous is never hidden, what is long is counted, nothing is obeyed."""

from __future__ import annotations

import pytest

from atlas_gql.cli.output import console
from atlas_gql.cli.remote.changes_view import _MARKS
from atlas_gql.cli.remote.plan_view import REACH, SHORT, plan_lines, summary_lines
from atlas_gql.cli.remote.words import between, plain
from atlas_gql.plan_warnings import WarningCode
from atlas_gql.schema.enums import AssignmentChangeKind

WHEN = "2026-03-01T03:00:00+00:00"


def a_plan(items=(), warnings=(), mappings=(), **changes):
    tenant = {"id": "a", "uuid": "a", "name": "Larkspur", "primaryDomain": "larkspur.example"}
    policies = {"write": 1, "none": 0, "blocked": 0, "notInBackup": 0}
    assignments = dict.fromkeys(("added", "removed", "changed", "kept", "leftOut", "blocked"), 0)
    backup = {
        "uuid": "b",
        "origin": "REQUESTED",
        "state": "COMPLETE",
        "createdAt": "2026-02-27T22:00:00+00:00",
    }
    return {
        "uuid": "p", "purpose": "RESTORE", "againstSet": None,
        "mode": "REPLACE", "planDigest": "d", "createdBy": "maria", "plannedAt": WHEN,
        "expiresAt": WHEN, "expired": False, "tenant": tenant, "sourceTenant": tenant, "backupSet": backup,
        "summary": {"policies": policies, "assignments": assignments, "warnings": []},
        "items": list(items), "warnings": list(warnings), "mappings": list(mappings), **changes,
    }  # fmt: skip


def an_item(name="P", action="WRITE", warnings=(), changes=(), **more):
    return {
        "sourceName": name, "targetName": name, "policyType": "mobileApps", "action": action,
        "blockedReason": None, "blockedMessage": None, "changes": list(changes), "warnings": list(warnings),
        **more,
    }  # fmt: skip


def a_change(change="ADDED", name="G", *, excluded=False, fields=(), **more):
    target = {"kind": "GROUP", "id": "g", "name": name, "excluded": excluded, "memberCount": None}
    return {
        "change": change, "target": target, "intent": None, "fields": list(fields), "reason": None,
        "message": None, **more,
    }  # fmt: skip


def a_warning(code, id_="w"):
    return {"id": id_, "code": code, "message": f"{code} happens."}


def a_mapping(name, found=None, reason=None, **more):
    return {
        "kind": "GROUP", "sourceId": f"id of {name}", "sourceName": name, "found": found, "reason": reason,
        "targetId": "t", "targetName": name, "candidates": [], "memberCount": None,
        "ruleThen": None, "ruleNow": None, **more,
    }  # fmt: skip


def printed(plan, capsys, *, whole=False, lines=plan_lines):
    screen = console()
    screen.width = 100
    for part in lines(plan, whole=whole) if lines is plan_lines else lines(plan):
        screen.print(part)
    return capsys.readouterr().out


def test_every_kind_of_warning_has_its_place(capsys):
    warnings = [a_warning(code.value, f"{n:012}") for n, code in enumerate(reversed(WarningCode))]
    said = printed(a_plan(warnings=warnings), capsys, lines=summary_lines)
    named = {code for _, _, codes in REACH for code in codes}
    assert named < set(WarningCode)
    less, guess = said.index("Reaches less"), said.index("May not be what was backed up")
    for code in WarningCode:
        place = said.index(f" {code.value} ")
        if code.value in REACH[1][2]:
            assert less < place < guess
        elif code.value in REACH[2][2]:
            assert place > guess
        else:
            assert place < less


def test_an_unknown_kind_of_warning_counts_as_dangerous(capsys):
    said = printed(a_plan(warnings=[a_warning("INCLUDE_REMOVED"), a_warning("SOMETHING_NEW", "n")]), capsys)
    assert said.index("SOMETHING_NEW") < said.index("Reaches less")


def test_a_long_plan_is_summarised_unless_all_is_asked_for(capsys):
    items = [an_item(f"Policy {n}", changes=[a_change()]) for n in range(40)]
    items += [an_item(f"Gone {n}", "BLOCKED", blockedReason="POLICY_NOT_FOUND") for n in range(25)]
    warnings = [a_warning("ALL_USERS_TARGETED", f"{n:012}") for n in range(30)]
    plan = a_plan(items, warnings)
    short = printed(plan, capsys)
    assert len(short.splitlines()) < 75
    assert [line.strip() for line in short.splitlines() if "more: --all" in line] == [
        f"... and {there - SHORT} more: --all shows them" for there in (30, 25, 40)
    ]
    whole = printed(plan, capsys, whole=True)
    assert all(f"Policy {n}\n" in whole.replace("  mobileApps", "") for n in range(40))
    assert "more: --all" not in whole
    assert printed(plan, capsys, lines=summary_lines).count("ALL_USERS_TARGETED  ") == 30


def test_what_has_dangerous_warnings_is_written_first(capsys):
    items = [
        an_item("Calm"),
        an_item("Guess", warnings=[a_warning("MATCHED_BY_NAME")]),
        an_item("Wide", warnings=[a_warning("MATCHED_BY_NAME"), a_warning("ALL_USERS_TARGETED")]),
    ]
    said = printed(a_plan(items), capsys)
    assert said.index("Wide") < said.index("Guess") < said.index("Calm")


def test_every_change_has_a_mark_and_says_what_is_new(capsys):
    assert {kind.name for kind in AssignmentChangeKind} == set(_MARKS)
    changes = [
        a_change("ADDED", fields=[{"field": "filter", "old": None, "new": "F (include)"}], intent="required"),
        a_change("REMOVED", excluded=True),
        a_change("CHANGED", fields=[{"field": "excluded", "old": True, "new": False}]),
        a_change("CHANGED", fields=[{"field": "settings", "old": None, "new": {"a": "x" * 99}}]),
        a_change("LEFT_OUT", reason="ORPHANED", message="It was gone."),
        a_change("KEPT", "Quiet"),
    ]
    said = printed(a_plan([an_item(changes=changes)]), capsys)
    lines = [line.strip() for line in said.split("WRITTEN")[1].splitlines()[2:7]]
    assert lines == [
        '+  required: "G", filter F (include)',
        '-  exclude "G"',
        '~  "G", will be included, is excluded now',
        f'~  "G", settings: none → {plain({"a": "x" * 99})}',
        '.  "G", ORPHANED, It was gone.',
    ]
    assert "Quiet" not in said
    assert '=  "Quiet"' in printed(a_plan([an_item(changes=changes)]), capsys, whole=True)


def test_blocked_policies_stand_by_reason_with_what_blocks_them(capsys):
    why = 'The group "G" was not found.'
    blocking = a_change("BLOCKED", excluded=True, reason="UNRESOLVED_GROUP", message=why)
    items = [
        *(
            an_item(f"Gone {n}", "BLOCKED", blockedReason="POLICY_NOT_FOUND", blockedMessage="x")
            for n in "12"
        ),
        an_item("Kiosk", "BLOCKED", [], [blocking], blockedReason="UNRESOLVED_GROUP", blockedMessage=why),
    ]
    said = printed(a_plan(items), capsys)
    assert [line.strip() for line in said.split("BLOCKED")[1].split("SUMMARY")[0].splitlines()[1:]] == [
        "UNRESOLVED_GROUP  1 policy", "Kiosk  mobileApps", '!  exclude "G"',
        "POLICY_NOT_FOUND  2 policies", "Gone 1  mobileApps", "Gone 2  mobileApps", "",
    ]  # fmt: skip


def test_groups_without_a_counterpart_stand_first_and_are_never_cut(capsys):
    candidates = [{"id": "c1", "kind": "dynamic", "createdAt": "2026-01-12T08:30:00Z", "memberCount": 1}]
    mappings = [
        *(a_mapping(f"Same {n}", "ID") for n in range(30)),
        *(a_mapping(f"Named {n}", "NAME") for n in range(30)),
        a_mapping("Told", "EXPLICIT", ruleThen="a", ruleNow="b"),
        *(a_mapping(f"Lost {n}", reason="UNRESOLVED_GROUP") for n in range(20)),
        a_mapping("Twins", reason="AMBIGUOUS_GROUP", candidates=candidates),
    ]
    said = printed(a_plan(mappings=mappings), capsys)
    assert said.count("UNRESOLVED_GROUP") == 20
    assert "dynamic, made 2026-01-12, 1 member" in said
    assert "30 of 82 have their id" in said
    assert "Same 1" not in said
    whole = printed(a_plan(mappings=mappings), capsys, whole=True)
    assert [word in whole for word in ("Same 29", "Named 29", "rule then: a", "rule now: b")] == [True] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"expired": True}, "make a new plan", id="expired"),
        pytest.param({"backupSet": None}, "a tenant that you do not reach", id="foreign source"),
        pytest.param({}, "made 2026-02-27 22:00 UTC, 1 day before this", id="age"),
    ],
)
def test_what_a_plan_says_of_itself(capsys, changes, said):
    assert said in printed(a_plan(**changes), capsys)


def test_a_name_can_do_nothing_to_the_terminal(capsys):
    hostile = "\x1b[2J\u202eevil\n\x9b31m"
    said = printed(a_plan([an_item(hostile, changes=[a_change(name=hostile)])]), capsys)
    assert [letter for letter in said if not letter.isprintable() and letter != "\n"] == []
    assert "evil" in said


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ("2026-03-01T03:00:59+00:00", "less than a minute"),
        ("2026-03-01T03:01:00+00:00", "1 minute"),
        ("2026-03-01T05:59:00+00:00", "2 hours"),
        ("2026-03-09T03:00:00+00:00", "8 days"),
    ],
)
def test_ages_are_told_in_the_largest_unit(later, said):
    assert between(WHEN, later) == said
