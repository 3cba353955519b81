"""Planning a restore: the live tenant is read, nothing is written there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from atlas_assignments.fetch import check_policy_types
from atlas_assignments.mapping import (
    Directory,
    References,
    map_references,
    needed_group_ids,
    needed_group_names,
)
from atlas_assignments.matching import match_policies
from atlas_assignments.planner import AssignmentRestoreMode, plan_policy, summarize
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import (
    CONTRACTS,
    Doc,
    Policy,
    Ref,
    RestoreOptions,
    RunContext,
    SourceItem,
    Start,
    ValidationError,
)

BATCH = 100
"""Planned policies that are stored together."""


@dataclass(frozen=True, kw_only=True)
class MappingInput:
    """A group or filter of the source, and the one of the target that stands for it."""

    source_id: Annotated[str, Doc("Its Graph id in the backup.")]
    target_id: Annotated[str, Doc("The Graph id of its counterpart in the target tenant.")]


@dataclass(frozen=True, kw_only=True)
class PlanAssignmentRestoreInput:
    """What to restore, into the tenant, and how."""

    backup_set_id: Annotated[
        UUID,
        Ref("BackupSet", "backups.view"),
        Doc("The backup set to restore from, of this tenant or another one of the workspace."),
    ]
    mode: Annotated[
        AssignmentRestoreMode, Doc("How the backup's set and the one that is there become one.")
    ] = AssignmentRestoreMode.REPLACE
    policy_types: Annotated[
        tuple[str, ...], Doc("Only these kinds of policy, by Graph's collection name; all when absent.")
    ] = ()
    policy_ids: Annotated[
        tuple[str, ...], Doc("Only these policies, by their Graph ids in the backup; all when absent.")
    ] = ()
    unresolved_includes: Annotated[
        UnresolvedIncludes, Doc("What to do about an included group that the target tenant does not have.")
    ] = UnresolvedIncludes.BLOCK
    group_mappings: Annotated[
        tuple[MappingInput, ...], Doc("Groups that stand for groups of the backup.")
    ] = ()
    filter_mappings: Annotated[
        tuple[MappingInput, ...], Doc("Assignment filters that stand for filters of the backup.")
    ] = ()


async def create_restore_run(start: Start, given: PlanAssignmentRestoreInput) -> None:
    """Make the restore run, with a copy of what is selected of the backup."""
    check_policy_types(given.policy_types)
    await start.new_restore_run(
        backup_set_id=given.backup_set_id,
        mode=given.mode.value,
        policy_types=given.policy_types,
        policy_ids=given.policy_ids,
        options={
            "unresolvedIncludes": given.unresolved_includes.value,
            "groups": _choices(given.group_mappings, "groupMappings"),
            "filters": _choices(given.filter_mappings, "filterMappings"),
        },
    )


def _choices(mappings: Sequence[MappingInput], field: str) -> dict[str, str]:
    """Source to target. Raises ValidationError when two say something about one, or two become one."""
    for mapping in mappings:
        if not (_is_guid(mapping.source_id) and _is_guid(mapping.target_id)):
            raise ValidationError("Groups and filters are named by their Graph ids, which are GUIDs.", field)
    choices = {mapping.source_id.lower(): mapping.target_id.lower() for mapping in mappings}
    if len(choices) != len(mappings):
        raise ValidationError("A source is mapped twice.", field=field)
    if len(set(choices.values())) != len(choices):
        raise ValidationError("Two sources are mapped to one target.", field=field)
    return choices


def _is_guid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None


async def plan(ctx: RunContext, _given: PlanAssignmentRestoreInput) -> None:
    """Match, map and compare every selected policy with the live tenant, and store what would be done."""
    options = await ctx.restores.options()
    items = await ctx.restores.source()
    await ctx.total(len(items))
    live = await _live(ctx, items)
    matches = match_policies(items, live, same_tenant=options.same_tenant)
    matched = [match.policy for match in matches.values() if match.policy is not None]
    references = await _references(ctx, items, matched, options)
    planned = [
        plan_policy(
            item,
            matches[item.id],
            references,
            mode=AssignmentRestoreMode(options.mode),
            on_unresolved=UnresolvedIncludes(options.options["unresolvedIncludes"]),
        )
        for item in items
    ]
    for first in range(0, len(planned), BATCH):
        await ctx.restores.save(planned[first : first + BATCH])
    await ctx.restores.complete(mappings=references.table(), summary=summarize(planned))


async def _live(ctx: RunContext, items: Sequence[SourceItem]) -> Mapping[str, list[Policy]]:
    """The target's policies of the kinds that are selected."""
    live: dict[str, list[Policy]] = {}
    for policy_type in sorted({item.policy.policy_type for item in items} & CONTRACTS.keys()):
        live[policy_type] = [policy async for policy in ctx.graph.policies(CONTRACTS[policy_type])]
        await ctx.check()
    return live


async def _references(
    ctx: RunContext, items: Sequence[SourceItem], matched: Sequence[Policy], options: RestoreOptions
) -> References:
    """The counterparts of all groups and filters that the selection mentions, each looked up once."""
    choices: Mapping[str, Any] = options.options
    same = options.same_tenant
    groups = await ctx.graph.groups(
        needed_group_ids(items, matched, same_tenant=same, choices=choices["groups"])
    )
    names = needed_group_names(items, groups, same_tenant=same, choices=choices["groups"])
    directory = Directory(
        same_tenant=same,
        groups=groups,
        groups_by_name=await ctx.graph.groups_named(names),
        filters=await ctx.graph.filters(),
        group_choices=choices["groups"],
        filter_choices=choices["filters"],
    )
    return map_references(items, directory)
