"""Plans: from the JSON that planning stored to what GraphQL shows."""

from atlas_gql.schema.types import plans
from atlas_gql.schema.types.plans import (
    AssignmentChange,
    AssignmentTarget,
    FieldChange,
    MappingCandidate,
    RestoreMapping,
    RestoreWarning,
)

TARGET = {"kind": "group", "id": "g", "name": "G", "excluded": True}


def test_a_change_keeps_all_that_was_stored():
    stored = {
        "change": "changed",
        "target": TARGET,
        "intent": "required",
        "fields": [{"field": "filter", "old": None, "new": {"id": "f"}}],
        "reason": "UNRESOLVED_FILTER",
        "message": "m",
    }
    assert plans.changes([stored]) == [
        AssignmentChange(
            change="changed",
            target=AssignmentTarget(kind="group", id="g", name="G", excluded=True),
            intent="required",
            fields=[FieldChange(field="filter", old=None, new={"id": "f"})],
            reason="UNRESOLVED_FILTER",
            message="m",
        )
    ]


def test_a_change_with_nothing_but_its_kind_is_shown_too():
    (change,) = plans.changes([{"change": "leftOut"}])
    assert (change.change, change.target.kind, change.fields) == ("leftOut", "unknown", [])


def test_a_warning_keeps_all_that_was_stored():
    stored = {
        "id": "w",
        "code": "GROUP_RULE_DIFFERS",
        "policy": "P",
        "policyType": "t",
        "message": "m",
        "target": TARGET,
        "ruleThen": "then",
        "ruleNow": "now",
    }
    assert plans.warnings([stored]) == [
        RestoreWarning(
            id="w",
            code="GROUP_RULE_DIFFERS",
            message="m",
            policy="P",
            policy_type="t",
            target=AssignmentTarget(kind="group", id="g", name="G", excluded=True),
            rule_then="then",
            rule_now="now",
        )
    ]


def test_a_mapping_keeps_all_that_was_stored():
    stored = {
        "kind": "group",
        "sourceId": "s",
        "sourceName": "S",
        "targetId": None,
        "targetName": None,
        "found": None,
        "reason": "AMBIGUOUS_GROUP",
        "candidates": [{"id": "a", "name": "A", "kind": "assigned", "created": "2026", "members": 4}],
        "members": 3,
        "ruleThen": "then",
        "ruleNow": "now",
    }
    assert plans.mappings([stored]) == [
        RestoreMapping(
            kind="group",
            source_id="s",
            source_name="S",
            target_id=None,
            target_name=None,
            found=None,
            reason="AMBIGUOUS_GROUP",
            candidates=[
                MappingCandidate(id="a", name="A", kind="assigned", created_at="2026", member_count=4)
            ],
            member_count=3,
            rule_then="then",
            rule_now="now",
        )
    ]


def test_a_summary_counts_nothing_where_nothing_was_stored():
    shown = plans.summary(
        {"policies": {"write": 2}, "assignments": {"leftOut": 1}, "warnings": {"B": 1, "A": 2}}
    )
    assert (shown.policies.write, shown.policies.blocked) == (2, 0)
    assert (shown.assignments.left_out, shown.assignments.kept) == (1, 0)
    assert [(count.code, count.count) for count in shown.warnings] == [("A", 2), ("B", 1)]


def test_nothing_stored_is_an_empty_list():
    assert [plans.changes(None), plans.warnings(None), plans.mappings(None)] == [[], [], []]
