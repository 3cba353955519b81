"""What Atlas knows of assignments, policies, groups and filters, as values.

Two assignments are *the same* when their identity is equal: the group, or all users, or all devices
(and the intent, for apps). What else an assignment says is its value: included or excluded, filter,
settings, schedule. Sets are compared by identity and value, never by order, and never by the ids that
Graph derives for assignments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from atlas_gql.errors import GraphError
from atlas_gql.graph.contract import PolicyContract

NO_FILTER = "00000000-0000-0000-0000-000000000000"
"""One of the two ways in which Graph says that there is no filter; the other is null."""
ODATA = "#microsoft.graph."
_FILTER_ID = "deviceAndAppManagementAssignmentFilterId"
_FILTER_TYPE = "deviceAndAppManagementAssignmentFilterType"


class TargetKind(StrEnum):
    """Whom an assignment names; the values are Graph's `@odata.type` without its prefix.

    .. versionadded:: 0.1
    """

    GROUP = "groupAssignmentTarget"
    EXCLUDED_GROUP = "exclusionGroupAssignmentTarget"
    ALL_USERS = "allLicensedUsersAssignmentTarget"
    ALL_DEVICES = "allDevicesAssignmentTarget"
    UNKNOWN = "unknown"
    """A target that Atlas does not know: kept verbatim, reported, never written."""


Identity = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One assignment of a policy, normalised; `raw` is what Graph said.

    .. versionadded:: 0.1
    """

    target: TargetKind
    group_id: str | None = None
    filter_id: str | None = None
    """None for no filter, however Graph spelt it."""
    filter_mode: str | None = None
    """`include` or `exclude`; None exactly when `filter_id` is None."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """The contract's extra fields, of the assignment and of its target, as Graph gave them."""
    intent: str | None = None
    """The intent where it is part of the identity (apps); else None."""
    source: str = "direct"
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def identity(self) -> Identity:
        """(who, group id, intent): what makes two assignments of one policy the same."""
        if self.target in (TargetKind.GROUP, TargetKind.EXCLUDED_GROUP):
            return ("group", self.group_id or "", self.intent or "")
        if self.target is TargetKind.UNKNOWN:
            return ("unknown", _digest(self.raw.get("target")), self.intent or "")
        return (self.target.value, "", self.intent or "")

    @property
    def excluded(self) -> bool:
        return self.target is TargetKind.EXCLUDED_GROUP

    @property
    def is_direct(self) -> bool:
        """Whether the assignment was made on the policy itself, not inherited from a policy set."""
        return self.source == "direct"

    def value(self) -> dict[str, Any]:
        """What the assignment says beside its identity, by field; equal values mean equal effect."""
        return {
            "excluded": self.excluded,
            "filterId": self.filter_id,
            "filterMode": self.filter_mode,
            **{name: value for name, value in self.extra.items() if name != "intent" or self.intent is None},
        }

    def body(self, contract: PolicyContract) -> dict[str, Any]:
        """The assignment as Graph wants it written: its target and the contract's fields, no ids."""
        own = self.target is TargetKind.GROUP
        target: dict[str, Any] = {"@odata.type": ODATA + (contract.group_target if own else self.target)}
        if self.group_id is not None:
            target["groupId"] = self.group_id
        if contract.supports_filters:
            target[_FILTER_ID] = self.filter_id
            target[_FILTER_TYPE] = self.filter_mode or "none"
        said = {name: value for name, value in self.extra.items() if value is not None}
        target |= {name: said.pop(name) for name in contract.target_fields if name in said}
        return {"@odata.type": ODATA + contract.element_type, **said, "target": target}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy as seen in a tenant: who it is, and its assignments - or why they are not known.

    .. versionadded:: 0.1
    """

    policy_type: str
    id: str
    name: str
    platform: str | None = None
    scope_tag_ids: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    error: GraphError | None = None
    """Why the assignments could not be read. An unknown set is never an empty one."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group: `kind` is `assigned`, `dynamic` or `microsoft365`; `rule` its membership rule.

    .. versionadded:: 0.1
    """

    id: str
    name: str
    kind: str
    rule: str | None = None
    created: str | None = None
    deleted: str | None = None
    """When it was deleted, for one that can still be brought back."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """An assignment filter.

    .. versionadded:: 0.1
    """

    id: str
    name: str
    platform: str
    rule: str


def parse_assignment(contract: PolicyContract, raw: Mapping[str, Any]) -> Assignment:
    """The normalised form of one assignment as Graph returned it.

    Missing extra fields become null, so that absent and null compare equal. Raises ValueError when the
    answer is no assignment at all (no object, no target).

    .. versionadded:: 0.1
    """
    target = raw.get("target") if isinstance(raw, Mapping) else None
    if not isinstance(target, Mapping):
        raise ValueError("an assignment without a target")
    kind, filter_id, mode = _kind(contract, target), target.get(_FILTER_ID), target.get(_FILTER_TYPE)
    if filter_id in (None, "", NO_FILTER) or mode in (None, "none"):
        filter_id = mode = None
    elif not isinstance(filter_id, str) or mode not in ("include", "exclude"):
        kind = TargetKind.UNKNOWN  # written without its filter it would reach further
    extra = {name: raw.get(name) for name in contract.extra_fields}
    extra |= {name: target.get(name) for name in contract.target_fields}
    group_id = _text(target.get("groupId")) if kind in (TargetKind.GROUP, TargetKind.EXCLUDED_GROUP) else None
    return Assignment(
        target=kind,
        group_id=group_id,
        filter_id=_text(filter_id),
        filter_mode=_text(mode),
        extra=extra,
        intent=_text(raw.get("intent")) if contract.intent_in_identity else None,
        source=_text(raw.get("source")) or "direct",
        raw=dict(raw),
    )


def fingerprint(assignments: Iterable[Assignment]) -> str:
    """A digest of the direct assignments' identities and values, whatever their order.

    Inherited assignments are left out: they are not ours to write, and come and go with their set.

    .. versionadded:: 0.1
    """
    items = sorted(
        orjson.dumps([a.identity, a.value()], option=orjson.OPT_SORT_KEYS) for a in assignments if a.is_direct
    )
    return hashlib.sha256(b"\n".join(items)).hexdigest()


def _kind(contract: PolicyContract, target: Mapping[str, Any]) -> TargetKind:
    name = str(target.get("@odata.type", "")).removeprefix("#").removeprefix("microsoft.graph.")
    if contract.only_groups:
        kind = TargetKind.GROUP if name == contract.group_target else TargetKind.UNKNOWN
    else:
        kind = next((known for known in TargetKind if known.value == name), TargetKind.UNKNOWN)
    needs_group = kind in (TargetKind.GROUP, TargetKind.EXCLUDED_GROUP)
    return TargetKind.UNKNOWN if needs_group and not _text(target.get("groupId")) else kind


def _text(value: Any) -> str | None:
    """A value as text, GUIDs in lower case; None for null and empty."""
    if not isinstance(value, str) or not value:
        return None
    return value.lower() if len(value) == 36 and value.count("-") == 4 else value


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
