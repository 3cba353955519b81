"""What one backed-up assignment becomes in the target tenant: mapped, left out, or blocked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from atlas_assignments.mapping import ORPHANED, Reference, References
from atlas_assignments.matching import shortlist
from atlas_gql.plugins import Assignment, PolicyContract, ReasonCode, TargetKind


class UnresolvedIncludes(StrEnum):
    """What to do with an included group that has no counterpart."""

    BLOCK = "block"
    SKIP = "skip"


UnresolvedIncludes.BLOCK.__doc__ = "Nothing is written for the policy."
UnresolvedIncludes.SKIP.__doc__ = "The group is left out, unless that would leave the policy to nobody."


@dataclass(frozen=True, kw_only=True)
class Translation:
    """One direct assignment of the backup, and what becomes of it.

    Mapped when `target` is set; else `reason` and `message` tell why not, and `blocks` whether that
    holds up the whole policy.
    """

    source: Assignment
    target: Assignment | None = None
    reason: str | None = None
    message: str | None = None
    blocks: bool = False


def translate(
    source: Assignment, contract: PolicyContract, references: References, on_unresolved: UnresolvedIncludes
) -> Translation:
    """What becomes of one direct assignment.

    Leaving out an exclusion or a filter would widen who is targeted, so that these block whatever the
    caller chose; leaving out an included group is the caller's choice.
    """
    if source.target is TargetKind.UNKNOWN:
        return _blocked(
            source, ReasonCode.UNSUPPORTED, "The backup holds a kind of target that Atlas does not write."
        )
    if source.filter_id and not contract.supports_filters:
        return _blocked(source, ReasonCode.UNSUPPORTED, "This kind of policy takes no assignment filters.")
    group = references.groups[source.group_id] if source.group_id else None
    if group is not None and group.reason == ORPHANED:
        return Translation(
            source=source,
            reason=ORPHANED,
            message="The group was gone already when the backup was made, and is left alone.",
        )
    if group is not None and group.reason:
        # A choice that names nothing is a mistake, not a group to do without.
        blocks = source.excluded or on_unresolved is UnresolvedIncludes.BLOCK or group.chosen is not None
        return Translation(source=source, reason=group.reason, message=_why(group), blocks=blocks)
    filter_ = references.filters[source.filter_id] if source.filter_id else None
    if filter_ is not None and filter_.reason:
        return _blocked(source, filter_.reason, _why(filter_))
    return Translation(
        source=source,
        target=replace(
            source,
            group_id=group.target_id if group else None,
            filter_id=filter_.target_id if filter_ else None,
            raw={},
        ),
    )


def _blocked(source: Assignment, reason: str, message: str) -> Translation:
    return Translation(source=source, reason=str(reason), message=message, blocks=True)


def _why(reference: Reference) -> str:
    """Why a reference has no counterpart, in public words."""
    name = reference.source_name or reference.source_id
    if reference.chosen:
        return f'The {reference.kind} "{name}" is mapped to {reference.chosen}, which is not in the tenant.'
    if not reference.candidates:
        return f'The {reference.kind} "{name}" was not found in the target tenant.'
    ids = shortlist([candidate["id"] for candidate in reference.candidates])
    return f'Several {reference.kind}s of the target tenant bear the name "{name}": {ids}.'
