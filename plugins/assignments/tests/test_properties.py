"""What holds of every plan, whatever the backup, the tenant, the mapping and the mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assignments.mapping import Directory
from atlas_assignments.planner import AssignmentRestoreMode
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.plugins import (
    CONTRACTS,
    Assignment,
    PlannedPolicy,
    Policy,
    SourceItem,
    fingerprint,
    parse_assignment,
)

MANY = settings(max_examples=400, deadline=None, database=None)
NUMBERS = ("1", "2", "3", "4")
INTENTS = ("available", "required", "uninstall")


@dataclass(frozen=True, kw_only=True)
class World:
    """One case. Backed-up ids begin with `s`; in another tenant its own begin with `t`."""

    item: SourceItem
    live: Policy
    directory: Directory
    mode: AssignmentRestoreMode
    on_unresolved: UnresolvedIncludes
    selected: frozenset[Any] | None


class Chance:
    """Draws worlds from a seeded generator: evenly spread, where drawn values would crowd at the edges."""

    def __init__(self, build: Any, random: Random) -> None:
        self._build, self._random = build, random

    def world(self) -> World:
        policy_type = self._random.choice(tuple(CONTRACTS))
        same_tenant = self._perhaps(0.5)
        side = "s" if same_tenant else "t"
        orphaned, twins, changed = (self._some(NUMBERS, p) for p in (0.1, 0.05, 0.2))
        there = self._some(NUMBERS, 0.85)
        if same_tenant:
            there = [number for number in there if number not in orphaned]
        groups = [
            self._build.group(f"{side}{n}", f"Group {n}", rule="changed" if n in changed else None)
            for n in there
        ] + [self._build.group(f"twin{n}", f"Group {n}") for n in twins]
        filters = [self._build.filter(f"{side}f{n}", f"Filter {n}", rule=n) for n in self._some("123", 0.9)]
        choices = {f"s{n}": self._random.choice(groups).id for n in self._some(NUMBERS, 0.1) if groups}
        item = self._build.item(
            *self._set(policy_type, "s"),
            type_=policy_type,
            groups={
                f"s{n}": {"name": None, "orphaned": True} if n in orphaned else {"name": f"Group {n}"}
                for n in NUMBERS
            },
            filters={f"sf{n}": {"name": f"Filter {n}", "rule": "1"} for n in "12"},
        )
        sources = [parse_assignment(CONTRACTS[policy_type], raw) for raw in item.policy.assignments]
        selected = frozenset(source.identity for source in sources if self._perhaps(0.5))
        live = self._build.policy(*self._set(policy_type, side), type_=policy_type)
        return World(
            item=item,
            live=live,
            directory=self._build.directory(
                *groups, filters=filters, same_tenant=same_tenant, group_choices=choices
            ),
            mode=self._random.choice(tuple(AssignmentRestoreMode)),
            on_unresolved=self._random.choice(tuple(UnresolvedIncludes)),
            selected=selected if self._perhaps(0.2) else None,
        )

    def _perhaps(self, probability: float) -> bool:
        return self._random.random() < probability

    def _some(self, things: Sequence[str], probability: float) -> list[str]:
        return [thing for thing in things if self._perhaps(probability)]

    def _set(self, policy_type: str, side: str) -> list[dict[str, Any]]:
        """Up to five assignments; seldom two of one target."""
        groups = [f"{side}{number}" for number in NUMBERS]
        names = self._random.sample([*groups, "users", "devices"], k=self._random.randrange(5))
        if names and self._perhaps(0.1):
            names.append(self._random.choice(names))
        raws = [self._assignment(policy_type, side, name) for name in names]
        return raws + ([self._build.collection()] if self._perhaps(0.02) else [])

    def _assignment(self, policy_type: str, side: str, name: str) -> dict[str, Any]:
        fields = CONTRACTS[policy_type].extra_fields
        own: dict[str, Any] = {"source": "policySets" if self._perhaps(0.05) else "direct"}
        if "intent" in fields:
            own["intent"] = self._random.choice(INTENTS)
        if "settings" in fields:
            own["settings"] = self._random.choice((None, {"notifications": "showAll"}))
        if "runRemediationScript" in fields:
            own["runRemediationScript"] = self._perhaps(0.5)
        if CONTRACTS[policy_type].supports_filters and self._perhaps(0.4):
            mode = self._random.choice(("include", "exclude"))
            own["filtered"] = (f"{side}f{self._random.choice('12')}", mode)
        if name in ("users", "devices"):
            return getattr(self._build, name)(**own)
        return getattr(self._build, "exclude" if self._perhaps(0.3) else "include")(name, **own)


def worlds(build: Any) -> st.SearchStrategy[World]:
    return st.builds(lambda seed: Chance(build, Random(seed)).world(), st.integers(0, 2**64))


def plan(build: Any, world: World) -> PlannedPolicy:
    return build.plan(
        world.item,
        world.live,
        world.directory,
        mode=world.mode,
        on_unresolved=world.on_unresolved,
        selected=world.selected,
    )


def parsed(world: World, bodies: Any) -> tuple[Assignment, ...]:
    """Bodies as they are read back after they were written."""
    contract = CONTRACTS[world.live.policy_type]
    return tuple(parse_assignment(contract, body) for body in bodies)


def direct(policy: Policy) -> list[Assignment]:
    return [assignment for assignment in policy.assignments if assignment.is_direct]


@MANY
@given(data=st.data())
def test_a_blocked_plan_has_nothing_to_write_and_says_why(build: Any, data: Any) -> None:
    planned = plan(build, data.draw(worlds(build)))
    if planned.action == "blocked":
        assert (planned.desired, planned.base_hash, planned.warnings) == (None, None, ())
        assert planned.blocked.message
        assert {change["change"] for change in planned.changes} == {"blocked"}
    else:
        assert planned.blocked is None
        assert "blocked" not in {change["change"] for change in planned.changes}


@MANY
@given(data=st.data())
def test_no_target_stands_twice_in_a_set(build: Any, data: Any) -> None:
    world = data.draw(worlds(build))
    identities = [assignment.identity for assignment in parsed(world, plan(build, world).desired or ())]
    assert len(identities) == len(set(identities))


@MANY
@given(data=st.data())
def test_a_merge_keeps_all_that_the_backup_does_not_name(build: Any, data: Any) -> None:
    world = replace(data.draw(worlds(build)), mode=AssignmentRestoreMode.MERGE)
    planned = plan(build, world)
    if planned.action == "blocked":
        return
    desired = {a.identity: a for a in parsed(world, planned.desired)}
    for old in direct(world.live):
        new = desired[old.identity]
        assert fingerprint([old]) == fingerprint([new]) or _named_by_the_backup(world, new)


@MANY
@given(data=st.data())
def test_planning_again_after_the_write_finds_nothing_to_do(build: Any, data: Any) -> None:
    world = data.draw(worlds(build))
    planned = plan(build, world)
    if planned.action == "blocked":
        return
    written = parsed(world, planned.desired)
    kept = tuple(assignment for assignment in world.live.assignments if not assignment.is_direct)
    again = plan(build, replace(world, live=replace(world.live, assignments=written + kept)))
    assert (again.action, again.warnings, again.base_hash) == ("none", (), fingerprint(written))
    assert {change["change"] for change in again.changes} <= {"kept", "leftOut"}


@MANY
@given(data=st.data())
def test_the_shown_changes_lead_from_what_is_there_to_what_is_written(build: Any, data: Any) -> None:
    world = data.draw(worlds(build))
    planned = plan(build, world)
    if planned.action == "blocked":
        return
    before = {a.identity for a in direct(world.live)}
    after = {a.identity for a in parsed(world, planned.desired)}
    counts = dict.fromkeys(("kept", "changed", "added", "removed"), 0)
    for change in planned.changes:
        if change["change"] != "leftOut":
            counts[change["change"]] += 1
    assert counts["kept"] + counts["changed"] == len(before & after)
    assert (counts["added"], counts["removed"]) == (len(after - before), len(before - after))
    assert (planned.action == "none") == (counts["kept"] == len(before | after))


@MANY
@given(data=st.data())
def test_nobody_is_reached_unseen(build: Any, data: Any) -> None:
    """An include that appears is the backup's own; whatever else widens the reach has its warning."""
    world = data.draw(worlds(build))
    planned = plan(build, world)
    if planned.action == "blocked":
        return
    base = {a.identity: a for a in direct(world.live)}
    desired = {a.identity: a for a in parsed(world, planned.desired)}
    warned = {
        (warning["code"], (warning["target"] or {}).get("id") or (warning["target"] or {}).get("kind"))
        for warning in planned.warnings
    }

    def who(assignment: Assignment) -> str:
        return assignment.group_id or (
            "allUsers" if assignment.target.startswith("allLicensed") else "allDevices"
        )

    for identity, new in desired.items():
        old = base.get(identity)
        if not new.excluded and (old is None or old.excluded):
            assert _named_by_the_backup(world, new)
            if new.group_id is None:
                assert {("ALL_USERS_TARGETED", who(new)), ("ALL_DEVICES_TARGETED", who(new))} & warned
            if new.intent in ("required", "uninstall"):
                assert (f"INTENT_BECOMES_{new.intent.upper()}", who(new)) in warned
        if old is not None and old.filter_id and new.filter_id is None:
            assert ("FILTER_REMOVED", who(new)) in warned
        elif old is not None and (old.filter_id, old.filter_mode) != (new.filter_id, new.filter_mode):
            assert ("FILTER_CHANGED", who(new)) in warned
    for identity, old in base.items():
        if old.excluded and (identity not in desired or not desired[identity].excluded):
            assert ("EXCLUSION_REMOVED", who(old)) in warned
        if not old.excluded and (identity not in desired or desired[identity].excluded):
            assert ("INCLUDE_REMOVED", who(old)) in warned


def _named_by_the_backup(world: World, new: Assignment) -> bool:
    """Whether a direct assignment of the backup means the same target, looked up in the plainest way."""
    names = {group.id: group.name for group in world.directory.groups.values() if group}
    for raw in world.item.policy.assignments:
        source = parse_assignment(CONTRACTS[world.live.policy_type], raw)
        if not source.is_direct or source.target != new.target or source.intent != new.intent:
            continue
        if world.selected is not None and source.identity not in world.selected:
            continue
        chosen = world.directory.group_choices.get(source.group_id or "")
        name = world.item.policy.groups.get(source.group_id or "", {}).get("name")
        if new.group_id in (None, chosen) or (not chosen and name and names.get(new.group_id) == name):
            return True
    return False
