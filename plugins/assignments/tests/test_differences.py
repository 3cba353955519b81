"""What a comparison comes to, in a few words and within bounds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from atlas_assignments.differences import MOST, NAMED, BackupComparison, PolicyDifference, compared, in_words
from atlas_gql.plugins import ReasonCode, ShownPolicy

RUN = UUID("0190f0a0-0000-7000-8000-000000000001")


def policy(n: int, action: str, **more: Any) -> ShownPolicy:
    return ShownPolicy(policy_type="mobileApps", id=str(n), name=f"p{n}", action=action, **more)


def change(kind: str, name: str | None = "g", *, of: str = "group", fields: Any = (), **more: Any) -> Any:
    target = {"kind": of, "id": "1", "name": name, "excluded": False, **more}
    return {"change": kind, "target": target, "fields": [{"field": field} for field in fields]}


def test_every_policy_is_counted_once() -> None:
    plan = [
        policy(1, "none"),
        policy(2, "write", changes=(change("added"),)),
        policy(3, "blocked", blocked_reason=ReasonCode.POLICY_NOT_FOUND),
        policy(4, "blocked", blocked_reason=ReasonCode.UNRESOLVED_GROUP),
        policy(5, "not_in_backup"),
    ]
    found = compared(RUN, plan)
    assert (found.unchanged, found.changed, found.missing, found.additional, found.not_compared) == (1,) * 5
    assert [(one.policy_id, one.difference) for one in found.policies] == [
        ("2", PolicyDifference.CHANGED),
        ("3", PolicyDifference.MISSING),
        ("5", PolicyDifference.ADDITIONAL),
    ]
    assert (found.restore_run_id, found.complete) == (RUN, True)


@pytest.mark.parametrize(("count", "complete"), [(MOST, True), (MOST + 1, False)])
def test_no_more_are_listed_than_the_bound_and_that_is_said(count: int, complete: bool) -> None:
    found: BackupComparison = compared(RUN, [policy(n, "not_in_backup") for n in range(count)])
    assert (len(found.policies), found.additional, found.complete) == (MOST, count, complete)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([change("kept"), change("leftOut")], ""),
        ([change("added")], 'lacks "g"'),
        ([change("removed", None)], 'has "1" besides'),
        ([change("removed", of="allUsers")], "has all users besides"),
        ([change("added", of="allDevices")], "lacks all devices"),
        ([change("removed", of="unknown")], "has an unknown target besides"),
        ([change("added", excluded=True)], 'lacks "g" excluded'),
        ([change("changed", fields=["filter", "intent"])], 'has "g" otherwise (filter, intent)'),
        ([change("changed")], 'has "g" otherwise'),
        ([change("added")] * (NAMED + 2), "; ".join(['lacks "g"'] * NAMED + ["and 2 more"])),
    ],
)  # fmt: skip
def test_what_differs_in_words(changes: list[Any], said: str) -> None:
    assert in_words(changes) == said
