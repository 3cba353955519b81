"""What a caller chooses of a plan beside the backup: mappings and single assignments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from atlas_assignments.changes import Identity
from atlas_assignments.source import readable
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import Assignment, Doc, SourceItem, Start, TargetKind, ValidationError


@dataclass(frozen=True, kw_only=True)
class MappingInput:
    """A group or filter of the source, and the one of the target that stands for it."""

    source_id: Annotated[str, Doc("Its Graph id in the backup.")]
    target_id: Annotated[str, Doc("The Graph id of its counterpart in the target tenant.")]

    def __post_init__(self) -> None:
        for name in ("source_id", "target_id"):
            if not _is_guid(getattr(self, name)):
                raise ValidationError(
                    "Groups and filters are named by their Graph ids, which are GUIDs.", field=name
                )


# What plans and comparisons ask for alike.
OfKinds = Annotated[
    tuple[str, ...], Doc("Only these kinds of policy, by Graph's collection name; all when absent.")
]
OfPolicies = Annotated[
    tuple[str, ...], Doc("Only these policies, by their Graph ids in the backup; all when absent.")
]
GroupMappings = Annotated[tuple[MappingInput, ...], Doc("Groups that stand for groups of the backup.")]
FilterMappings = Annotated[
    tuple[MappingInput, ...], Doc("Assignment filters that stand for filters of the backup.")
]


class SelectedTarget(StrEnum):
    """Whom a selected assignment names."""

    GROUP = "group"
    ALL_USERS = "allUsers"
    ALL_DEVICES = "allDevices"


SelectedTarget.GROUP.__doc__ = "A group, included or excluded."
SelectedTarget.ALL_USERS.__doc__ = "Every user of the tenant."
SelectedTarget.ALL_DEVICES.__doc__ = "Every device of the tenant."

_WHO = {
    SelectedTarget.GROUP: "group",
    SelectedTarget.ALL_USERS: TargetKind.ALL_USERS.value,
    SelectedTarget.ALL_DEVICES: TargetKind.ALL_DEVICES.value,
}


@dataclass(frozen=True, kw_only=True)
class AssignmentSelectionInput:
    """One assignment of the backup, by what it names."""

    policy_id: Annotated[str, Doc("The policy's Graph id in the backup.")]
    target: Annotated[SelectedTarget, Doc("Whom the assignment names.")] = SelectedTarget.GROUP
    group_id: Annotated[str | None, Doc("The group's Graph id in the backup; for a group only.")] = None
    intent: Annotated[
        str | None, Doc("For an app: only the assignment with this intent; all of the target when absent.")
    ] = None


def options_of(
    *,
    unresolved_includes: UnresolvedIncludes = UnresolvedIncludes.BLOCK,
    groups: Sequence[MappingInput] = (),
    filters: Sequence[MappingInput] = (),
    assignments: Sequence[AssignmentSelectionInput] = (),
    whole: bool = False,
) -> dict[str, Any]:
    """The choices as the restore run keeps them; `whole` says that its kinds are planned as a whole.

    Raises ValidationError for mappings and selections that make no sense.
    """
    return {
        "unresolvedIncludes": unresolved_includes.value,
        "groups": _mapped(groups, "groupMappings"),
        "filters": _mapped(filters, "filterMappings"),
        "selected": _selected(assignments),
        "whole": whole,
    }


async def check_mapped(start: Start, options: Mapping[str, Any]) -> None:
    """Raises ValidationError for a mapping of what the selected policies do not name."""
    if not (options["groups"] or options["filters"]):
        return
    named = await start.mentioned()
    for field, sources, known in (
        ("groupMappings", options["groups"], named.groups),
        ("filterMappings", options["filters"], named.filters),
    ):
        for source_id in sources:
            if source_id not in known:
                raise ValidationError(f"Nothing that is selected of the backup names {source_id}.", field)


def selected_identities(item: SourceItem, options: Mapping[str, Any]) -> frozenset[Identity] | None:
    """The assignments that were selected of a policy; None when all of it was.

    What the backup does not hold is among them: a plan of it is blocked.
    """
    wanted = options.get("selected", {}).get(item.policy.id)
    if wanted is None:
        return None
    held = [assignment for source in readable([item]) for assignment in source.direct]
    found: set[Identity] = set()
    for who, group_id, intent in wanted:
        meant = {a.identity for a in held if _is_meant(a, who, group_id, intent)}
        found |= meant or {(who, group_id, intent)}
    return frozenset(found)


def _is_meant(assignment: Assignment, who: str, group_id: str, intent: str) -> bool:
    return assignment.identity[:2] == (who, group_id) and intent in ("", assignment.intent)


def _mapped(mappings: Sequence[MappingInput], field: str) -> dict[str, str]:
    """Source to target. Raises ValidationError when two say something about one, or two become one."""
    choices = {mapping.source_id.lower(): mapping.target_id.lower() for mapping in mappings}
    if len(choices) != len(mappings):
        raise ValidationError("A source is mapped twice.", field=field)
    if len(set(choices.values())) != len(choices):
        raise ValidationError("Two sources are mapped to one target.", field=field)
    return choices


def _selected(assignments: Sequence[AssignmentSelectionInput]) -> dict[str, list[list[str]]]:
    """By policy, the identities of what is selected; an empty intent stands for any."""
    chosen: dict[str, list[list[str]]] = {}
    for selection in assignments:
        group_id = (selection.group_id or "").lower()
        if _is_guid(group_id) != (selection.target is SelectedTarget.GROUP):
            raise ValidationError("Name a group by its Graph id, and nothing else with one.", "assignments")
        identity = [_WHO[selection.target], group_id, selection.intent or ""]
        if identity in chosen.setdefault(selection.policy_id, []):
            raise ValidationError("An assignment is selected twice.", field="assignments")
        chosen[selection.policy_id].append(identity)
    return chosen


def _is_guid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None
