"""What holds of every restore, whatever was backed up, whatever the target holds, whatever was chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assignments.choices import AssignmentSelectionInput, MappingInput, options_of
from atlas_assignments.fetch import FetchAssignmentsInput, fetch
from atlas_assignments.planning import make_plan
from atlas_assignments.restore import RestoreAssignmentsInput, restore
from atlas_assignments.translating import UnresolvedIncludes
from atlas_gql.graph import Assignment, company, contract_of, fingerprint, parse_assignment
from atlas_gql.plugins import PlannedPolicy, SourceItem
from support.inprocess import Backup, Context, Restore, Simulated, client
from support.tenants import Case, Held, case, held, reached

CONFIRMED = RestoreAssignmentsInput(restore_run_id=uuid4(), plan_digest="", confirmation="", reason="a test")


@pytest.fixture(scope="module")
def hurried() -> Iterable[None]:
    """Nobody waits for company when reading back: there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "SHORT", 0.0)
        patch.setattr(company, "LONG", 0.0)
        yield


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(seed=st.integers(0, 2**64))
def test_a_restore_does_what_its_plan_says_and_is_undone(hurried: None, seed: int) -> None:
    asyncio.run(Trial(case(seed)).run())


class Trial:
    """One case from the backup to the undo."""

    def __init__(self, given: Case) -> None:
        self._case = given
        self._simulated = Simulated()

    async def run(self) -> None:
        given = self._case
        async with self._simulated.http() as http:
            self._simulated.load(given.source, given.then)
            backup = Backup()
            source = Context(graph=client(http, given.source), backups=backup)
            await fetch(source, FetchAssignmentsInput(policy_types=given.kinds))  # type: ignore[arg-type] # enough of one
            self._simulated.load(given.target, given.now)
            graph = client(http, given.target)
            before, reached_before = self._held(), reached(given.now, given.kinds)
            plan = self._restore(graph, backup)
            await self._executed(plan, before)
            again = self._restore(graph, backup)
            await make_plan(Context(graph=graph, restores=again))  # type: ignore[arg-type] # enough of one
            assert "write" not in {policy.action for policy in again.planned.values()}
            await self._undone(graph, plan, reached_before)

    async def _executed(self, plan: Restore, before: Held) -> None:
        ctx = Context(graph=plan._graph, restores=plan)
        await make_plan(ctx)  # type: ignore[arg-type] # enough of one
        assert self._held() == before
        await restore(ctx, CONFIRMED)  # type: ignore[arg-type] # enough of one
        assert plan.failures == []
        expected = {key: fingerprint(assignments) for key, assignments in before.items()}
        for item in await plan.source():
            planned = plan.planned[item.id]
            if planned.action == "write":
                key = (item.policy.policy_type, planned.target_id or "")
                expected[key] = fingerprint(plan.desired(item))
                assert seen(plan, item, planned, before[key]) == []
        after = self._held()
        assert {key: fingerprint(assignments) for key, assignments in after.items()} == expected
        assert inherited(after) == inherited(before)
        listed = {(policy.policy_type, policy.id) for policy in plan.others}
        assert listed.isdisjoint((w.policy_type, w.target_id) for w in await plan.plan() if w.target_id)

    async def _undone(self, graph: Any, plan: Restore, before: dict[tuple[str, str], str]) -> None:
        undo = Restore(graph, plan.before, options=options_of(), left_behind=plan.left)
        ctx = Context(graph=graph, restores=undo)
        await make_plan(ctx)  # type: ignore[arg-type] # enough of one
        assert {policy.action for policy in undo.planned.values()} <= {"write", "none"}
        await restore(ctx, CONFIRMED)  # type: ignore[arg-type] # enough of one
        assert undo.failures == []
        assert reached(self._simulated.tenant(self._case.target), self._case.kinds) == before

    def _held(self) -> Held:
        return held(self._simulated.tenant(self._case.target), self._case.kinds)

    def _restore(self, graph: Any, backup: Backup) -> Restore:
        chosen = self._case.choices
        selected = [
            AssignmentSelectionInput(policy_id=one["policyId"], group_id=one["groupId"])
            for one in chosen.get("assignments", ())
        ]
        options = options_of(
            unresolved_includes=UnresolvedIncludes(chosen["unresolvedIncludes"].lower()),
            groups=[
                MappingInput(source_id=one["sourceId"], target_id=one["targetId"])
                for one in chosen.get("groupMappings", ())
            ],
            assignments=selected,
            whole=not selected,
        )
        return Restore(
            graph,
            [p for p in backup.captured if not selected or p.id in options["selected"]],
            mode=chosen["mode"].lower(),
            options=options,
            same_tenant=self._case.same_tenant,
        )


def inherited(held: Held) -> dict[tuple[str, str], list[Any]]:
    return {key: [a.raw["target"] for a in those if not a.is_direct] for key, those in held.items()}


def seen(plan: Restore, item: SourceItem, planned: PlannedPolicy, before: Iterable[Assignment]) -> list[str]:
    """Whose reach changes without the backup naming it, or a warning; there shall be nobody."""
    old = {a.identity: a for a in before if a.is_direct}
    new = {a.identity: a for a in plan.desired(item)}
    named = backed_up(plan, item)
    warned = {
        (warning["code"], target["id"] or target["kind"])
        for warning in planned.warnings
        if (target := warning["target"])
    }
    unseen = []
    for identity in old | new:
        was, will_be = old.get(identity), new.get(identity)
        who = (will_be or was).group_id or ("allUsers" if "Users" in identity[0] else "allDevices")  # type: ignore[union-attr] # one of them
        included, includes = reaches(was), reaches(will_be)
        if includes and not included and identity not in named:
            unseen.append(f"{who} is included")
        if includes and not included and who in ("allUsers", "allDevices"):
            unseen += [] if (f"ALL_{who[3:].upper()}_TARGETED", who) in warned else [who]
        if included and not includes and ("INCLUDE_REMOVED", who) not in warned:
            unseen.append(f"{who} is included no more")
        if (
            was
            and was.excluded
            and not (will_be and will_be.excluded)
            and ("EXCLUSION_REMOVED", who) not in warned
        ):
            unseen.append(f"{who} is excluded no more")
        if included and includes and filtered(was) != filtered(will_be):
            unseen += [f"the filter of {who}"] * (
                not {("FILTER_CHANGED", who), ("FILTER_REMOVED", who)} & warned
            )
    return unseen


def reaches(assignment: Assignment | None) -> bool:
    return assignment is not None and not assignment.excluded


def excludes(assignment: Assignment | None) -> bool:
    return assignment is not None and assignment.excluded


def filtered(assignment: Assignment | None) -> Any:
    return assignment and (assignment.filter_id, assignment.filter_mode)


def backed_up(plan: Restore, item: SourceItem) -> set[tuple[str, str, str]]:
    """The identities that the backup includes, in the target's ids, by the plan's own table."""
    counterpart = {row["sourceId"]: row["targetId"] for row in plan.mappings if row["kind"] == "group"}
    contract = contract_of(item.policy.policy_type)
    found = [parse_assignment(contract, raw) for raw in item.policy.assignments]
    return {
        (a.identity[0], counterpart.get(a.group_id) or "" if a.group_id else "", a.identity[2])
        for a in found
        if a.is_direct and not a.excluded
    }
