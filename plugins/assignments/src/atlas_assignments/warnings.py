"""What a plan warns of: changes of who is reached, and how, that a person has to have seen.

What stays as it is needs no warning. What the backup names and the plan shows needs none either, unless
it is of great effect: everybody, an exclusion or a filter gone, an app forced on or off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from atlas_assignments.changes import Change, ChangeKind, describe_target, filter_label, intent_of
from atlas_assignments.mapping import Found, Reference, References
from atlas_gql.plugins import Assignment, Identity, Policy, TargetKind, WarningCode


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all warnings of one policy share; `policy` is the target's."""

    policy: Policy
    matched_by_name: bool
    references: References
    doubtful: frozenset[Identity] = frozenset()
    """The backup's assignments that lack the settings they once had, by their identity in the backup."""


Finding = tuple[WarningCode, str]
"""A warning's code and its message."""


def warnings_of(changes: Sequence[Change], context: Context) -> tuple[dict[str, Any], ...]:
    """The warnings of a policy that will be written, as JSON-able rows: `{id, code, policy, policyType,
    message, target, ruleThen, ruleNow}`. `target` is null for one of the whole policy; the rules are those of
    the group or filter that it is about, null for any other.

    An id stays the same however often the plan is made: it is made of the policy, the code and the
    assignment.
    """
    rows = [
        _row(code, message, context, change.subject)
        for change in changes
        for code, message in _of_change(change, changes, context)
    ]
    rows += [
        _row(code, message, context, change.subject, reference)
        for change in changes
        for code, message, reference in _rules(change, context)
    ]
    rows += [_row(code, message, context, None) for code, message in _of_policy(changes, context)]
    return tuple(rows)


def _of_change(change: Change, changes: Sequence[Change], context: Context) -> Iterator[Finding]:
    old, new = change.old, change.new
    if change.kind in (ChangeKind.KEPT, ChangeKind.LEFT_OUT):
        return
    yield from _lost(old, new, context)
    if new is None:
        return
    yield from _gained(old, new, changes, context)
    yield from _filtered(old, new, context)
    if change.source is not None and change.source.identity in context.doubtful:
        message = (
            f'"{context.policy.name}" will get no settings for {_who(new, context)}: Microsoft gave none when'
            " it was backed up, and an earlier backup has them."
        )
        yield WarningCode.SETTINGS_MISSING, message


def _lost(old: Assignment | None, new: Assignment | None, context: Context) -> Iterator[Finding]:
    """An exclusion, or an inclusion, that is there now and will not be."""
    if old is None:
        return
    name, who = context.policy.name, _who(old, context)
    if old.excluded and new is None:
        yield WarningCode.EXCLUSION_REMOVED, f'"{name}" will no longer exclude {who}.'
    elif old.excluded and new is not None and not new.excluded:
        yield WarningCode.EXCLUSION_REMOVED, f'"{name}" will include {who}, and excludes it now.'
    elif not old.excluded and new is None:
        yield WarningCode.INCLUDE_REMOVED, f'"{name}" will no longer include {who}.'
    elif not old.excluded and new is not None and new.excluded:
        yield WarningCode.INCLUDE_REMOVED, f'"{name}" will exclude {who}, and includes it now.'


def _gained(
    old: Assignment | None, new: Assignment, changes: Sequence[Change], context: Context
) -> Iterator[Finding]:
    """An inclusion of great effect that is not there now."""
    if new.excluded:
        return
    name, who = context.policy.name, _who(new, context)
    newly = old is None or old.excluded
    if newly and new.target is TargetKind.ALL_USERS:
        yield WarningCode.ALL_USERS_TARGETED, f'"{name}" will reach {who}.'
    if newly and new.target is TargetKind.ALL_DEVICES:
        yield WarningCode.ALL_DEVICES_TARGETED, f'"{name}" will reach {who}.'
    if newly and new.intent == "required":
        was = _intent_before(new, changes)
        yield WarningCode.INTENT_BECOMES_REQUIRED, f'"{name}" will be required for {who}{was}.'
    if newly and new.intent == "uninstall":
        was = _intent_before(new, changes)
        yield WarningCode.INTENT_BECOMES_UNINSTALL, f'"{name}" will be uninstalled for {who}{was}.'
    remediated = old is not None and not old.excluded and bool(old.extra.get("runRemediationScript"))
    if new.extra.get("runRemediationScript") and not remediated:
        yield WarningCode.REMEDIATION_SWITCHED_ON, f'"{name}" will run its remediation for {who}.'


def _filtered(old: Assignment | None, new: Assignment, context: Context) -> Iterator[Finding]:
    if old is None or (old.filter_id, old.filter_mode) == (new.filter_id, new.filter_mode):
        return
    name, who = context.policy.name, _who(new, context)
    was, will_be = filter_label(old, context.references), filter_label(new, context.references)
    if will_be is None:
        yield WarningCode.FILTER_REMOVED, f'"{name}" will lose the filter {was} for {who}.'
    elif was is None:
        yield WarningCode.FILTER_CHANGED, f'"{name}" will get the filter {will_be} for {who}.'
    else:
        message = f'"{name}" will have the filter {will_be} instead of {was} for {who}.'
        yield WarningCode.FILTER_CHANGED, message


def _rules(change: Change, context: Context) -> Iterator[tuple[WarningCode, str, Reference]]:
    """What is called as it was backed up, and takes in others now."""
    if change.new is None or change.kind is ChangeKind.KEPT:
        return
    group, filter_ = _references_of(change, context)
    if group is not None and group.rule_differs:
        message = f'The membership rule of the group "{group.target_name}" is not the one that was backed up.'
        yield WarningCode.GROUP_RULE_DIFFERS, message, group
    if filter_ is not None and filter_.rule_differs:
        message = f'The rule of the filter "{filter_.target_name}" is not the one that was backed up.'
        yield WarningCode.FILTER_RULE_DIFFERS, message, filter_


def _of_policy(changes: Sequence[Change], context: Context) -> Iterator[Finding]:
    # what is there of a group that is gone reaches nobody, before and after
    telling = [change for change in changes if change.reason is None]
    reached = any(change.old and not change.old.excluded for change in telling)
    if reached and not any(change.new and not change.new.excluded for change in telling):
        yield WarningCode.POLICY_EMPTIED, f'"{context.policy.name}" will reach nobody any more.'
    by_name = _matched_by_name(changes, context)
    if by_name:
        message = f'"{context.policy.name}": matched by name only: {", ".join(by_name)}.'
        yield WarningCode.MATCHED_BY_NAME, message


def _matched_by_name(changes: Sequence[Change], context: Context) -> list[str]:
    """All that the policy's changes rest on a name for; one warning names them together, so that the
    plan for another tenant, where nothing has its id, stays readable."""
    names = ["the policy"] if context.matched_by_name else []
    for change in changes:
        if change.kind in (ChangeKind.ADDED, ChangeKind.CHANGED):
            names += [
                f'the {reference.kind} "{reference.target_name}"'
                for reference in _references_of(change, context)
                if reference is not None and reference.found is Found.NAME
            ]
    return list(dict.fromkeys(names))


def _references_of(change: Change, context: Context) -> tuple[Reference | None, Reference | None]:
    """The backup's group and filter behind a change; None where there is none."""
    source = change.source
    if source is None:
        return None, None
    return (
        context.references.groups.get(source.group_id or ""),
        context.references.filters.get(source.filter_id or ""),
    )


def _intent_before(new: Assignment, changes: Sequence[Change]) -> str:
    """What the app is for the same target now, as the tail of a sentence."""
    others = sorted(
        intent_of(change.old) or ""
        for change in changes
        if change.old
        and not change.old.excluded
        and (change.old.target, change.old.group_id) == (new.target, new.group_id)
    )
    return f", and is {' and '.join(others)} now" if others else ""


def _who(assignment: Assignment, context: Context) -> str:
    if assignment.target is TargetKind.ALL_USERS:
        return "all users"
    if assignment.target is TargetKind.ALL_DEVICES:
        return "all devices"
    return f'the group "{context.references.name(assignment.group_id or "")}"'


def _row(
    code: WarningCode,
    message: str,
    context: Context,
    subject: Assignment | None,
    reference: Reference | None = None,
) -> dict[str, Any]:
    policy = context.policy
    identity = subject.identity if subject else ()
    key = json.dumps([policy.policy_type, policy.id, code.value, identity])
    return {
        "id": hashlib.sha256(key.encode()).hexdigest()[:12],
        "code": code.value,
        "policy": policy.name,
        "policyType": policy.policy_type,
        "message": message,
        "target": describe_target(subject, context.references) if subject else None,
        "ruleThen": reference.rule_then if reference else None,
        "ruleNow": reference.rule_now if reference else None,
    }
