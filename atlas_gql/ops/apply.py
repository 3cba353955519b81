"""Carrying out one policy of a restore's plan: intent, safe write, result - each durable before the next.

A crash leaves an intent without a result. The next attempt reads the policy from Microsoft again and
decides by what it finds: as wanted (done), as planned or as one of our own intents may have left it
(written again), anything else (stale, nothing is written).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from atlas_gql.db.database import ScopedDatabase, Transaction
from atlas_gql.db.tables import backup_sets
from atlas_gql.errors import OperationFailure
from atlas_gql.graph import (
    GraphClient,
    Intent,
    Policy,
    WriteOutcome,
    check_assignments,
    contract_of,
    write_assignments,
)
from atlas_gql.ops import approvals, backups, items
from atlas_gql.ops.control import RunCancelled
from atlas_gql.ops.crash import AFTER_INTENT, AFTER_RESULT, crash_here
from atlas_gql.ops.failures import classify
from atlas_gql.ops.graph import WritingGraph, release_if_throttled
from atlas_gql.ops.items import Item
from atlas_gql.ops.leases import Claim
from atlas_gql.ops.restores import RunRestores
from atlas_gql.ops.retries import Left
from atlas_gql.plugins.backups import CapturedPolicy, policy_key
from atlas_gql.plugins.restores import PlannedWrite
from atlas_gql.reasons import ReasonCode

_BEFORE = select(backup_sets.c.id).where(
    backup_sets.c.run_id == bindparam("of_run"), backup_sets.c.origin == "before_restore"
)

RESULTS = {
    ReasonCode.STALE_PLAN: "stale",
    ReasonCode.WRITE_UNCERTAIN: "uncertain",
}
"""What an item's result says for a failure; `failed` for all others."""


class RestoreWriter(RunRestores):
    """The restore run of one run, with the right to carry it out (`Restores` of the plugin API)."""

    def __init__(
        self,
        database: ScopedDatabase,
        claim: Claim,
        *,
        plan_life: timedelta,
        graph: Callable[[], Awaitable[GraphClient]],
        left: Left,
    ) -> None:
        super().__init__(database, claim, plan_life=plan_life)
        self._graph = graph
        self._left = left
        self._once = asyncio.Lock()
        # Many policies are on their way at once, and the run's row lets one of them through at a time:
        # they queue here, each without a connection.
        self._step = asyncio.Lock()
        self._resumed: _Resumed | None = None

    async def apply(self, write: PlannedWrite, *, justification: str | None = None) -> None:
        claim = self._claim
        items.stop_if_cancelled(claim)
        resumed = await self._look_once()
        if write.key in resumed.final:
            return
        if write.action == "blocked":
            await self._record(_blocked(write, claim.type))
            return
        graph = await self._graph()
        ours = resumed.ours(write.key)
        try:
            written = await write_assignments(
                WritingGraph(graph, claim),
                contract_of(write.policy_type),
                write.target_id,
                planned_from=write.base_hash,
                desired=write.desired,
                ours=ours,
                keep=lambda before, intent: self._keep(write, resumed, graph, before, intent, ours),
                justification=justification,
                approvals=resumed.approvals(policy_key(write.policy_type, write.target_id)),
            )
        except OperationFailure as exc:
            release_if_throttled(exc)
            await self._record(_failed(write, exc, claim.type))
        else:
            await self._record(_done(write, written.outcome))

    async def confirm(self, writes: Sequence[PlannedWrite]) -> None:
        items.stop_if_cancelled(self._claim)
        resumed = await self._look_once()
        graph = await self._graph()
        asked = [write for write in writes if write.key not in resumed.final]
        problems = await asyncio.gather(*(self._problem(graph, write) for write in asked))
        known = [
            _failed(write, problem, self._claim.type) if problem else _done(write, WriteOutcome.UNCHANGED)
            for write, problem in zip(asked, problems, strict=True)
            if not (problem and problem.reason_code is ReasonCode.THROTTLED)
        ]
        await self._record(*known)
        for problem in filter(None, problems):
            release_if_throttled(problem)

    async def _problem(self, graph: GraphClient, write: PlannedWrite) -> OperationFailure | None:
        """Why a policy is not as wanted any more, or may not be; None when it is."""
        try:
            contract = contract_of(write.policy_type)
            await check_assignments(graph, contract, write.target_id, planned_from=write.base_hash)
        except OperationFailure as exc:
            return exc
        return None

    async def _keep(
        self,
        write: PlannedWrite,
        resumed: _Resumed,
        graph: GraphClient,
        before: Policy,
        intent: Intent,
        ours: Sequence[str],
    ) -> None:
        """Make the state before and the intent durable; the last chance to stop before the write."""
        claim = self._claim
        captured = await resumed.capture(graph, before)
        left = sorted({*ours, *intent.intermediate, intent.desired_fingerprint})
        item = Item(
            key=write.key,
            label=write.label,
            state=items.INTENT,
            data={
                "before": intent.before_fingerprint,
                "desired": intent.desired_fingerprint,
                "ours": left,
                "policy": policy_key(write.policy_type, write.target_id),
            },
        )

        async def keep(tx: Transaction) -> None:
            await items.hold(tx, claim)
            if claim.cancelled:
                raise RunCancelled
            await items.record(tx, claim, [item])
            await backups.store(
                tx,
                set_id=resumed.before_set,
                tenant_id=claim.tenant_id,
                workspace_id=claim.workspace_id,
                policies=[captured],
                failures={},
            )

        async with self._step:
            await self._database.step(keep)
        crash_here(AFTER_INTENT)
        items.stop_if_cancelled(claim)

    async def _record(self, *final: Item) -> None:
        async with self._step:
            await self._database.step(lambda tx: items.record(tx, self._claim, final))
        crash_here(AFTER_RESULT)

    async def _look_once(self) -> _Resumed:
        """What earlier attempts, and the runs that this one retries, left; read once a run."""
        async with self._once:
            if self._resumed is None:
                run_id = self._claim.run_id
                before = await self._database.one(_BEFORE, of_run=run_id)
                if before is None:
                    raise OperationFailure(
                        "The run has no backup set for the state before it.", reason=ReasonCode.UNKNOWN_ERROR
                    )
                self._resumed = _Resumed(
                    final=await items.final_keys(self._database, run_id) | self._left.settled,
                    intents=await items.open_intents(self._database, run_id),
                    left=self._left,
                    before_set=before.id,
                    filed=await approvals.filed(self._database, self._claim.tenant_id),
                    plan=await self.plan_groups(),
                )
            return self._resumed


class _Resumed:
    """What a run knows when it begins to write: what is done, what is in doubt, and whom things name."""

    def __init__(
        self,
        *,
        final: frozenset[str],
        intents: Mapping[str, Any],
        left: Left,
        before_set: UUID,
        filed: Mapping[str, Mapping[str, str]],
        plan: frozenset[str],
    ) -> None:
        self._left = left
        self.final = final
        self.before_set = before_set
        self._intents = intents
        self._filed = filed
        self._plan_groups = plan
        self._facts = asyncio.Lock()
        self._groups: dict[str, Mapping[str, Any]] | None = None
        self._filters: dict[str, Mapping[str, Any]] = {}

    def ours(self, key: str) -> list[str]:
        """The fingerprints that an earlier write of this item may have left behind."""
        return [*(self._intents.get(key) or {}).get("ours", ()), *self._left.ours.get(key, ())]

    def approvals(self, policy: str) -> Mapping[str, str]:
        """The codes of requests for approval of changes to a policy, by the fingerprint of the change."""
        return self._filed.get(policy, {})

    async def capture(self, graph: GraphClient, policy: Policy) -> CapturedPolicy:
        """The policy as a backup keeps it, with the names of what it refers to."""
        async with self._facts:
            if self._groups is None:
                self._groups = {
                    key: _group_facts(group) for key, group in (await graph.groups(self._plan_groups)).items()
                }
                self._filters = {
                    found.id: {
                        "name": found.name,
                        "platform": found.platform,
                        "rule": found.rule,
                        "orphaned": False,
                    }
                    for found in await graph.filters()
                }
        mentioned = {a.group_id for a in policy.assignments if a.group_id}
        filters = {a.filter_id for a in policy.assignments if a.filter_id}
        return CapturedPolicy(
            policy_type=policy.policy_type,
            id=policy.id,
            name=policy.name,
            platform=policy.platform,
            scope_tag_ids=policy.scope_tag_ids,
            assignments=tuple(assignment.raw for assignment in policy.assignments),
            groups={key: facts for key, facts in self._groups.items() if key in mentioned},
            filters={key: facts for key, facts in self._filters.items() if key in filters},
        )


def _group_facts(group: Any) -> Mapping[str, Any]:
    if group is None:
        return {"name": None, "kind": None, "rule": None, "orphaned": True}
    return {"name": group.name, "kind": group.kind, "rule": group.rule, "orphaned": False}


def _blocked(write: PlannedWrite, operation: str) -> Item:
    failure = classify(
        OperationFailure(
            write.blocked_message or "The plan had blocked it.",
            reason=ReasonCode(write.blocked_reason or ReasonCode.UNKNOWN_ERROR),
            code="item_blocked",
        ),
        operation,
    )
    return Item(key=write.key, label=write.label, state=items.SKIPPED, result="skipped", failure=failure)


def _done(write: PlannedWrite, outcome: WriteOutcome) -> Item:
    return Item(key=write.key, label=write.label, state=items.SUCCEEDED, result=outcome.value)


def _failed(write: PlannedWrite, error: OperationFailure, operation: str) -> Item:
    if error.failure_code == "failed":
        error.failure_code = "item_failed"
    return Item(
        key=write.key,
        label=write.label,
        state=items.FAILED,
        result=RESULTS.get(error.reason_code, "failed"),
        failure=classify(error, operation),
    )
