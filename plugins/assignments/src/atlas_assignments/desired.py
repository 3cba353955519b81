"""The set of assignments that a policy shall have, and what stands in the way of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from atlas_assignments.changes import Change, ChangeKind, Identity, same, without
from atlas_assignments.mapping import ORPHANED
from atlas_assignments.translating import Translation
from atlas_gql.plugins import Assignment, PolicyContract, ReasonCode, TargetKind, fingerprint


def obstacles(
    translations: Sequence[Translation], base: Sequence[Assignment], contract: PolicyContract
) -> list[Change]:
    """What blocks the policy, one change for each assignment that does; those of the backup first."""
    return _never_written(translations, base, contract) or [
        *(without(translation) for translation in translations if translation.blocks),
        *_collisions(translations),
        *_unwritable(base, contract),
    ]


def left_alone(
    translations: Sequence[Translation], base: Iterable[Assignment], *, same_tenant: bool
) -> dict[Identity, Translation]:
    """What is left out of the backup and yet in the tenant, by identity.

    Inside one tenant a group that is gone may still be assigned. A replacement does not take such an
    assignment away: restoring a backup over the state it was made from changes nothing.
    """
    if not same_tenant:
        return {}
    free = {a.identity for a in base} - {t.target.identity for t in translations if t.target is not None}
    return {t.source.identity: t for t in translations if t.target is None and t.source.identity in free}


def desired_set(
    translations: Iterable[Translation],
    base: Iterable[Assignment],
    alone: Mapping[Identity, Translation],
    *,
    merge: bool,
) -> dict[Identity, Assignment]:
    """The whole set, by identity: the backup's, then what stays of the tenant's own."""
    wanted = {t.target.identity: t.target for t in translations if t.target is not None}
    for assignment in base:
        if merge or assignment.identity in alone:
            wanted.setdefault(assignment.identity, assignment)
    return wanted


def would_unassign(
    wanted: Mapping[Identity, Assignment],
    translations: Iterable[Translation],
    alone: Mapping[Identity, Translation],
) -> bool:
    """Whether leaving out, by choice, what could not be resolved leaves nobody included.

    A group that is gone counts for nobody, also where its assignment is still there.
    """
    skipped = any(t.target is None and t.reason != ORPHANED for t in translations)
    included = any(not a.excluded and identity not in alone for identity, a in wanted.items())
    return skipped and not included


def _never_written(
    translations: Sequence[Translation], base: Sequence[Assignment], contract: PolicyContract
) -> list[Change]:
    """All of a policy whose kind is only read, and whose assignments are not those of the backup."""
    wanted = [translation.target or translation.source for translation in translations]
    # One that stands twice would be written once.
    if contract.why_not is None or fingerprint(base) == fingerprint({a.identity: a for a in wanted}.values()):
        return []
    blocked = Change(kind=ChangeKind.BLOCKED, reason=ReasonCode.UNSUPPORTED.value, message=contract.why_not)
    return [replace(blocked, source=translation.source) for translation in translations] or [
        replace(blocked, old=assignment) for assignment in base
    ]


def _collisions(translations: Iterable[Translation]) -> list[Change]:
    """Assignments of the backup that become one in the target and do not agree."""
    first: dict[Identity, Assignment] = {}
    return [
        Change(
            kind=ChangeKind.BLOCKED,
            source=t.source,
            reason=ReasonCode.CONFLICT.value,
            message="Two assignments of the backup name the same target here, and differ.",
        )
        for t in translations
        if t.target is not None and not same(first.setdefault(t.target.identity, t.target), t.target)
    ]


def _unwritable(base: Iterable[Assignment], contract: PolicyContract) -> list[Change]:
    """What the tenant holds that Atlas could not write back; a write replaces the whole set."""
    first: dict[Identity, Assignment] = {}
    found = []
    for assignment in base:
        reason, message = ReasonCode.UNSUPPORTED, None
        if assignment.target is TargetKind.UNKNOWN:
            message = "The tenant holds a kind of target that Atlas does not write; writing would drop it."
        elif assignment.filter_id and not contract.supports_filters:
            message = "The tenant holds an assignment filter, which Atlas does not write for this kind."
        elif not same(first.setdefault(assignment.identity, assignment), assignment):
            reason = ReasonCode.CONFLICT
            message = "The tenant holds two assignments for one target, and they differ."
        if message is not None:
            found.append(
                Change(kind=ChangeKind.BLOCKED, old=assignment, reason=reason.value, message=message)
            )
    return found
