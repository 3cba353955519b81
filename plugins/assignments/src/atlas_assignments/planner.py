"""What a restore would do to one policy: values in, a plan out, no I/O.

The plan is made from identities and values (`Assignment.identity`, `Assignment.value`) and compared with
the same fingerprint as the write compares with, so that what is shown is what is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from atlas_gql.plugins import (
    Assignment,
    OperationFailure,
    PlannedPolicy,
    Policy,
    PolicyContract,
    ReasonCode,
    SourceItem,
    TargetKind,
    fingerprint,
)

from atlas_assignments.changes import Change, ChangeKind, compare, same, without
from atlas_assignments.mapping import ORPHANED, References
from atlas_assignments.matching import Match
from atlas_assignments.source import read_source
from atlas_assignments.translating import Translation, Unresolved, translate
from atlas_assignments.warnings import Context, warnings_of

INHERITED = "INHERITED"
"""A policy set brought the assignment along: it comes and goes with the set."""

Identity = tuple[str, str, str]
"""`Assignment.identity`."""


class Mode(StrEnum):
    """How the backup's set and the one that is there become one."""

    REPLACE = "replace"
    """The policy gets the backup's set."""
    MERGE = "merge"
    """The backup wins where both name somebody; the rest stays."""


def plan_policy(
    item: SourceItem,
    match: Match,
    references: References,
    *,
    mode: Mode,
    on_unresolved: Unresolved = Unresolved.BLOCK,
    selected: Collection[Identity] | None = None,
) -> PlannedPolicy:
    """What a restore would do to the policy that `match` found.

    `selected` restricts it to those of the backup's assignments, by their identity in the backup; these
    are merged whatever the mode. What cannot be done is no exception but a plan that is `blocked`: it
    has no `desired`, and its changes are the assignments that block it.
    """
    try:
        source = read_source(item)
        live = _live(match)
    except OperationFailure as failure:
        return _blocked(item, match, failure)
    merge = mode is Mode.MERGE or selected is not None
    base = [assignment for assignment in live.assignments if assignment.is_direct]
    translations = [
        translate(assignment, source.contract, references, on_unresolved)
        for assignment in _selected(source.direct, selected)
    ]
    obstacles = [
        *(without(translation) for translation in translations if translation.blocks),
        *_collisions(translations),
        *_unwritable(base, source.contract),
    ]
    if obstacles:
        return _blocked(item, match, _failure(obstacles[0]), obstacles)
    left_out = [translation for translation in translations if translation.target is None]
    wanted = _wanted(translations, base, merge=merge, same_tenant=references.same_tenant)
    if _would_unassign(wanted, left_out):
        skipped = [replace(left, blocks=True) for left in left_out if left.reason != ORPHANED]
        return _blocked(item, match, _UNASSIGNING, map(without, skipped))

    changes = _changes(translations, base, wanted)
    changes += [_inherited(assignment) for assignment in _selected(source.inherited, selected)]
    base_hash = fingerprint(live.assignments)
    writes = fingerprint(wanted.values()) != base_hash
    context = Context(policy=live, matched_by_name=match.matched_by == "name", references=references)
    return PlannedPolicy(
        item_id=item.id,
        action="write" if writes else "none",
        target_id=live.id,
        target_name=live.name,
        matched_by=match.matched_by,
        base=tuple(assignment.raw for assignment in base),
        base_hash=base_hash,
        desired=tuple(assignment.body(source.contract) for assignment in wanted.values()),
        changes=tuple(change.row(references) for change in changes),
        warnings=warnings_of(changes, context) if writes else (),
    )


def _live(match: Match) -> Policy:
    """The matched policy. Raises OperationFailure when there is none, or its assignments are unknown."""
    if match.failure is not None:
        raise match.failure
    assert match.policy is not None
    error = match.policy.error
    if error is not None:
        raise OperationFailure(
            error.message,
            reason=error.reason_code,
            detail=error.detail,
            code="item_blocked",
            request_id=error.request_id,
        )
    return match.policy


def _selected(
    assignments: Iterable[Assignment], selected: Collection[Identity] | None
) -> list[Assignment]:
    return [a for a in assignments if selected is None or a.identity in selected]


def _collisions(translations: Iterable[Translation]) -> list[Change]:
    """Assignments of the backup that become one in the target and do not agree."""
    first: dict[Identity, Assignment] = {}
    found = []
    for translation in translations:
        target = translation.target
        if target is not None and not same(first.setdefault(target.identity, target), target):
            found.append(
                Change(
                    kind=ChangeKind.BLOCKED,
                    source=translation.source,
                    reason=ReasonCode.CONFLICT.value,
                    message="Two assignments of the backup name the same target here, and differ.",
                )
            )
    return found


def _unwritable(base: Iterable[Assignment], contract: PolicyContract) -> list[Change]:
    """What the tenant holds that Atlas could not write back, should it have to."""
    first: dict[Identity, Assignment] = {}
    found = []
    for assignment in base:
        reason, message = ReasonCode.UNSUPPORTED, None
        if assignment.target is TargetKind.UNKNOWN:
            message = "The tenant holds a kind of target that Atlas does not write; writing would drop it."
        elif assignment.filter_id and not contract.supports_filters:
            message = "The tenant holds an assignment filter that this kind of policy does not take."
        elif not same(first.setdefault(assignment.identity, assignment), assignment):
            reason = ReasonCode.CONFLICT
            message = "The tenant holds two assignments for one target, and they differ."
        if message is not None:
            found.append(
                Change(kind=ChangeKind.BLOCKED, old=assignment, reason=reason.value, message=message)
            )
    return found


def _wanted(
    translations: Iterable[Translation], base: Iterable[Assignment], *, merge: bool, same_tenant: bool
) -> dict[Identity, Assignment]:
    """The whole set that the policy shall have, by identity.

    What is left out is left alone: inside one tenant, where the same target may still be assigned, a
    replacement does not take it away either. A backup restored over itself thus changes nothing.
    """
    translations = list(translations)
    backed_up = {t.target.identity: t.target for t in translations if t.target is not None}
    alone = {t.source.identity for t in translations if t.target is None} if same_tenant else set()
    rest = {a.identity: a for a in base if merge or a.identity in alone}
    return backed_up | {identity: a for identity, a in rest.items() if identity not in backed_up}


def _would_unassign(wanted: Mapping[Identity, Assignment], left_out: Sequence[Translation]) -> bool:
    """Whether leaving out, by choice, what could not be resolved leaves nobody included."""
    unresolved = {left.source.identity for left in left_out}
    return any(left.reason != ORPHANED for left in left_out) and not any(
        not assignment.excluded and identity not in unresolved for identity, assignment in wanted.items()
    )


def _changes(
    translations: Sequence[Translation], base: Sequence[Assignment], wanted: Mapping[Identity, Assignment]
) -> list[Change]:
    """One change for each identity there is, will be, or is left out."""
    there: dict[Identity, Assignment] = {}
    twice = set()
    for assignment in base:
        if there.setdefault(assignment.identity, assignment) is not assignment:
            twice.add(assignment.identity)
    sources = {t.target.identity: t.source for t in translations if t.target is not None}
    left_alone = {t.source.identity: t for t in translations if t.target is None}
    changes = []
    for identity in wanted | there:
        change = compare(there.get(identity), wanted.get(identity), sources.get(identity))
        left = left_alone.pop(identity, None)
        if left is not None:
            change = replace(change, reason=left.reason, message=left.message)
        if identity in twice and change.kind is ChangeKind.KEPT:
            message = "The tenant holds this assignment twice; one of the two stays."
            change = replace(change, kind=ChangeKind.CHANGED, message=message)
        changes.append(change)
    return changes + [without(left) for left in left_alone.values()]


def _inherited(assignment: Assignment) -> Change:
    return Change(
        kind=ChangeKind.LEFT_OUT,
        source=assignment,
        reason=INHERITED,
        message="Inherited from a policy set; only direct assignments are restored.",
    )


_UNASSIGNING = OperationFailure(
    "Leaving out what could not be resolved would leave the policy without any included target.",
    reason=ReasonCode.WOULD_UNASSIGN,
    code="item_blocked",
)


def _failure(obstacle: Change) -> OperationFailure:
    return OperationFailure(
        obstacle.message or "", reason=ReasonCode(obstacle.reason or ""), code="item_blocked"
    )
