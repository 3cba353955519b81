"""Making a plan: what planning a restore, undoing one and comparing have in common.

The selected policies of the backup are matched with those of the other side, their groups and filters
mapped, and the difference is stored policy by policy; nothing is written to the tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from atlas_assignments.changes import ChangeKind
from atlas_assignments.choices import selected_identities
from atlas_assignments.mapping import (
    Directory,
    References,
    map_references,
    needed_group_ids,
    needed_group_names,
)
from atlas_assignments.matching import Match, match_policies, name_key
from atlas_assignments.planner import AssignmentRestoreMode, plan_policy, summarize
from atlas_assignments.sides import Found, SetSide, Side, TenantSide
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import CONTRACTS, PlannedPolicy, Policy, RestoreOptions, RunContext, SourceItem

BATCH = 100
"""Planned policies that are stored together."""
_TOUCHING = (ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.CHANGED)


async def make_plan(ctx: RunContext) -> None:
    """Fill and close the run's plan; one that an earlier attempt closed stays as it is."""
    options = await ctx.restores.options()
    if options.planned:
        return
    items = await ctx.restores.source()
    await ctx.total(len(items))
    side = await _side(ctx, options, items)
    found = await side.policies(sorted({item.policy.policy_type for item in items} & CONTRACTS.keys()))
    matches = match_policies(
        items, found.policies, same_tenant=options.same_tenant, unreadable=found.unreadable
    )
    matched = [match.policy for match in matches.values() if match.policy is not None]
    references = await _references(side, items, matched, options)
    planned: list[PlannedPolicy] = []
    for batch in _batches(items):
        planned += [_planned(item, matches[item.id], references, options) for item in batch]
        await ctx.check()
    counts = await side.member_counts(_touched(planned, references))
    for plans in _batches(planned):
        await ctx.restores.save([_counted(plan, counts) for plan in plans])
    others = _others(items, matched, found, options)
    await ctx.restores.complete(
        mappings=references.table(counts), summary=summarize(planned, others=len(others)), others=others
    )


async def _side(ctx: RunContext, options: RestoreOptions, items: Sequence[SourceItem]) -> Side:
    if not options.against:
        return TenantSide(ctx)
    return SetSide(await ctx.restores.against(), also=items if options.same_tenant else ())


async def _references(
    side: Side, items: Sequence[SourceItem], matched: Sequence[Policy], options: RestoreOptions
) -> References:
    """The counterparts of all groups and filters that the selection mentions, each looked up once."""
    choices: Mapping[str, Any] = options.options
    same = options.same_tenant
    groups = await side.groups(needed_group_ids(items, matched, same_tenant=same, choices=choices["groups"]))
    names = needed_group_names(items, groups, same_tenant=same, choices=choices["groups"])
    directory = Directory(
        same_tenant=same,
        groups=groups,
        groups_by_name=await side.groups_named(names),
        filters=await side.filters(),
        group_choices=choices["groups"],
        filter_choices=choices["filters"],
    )
    return map_references(items, directory)


def _planned(
    item: SourceItem, match: Match, references: References, options: RestoreOptions
) -> PlannedPolicy:
    return plan_policy(
        item,
        match,
        references,
        mode=AssignmentRestoreMode(options.mode),
        on_unresolved=UnresolvedIncludes(options.options["unresolvedIncludes"]),
        selected=selected_identities(item, options.options),
    )


def _others(
    items: Iterable[SourceItem], matched: Iterable[Policy], found: Found, options: RestoreOptions
) -> list[Policy]:
    """The policies that are in the tenant and not in the backup, of kinds that both know as a whole."""
    if not options.options.get("whole"):
        return []
    known = {(policy.policy_type, policy.id) for policy in matched}
    named = {name_key(item.policy) for item in items}
    return [
        policy
        for policy_type, policies in found.policies.items()
        if options.covers is None or policy_type in options.covers
        for policy in policies
        if (policy.policy_type, policy.id) not in known and name_key(policy) not in named
    ]


def _touched(planned: Iterable[PlannedPolicy], references: References) -> frozenset[str]:
    """The groups whose size tells what a write would mean, or which of several groups is meant."""
    return references.candidates() | {
        change["target"]["id"]
        for plan in planned
        if plan.action == "write"
        for change in plan.changes
        if change["change"] in _TOUCHING and change["target"]["id"]
    }


def _counted(plan: PlannedPolicy, counts: Mapping[str, int]) -> PlannedPolicy:
    """The same plan, with the numbers of members of the groups that it touches."""
    return replace(
        plan,
        changes=tuple(_with_members(change, counts) for change in plan.changes),
        warnings=tuple(_with_members(warning, counts) for warning in plan.warnings),
    )


def _with_members(row: Mapping[str, Any], counts: Mapping[str, int]) -> Mapping[str, Any]:
    target = row["target"]
    if target is None or target["id"] not in counts:
        return row
    return {**row, "target": {**target, "members": counts[target["id"]]}}


def _batches(things: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (things[first : first + BATCH] for first in range(0, len(things), BATCH))
