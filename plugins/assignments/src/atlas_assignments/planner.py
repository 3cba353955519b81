"""What a restore would do to one policy: values in, a plan out, no I/O.

The plan is made from identities and values (`Assignment.identity`, `Assignment.value`) and compared with
the same fingerprint as the write compares with, so that what is shown is what is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any

from atlas_assignments.changes import Change, ChangeKind, Identity, changes_between, inherited, without
from atlas_assignments.desired import desired_set, left_alone, obstacles, would_unassign
from atlas_assignments.mapping import ORPHANED, References
from atlas_assignments.matching import Match
from atlas_assignments.source import Source, read_source
from atlas_assignments.translating import UnresolvedIncludes, translate
from atlas_assignments.warnings import Context, warnings_of
from atlas_gql.plugins import (
    Assignment,
    OperationFailure,
    PlannedPolicy,
    Policy,
    ReasonCode,
    SourceItem,
    fingerprint,
)


class AssignmentRestoreMode(StrEnum):
    """How the backup's set and the one that is there become one."""

    REPLACE = "replace"
    MERGE = "merge"


# The API shows these: a string below a member would be lost.
AssignmentRestoreMode.REPLACE.__doc__ = "The policy gets the backup's set."
AssignmentRestoreMode.MERGE.__doc__ = "The backup wins where both name somebody; the rest stays."


def plan_policy(
    item: SourceItem,
    match: Match,
    references: References,
    *,
    mode: AssignmentRestoreMode,
    on_unresolved: UnresolvedIncludes = UnresolvedIncludes.BLOCK,
    selected: Collection[Identity] | None = None,
) -> PlannedPolicy:
    """What a restore would do to the policy that `match` found.

    `selected` restricts it to those of the backup's assignments, by their identity in the backup; these
    are merged whatever the mode. What cannot be done is no exception but a plan that is `blocked`: it
    has no `desired`, and its changes are the assignments that block it.
    """
    try:
        source = _restrict(read_source(item), selected)
        live = _live(match)
    except OperationFailure as failure:
        return _blocked(item, match, failure)
    base = [assignment for assignment in live.assignments if assignment.is_direct]
    base_hash = fingerprint(base)
    if item.left_behind is not None and base_hash not in (*item.left_behind, fingerprint(source.direct)):
        return _blocked(item, match, _changed_since())
    translations = [translate(a, source.contract, references, on_unresolved) for a in source.direct]
    blocking = obstacles(translations, base, source.contract)
    if blocking:
        return _blocked(item, match, _failure(blocking[0]), _rows(blocking, references))
    alone = left_alone(translations, base, same_tenant=references.same_tenant)
    merge = mode is AssignmentRestoreMode.MERGE or selected is not None
    wanted = desired_set(translations, base, alone, merge=merge)
    if would_unassign(wanted, translations, alone):
        skipped = [t for t in translations if t.target is None and t.reason != ORPHANED]
        blocking = [without(replace(translation, blocks=True)) for translation in skipped]
        return _blocked(item, match, _unassigning(), _rows(blocking, references))

    changes = changes_between(base, wanted, translations, alone)
    writes = fingerprint(wanted.values()) != base_hash
    context = Context(
        policy=live,
        matched_by_name=match.matched_by == "name",
        references=references,
        doubtful=source.doubtful,
    )
    return PlannedPolicy(
        item_id=item.id,
        action="write" if writes else "none",
        target_id=live.id,
        target_name=live.name,
        matched_by=match.matched_by,
        base=tuple(assignment.raw for assignment in base),
        base_hash=base_hash,
        desired=tuple(assignment.body(source.contract) for assignment in wanted.values()),
        changes=_rows([*changes, *map(inherited, source.inherited)], references),
        warnings=warnings_of(changes, context) if writes else (),
    )


def summarize(planned: Iterable[PlannedPolicy], *, others: int = 0) -> dict[str, dict[str, int]]:
    """The counts of a whole plan: policies by action, assignments by change, warnings by code.

    `others` is how many policies are in the tenant and not in the backup.
    """
    planned = list(planned)
    policies = Counter(policy.action for policy in planned)
    assignments = Counter(change["change"] for policy in planned for change in policy.changes)
    warnings = Counter(warning["code"] for policy in planned for warning in policy.warnings)
    return {
        "policies": {action: policies[action] for action in ("write", "none", "blocked")}
        | {"notInBackup": others},
        "assignments": {kind.value: assignments[kind.value] for kind in ChangeKind},
        "warnings": dict(sorted(warnings.items())),
    }


def _restrict(source: Source, selected: Collection[Identity] | None) -> Source:
    """What is selected of the backed-up policy. Raises OperationFailure when it does not hold all of that."""
    missing = set(selected or ()) - {a.identity for a in (*source.direct, *source.inherited)}
    if missing:
        raise OperationFailure(
            "The backup of this policy does not hold an assignment that was selected.",
            reason=ReasonCode.NOT_FOUND,
            code="item_blocked",
        )

    def kept(assignments: Iterable[Assignment]) -> tuple[Assignment, ...]:
        return tuple(a for a in assignments if selected is None or a.identity in selected)

    return replace(source, direct=kept(source.direct), inherited=kept(source.inherited))


def _live(match: Match) -> Policy:
    """The matched policy. Raises OperationFailure when there is none, or its assignments are unknown."""
    policy = match.found()
    if policy.error is not None:
        raise OperationFailure(
            policy.error.message,
            reason=policy.error.reason_code,
            detail=policy.error.detail,
            code="item_blocked",
            request_id=policy.error.request_id,
        )
    return policy


def _blocked(
    item: SourceItem,
    match: Match,
    failure: OperationFailure,
    changes: tuple[dict[str, Any], ...] = (),
) -> PlannedPolicy:
    return PlannedPolicy(
        item_id=item.id,
        action="blocked",
        target_id=match.policy.id if match.policy else None,
        target_name=match.policy.name if match.policy else None,
        matched_by=match.matched_by,
        blocked=failure,
        changes=changes,
    )


def _rows(changes: Iterable[Change], references: References) -> tuple[dict[str, Any], ...]:
    return tuple(change.row(references) for change in changes)


def _failure(obstacle: Change) -> OperationFailure:
    return OperationFailure(
        obstacle.message or "", reason=ReasonCode(obstacle.reason or ""), code="item_blocked"
    )


def _changed_since() -> OperationFailure:
    return OperationFailure(
        "Somebody changed the policy after the restore wrote it. Undoing would lose that change.",
        reason=ReasonCode.CHANGED_SINCE,
        code="item_blocked",
    )


def _unassigning() -> OperationFailure:
    return OperationFailure(
        "Leaving out what could not be resolved would leave the policy without any included target.",
        reason=ReasonCode.WOULD_UNASSIGN,
        code="item_blocked",
    )
