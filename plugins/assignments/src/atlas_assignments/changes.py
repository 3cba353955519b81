"""What a plan changes, assignment by assignment, as values and as rows for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from atlas_assignments.mapping import References
from atlas_assignments.translating import Translation
from atlas_gql.plugins import Assignment, TargetKind, fingerprint

Identity = tuple[str, str, str]
"""`Assignment.identity`."""
INHERITED = "INHERITED"
"""A policy set brought the assignment along: it comes and goes with the set."""


class ChangeKind(StrEnum):
    """What happens to an assignment."""

    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    BLOCKED = "blocked"
    LEFT_OUT = "leftOut"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one assignment: `old` is in the tenant, `new` shall be, `source` is the backup's."""

    kind: ChangeKind
    old: Assignment | None = None
    new: Assignment | None = None
    source: Assignment | None = None
    reason: str | None = None
    message: str | None = None

    @property
    def subject(self) -> Assignment:
        """The assignment that the change is about, as people of the target tenant know it."""
        subject = self.new or self.old or self.source
        assert subject is not None
        return subject

    def row(self, references: References) -> dict[str, Any]:
        """The change as one JSON-able row of the plan."""
        subject = self.subject
        return {
            "change": self.kind.value,
            "target": describe_target(subject, references),
            "intent": intent_of(subject),
            "fields": [] if self.kind in _UNTOUCHED else differences(self.old, self.new, references),
            "reason": self.reason,
            "message": self.message,
        }


def same(one: Assignment, other: Assignment) -> bool:
    """Whether two assignments are equal in identity and value, exactly as the write compares them."""
    return fingerprint([one]) == fingerprint([other])


def changes_between(
    base: Sequence[Assignment],
    wanted: Mapping[Identity, Assignment],
    translations: Sequence[Translation],
    alone: Mapping[Identity, Translation],
) -> list[Change]:
    """One change for each identity that is in the tenant, or shall be, or is left out of the backup.

    `alone` is what the backup leaves out and the tenant still holds.
    """
    there = {assignment.identity: assignment for assignment in base}
    counts = Counter(assignment.identity for assignment in base)
    sources = {t.target.identity: t.source for t in reversed(translations) if t.target is not None}
    changes = []
    for identity in {**wanted, **there}:
        change = _compare(there.get(identity), wanted.get(identity), sources.get(identity))
        if identity in alone:
            change = replace(change, reason=alone[identity].reason, message=alone[identity].message)
        if counts[identity] > 1 and change.kind is ChangeKind.KEPT:
            message = "The tenant holds this assignment more than once; one stays."
            change = replace(change, kind=ChangeKind.CHANGED, message=message)
        changes.append(change)
    absent = {t.source.identity: t for t in translations if t.target is None}
    return changes + [without(t) for identity, t in absent.items() if identity not in alone]


def without(translation: Translation) -> Change:
    """The change that a translation without a target amounts to."""
    return Change(
        kind=ChangeKind.BLOCKED if translation.blocks else ChangeKind.LEFT_OUT,
        source=translation.source,
        reason=translation.reason,
        message=translation.message,
    )


def inherited(assignment: Assignment) -> Change:
    """The change that an inherited assignment of the backup amounts to: none."""
    return Change(
        kind=ChangeKind.LEFT_OUT,
        source=assignment,
        reason=INHERITED,
        message="Inherited from a policy set; only direct assignments are restored.",
    )


def _compare(old: Assignment | None, new: Assignment | None, source: Assignment | None) -> Change:
    if old is None:
        kind = ChangeKind.ADDED
    elif new is None:
        kind = ChangeKind.REMOVED
    else:
        kind = ChangeKind.KEPT if same(old, new) else ChangeKind.CHANGED
    return Change(kind=kind, old=old, new=new, source=source)


_UNTOUCHED = (ChangeKind.KEPT, ChangeKind.BLOCKED, ChangeKind.LEFT_OUT)
_KINDS = {
    TargetKind.GROUP: "group",
    TargetKind.EXCLUDED_GROUP: "group",
    TargetKind.ALL_USERS: "allUsers",
    TargetKind.ALL_DEVICES: "allDevices",
    TargetKind.UNKNOWN: "unknown",
}


def describe_target(assignment: Assignment, references: References) -> dict[str, Any]:
    """Whom an assignment names: `{kind, id, name, excluded}`, id and name for groups only; a plan adds
    `members` to the groups that it touches."""
    group_id = assignment.group_id
    return {
        "kind": _KINDS[assignment.target],
        "id": group_id,
        "name": references.name(group_id) if group_id else None,
        "excluded": assignment.excluded,
    }


def intent_of(assignment: Assignment) -> str | None:
    """The intent, whether it is part of the identity or not."""
    return assignment.intent or assignment.extra.get("intent")


def filter_label(assignment: Assignment, references: References) -> str | None:
    """The filter by name and mode, as `Corporate (include)`; None for no filter."""
    if assignment.filter_id is None:
        return None
    return f"{references.name(assignment.filter_id)} ({assignment.filter_mode})"


def differences(
    old: Assignment | None, new: Assignment | None, references: References
) -> list[dict[str, Any]]:
    """The fields in which two assignments differ, `{field, old, new}`; against None: all that are set."""
    before, after = _fields(old, references), _fields(new, references)
    if old is None or new is None:
        # who is included and who is excluded stands in the row's target
        before.pop("excluded", None)
        after.pop("excluded", None)
    elif old.filter_id != new.filter_id and before["filter"] == after["filter"]:
        # two filters of one name, as when one was deleted and made again
        before["filter"], after["filter"] = (
            f"{before['filter']} {old.filter_id}",
            f"{after['filter']} {new.filter_id}",
        )
    rows = []
    for name in before | after:
        was, will_be = before.get(name), after.get(name)
        if json.dumps(was, sort_keys=True) != json.dumps(will_be, sort_keys=True):
            rows.append({"field": name, "old": was, "new": will_be})
    return rows


def _fields(assignment: Assignment | None, references: References) -> dict[str, Any]:
    if assignment is None:
        return {}
    value = assignment.value()
    del value["filterId"], value["filterMode"]
    return {"excluded": value["excluded"], "filter": filter_label(assignment, references), **value}
