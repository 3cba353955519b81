"""The safe write of a policy's assignments: the only place of the product that writes any.

Read the policy as it is, compare with what the plan was made from, keep it, write, read back, compare.
A resumed write starts again at the top, and finds by the fingerprints of its own earlier intents that
the state it meets is one it may itself have left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph.answers import APPROVAL_REQUEST
from atlas_gql.graph.client import GraphClient
from atlas_gql.graph.contract import PolicyContract, WriteStrategy
from atlas_gql.graph.model import Assignment, Policy, fingerprint
from atlas_gql.graph.steps import intermediate_fingerprints, key, keys, steps_between
from atlas_gql.graph.writable import demand_writable
from atlas_gql.reasons import ReasonCode


class WriteOutcome(StrEnum):
    """How a write that did not fail ended."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    """The policy already held what was wanted; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A write that did not fail. `request_id` is that of the last write, where there was one."""

    outcome: WriteOutcome
    before: Policy
    after: Policy
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is about to be written, as fingerprints.

    Journal all three: a later write of the same item passes them as `ours`.
    """

    before_fingerprint: str
    desired_fingerprint: str
    intermediate: tuple[str, ...] = ()
    """The states between the two, in their order; a crash may leave any of them."""


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """How long reads may lag behind a write, in seconds."""

    waits: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
    """Before each look; the last look decides."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    repeats: int = 8
    """How often a write is sent again after an unclear answer, each time having been looked for in vain.
    Microsoft's 429 is one: it may have been carried out all the same."""


async def check_assignments(
    client: GraphClient, contract: PolicyContract, policy_id: str, *, planned_from: str
) -> None:
    """See that a policy's assignments are still what the plan was made from. Reads of one moment share calls.

    Raises OperationFailure (STALE_PLAN) or GraphError.
    """
    if fingerprint(await client.assignments(contract, policy_id)) != planned_from:
        raise _stale()


async def write_assignments(
    client: GraphClient,
    contract: PolicyContract,
    policy_id: str,
    *,
    planned_from: str,
    desired: Sequence[Assignment],
    keep: Callable[[Policy, Intent], Awaitable[None]],
    ours: Collection[str] = (),
    justification: str | None = None,
    approvals: Mapping[str, str] | None = None,
    read_back: ReadBack | None = None,
) -> Written:
    """Make `desired` the policy's direct assignments, if they are still what the plan was made from.

    `planned_from` is the fingerprint that the plan saw; `ours` those of the states that earlier, unfinished
    writes of this item may have left (their `Intent`s). `keep` is called once before anything is written,
    with the policy as it is and the intent; it makes both durable, and raises to stop. On a resumed write it
    is called again, with the state met then. Inherited assignments are left alone. `approvals` holds the
    codes of requests for approval that were filed for this policy, by the fingerprint of what was wanted.

    Raises OperationFailure or GraphError. Nothing was written after NOT_FOUND, UNSUPPORTED,
    INVALID_REQUEST, STALE_PLAN, a failed first read, or whatever `keep` raised. After any other reason, and
    after a cancellation, call again with the journalled intents as `ours`. WRITE_UNCERTAIN: whether it took
    effect is unknown. THROTTLED: Microsoft never took it; later it may. VERIFICATION_FAILED: it was
    accepted, and the tenant holds something else.
    """
    wanted = tuple(assignment for assignment in desired if assignment.is_direct)
    goal = fingerprint(wanted)
    approval = (approvals or {}).get(goal)
    work = _Write(client, contract, policy_id, justification, approval, read_back or ReadBack())
    async with client.writing():
        before = await client.policy(contract, policy_id)
        if before.error:
            raise before.error
        current = fingerprint(before.assignments)
        if current == goal:
            return Written(outcome=WriteOutcome.UNCHANGED, before=before, after=before)
        if current != planned_from and current not in ours:
            raise _stale()
        demand_writable(contract, before.assignments, wanted)
        intent = Intent(
            before_fingerprint=current,
            desired_fingerprint=goal,
            intermediate=tuple(intermediate_fingerprints(contract, before.assignments, wanted)),
        )
        await keep(before, intent)
        await work.begin(before, wanted)
    # Outside, so that others write while this one waits for company to read back with.
    after = replace(before, assignments=await work.finish(before, wanted, goal))
    return Written(outcome=WriteOutcome.APPLIED, before=before, after=after, request_id=work.request_id)


Held = Sequence[Assignment]


class _Write:
    """One write in progress."""

    def __init__(
        self,
        client: GraphClient,
        contract: PolicyContract,
        policy_id: str,
        justification: str | None,
        approval: str | None,
        read_back: ReadBack,
    ) -> None:
        self._client = client
        self._contract = contract
        self._policy_id = policy_id
        self._justification = justification
        self._approval = approval
        self._read_back = read_back
        self._items = contract.write is WriteStrategy.ITEMS
        self._unclear: GraphError | None = None
        self.request_id: str | None = None

    async def begin(self, before: Policy, wanted: Held) -> None:
        """Replace the set; or add what is missing, item by item."""
        if not self._items:
            self._unclear = await self._sent(self._assign(wanted))
            return
        for assignment in steps_between(before.assignments, wanted).adds:
            await self._add(assignment)

    async def finish(self, before: Policy, wanted: Held, goal: str) -> tuple[Assignment, ...]:
        """See that the policy holds what was wanted; raises when it does not."""
        if self._items:
            return await self._delete_surplus(before, wanted, goal)

        def reached(seen: Held) -> bool:
            return fingerprint(seen) == goal

        seen = await self._look(reached, after=self._unclear)
        for _ in range(self._read_back.repeats):
            if not self._unclear or seen is None or fingerprint(seen) != fingerprint(before.assignments):
                break
            # Not there, and nobody else was: the same set may be sent again.
            async with self._client.writing():
                self._unclear = await self._sent(self._assign(wanted))
            seen = await self._look(reached, after=self._unclear)
        return _verified(seen, goal, self._unclear)

    async def _delete_surplus(self, before: Policy, wanted: Held, goal: str) -> tuple[Assignment, ...]:
        """See that all additions are there, and only then delete."""
        needed = keys(wanted)
        # What somebody else added meanwhile is not ours to delete; what we added twice is.
        known = {assignment.raw["id"] for assignment in before.assignments if assignment.is_direct}
        seen = await self._look(lambda seen: needed <= keys(seen))
        unclear = None
        for _ in range(1 + self._read_back.repeats):
            if seen is None or not needed <= keys(seen):
                break
            deletes = [
                assignment
                for assignment in steps_between(seen, wanted).deletes
                if assignment.raw.get("id") in known or key(assignment) in needed
            ]
            if not deletes:
                break
            unclear = await self._delete_all(deletes)
            seen = await self._look(lambda seen: fingerprint(seen) == goal, after=unclear)
            if not unclear:
                break
        return _verified(seen, goal, unclear)

    async def _delete_all(self, deletes: Held) -> GraphError | None:
        """Delete them in their order, up to one that may still be there: an exclusion outlives it."""
        async with self._client.writing():
            for assignment in deletes:
                if unclear := await self._sent(self._delete(assignment)):
                    return unclear
        return None

    async def _add(self, assignment: Assignment) -> None:
        """Add one; after an unclear answer it is looked for before it is sent again."""
        unclear: GraphError | None = None
        for _ in range(1 + self._read_back.repeats):
            unclear = await self._sent(self._post(assignment))
            if unclear is None:
                return
            # Among the writers nobody waits for company.
            seen = await self._look(lambda seen: key(assignment) in keys(seen), alone=True, after=unclear)
            if seen is None:
                break
            if key(assignment) in keys(seen):
                return
        raise _unsettled(unclear)

    async def _assign(self, wanted: Sequence[Assignment]) -> str | None:
        approval, self._approval = self._approval, None
        try:
            return await self._client.assign(
                self._contract,
                self._policy_id,
                wanted,
                justification=self._justification,
                approval=approval,
            )
        except GraphError as error:
            filed = (error.detail or "").startswith(APPROVAL_REQUEST)
            if not approval or error.reason_code is not ReasonCode.APPROVAL_REQUIRED or filed:
                self._approval = approval
                raise
        # That request was used, refused or has expired: another one is filed.
        return await self._assign(wanted)

    async def _post(self, assignment: Assignment) -> str | None:
        return await self._client.add_assignment(
            self._contract, self._policy_id, assignment, justification=self._justification
        )

    async def _delete(self, assignment: Assignment) -> str | None:
        try:
            return await self._client.delete_assignment(
                self._contract, self._policy_id, assignment.raw["id"], justification=self._justification
            )
        except GraphError as error:
            if error.reason_code is ReasonCode.NOT_FOUND:
                return error.request_id  # gone already, which was the aim
            raise

    async def _sent(self, write: Awaitable[str | None]) -> GraphError | None:
        """None when the write was accepted; the error when it may have happened; else raises it."""
        try:
            self.request_id = await write
        except GraphError as error:
            if not error.may_have_happened:
                raise
            self.request_id = error.request_id
            return error
        return None

    async def _look(
        self, found: Callable[[Held], bool], *, alone: bool = False, after: GraphError | None = None
    ) -> tuple[Assignment, ...] | None:
        """The assignments when `found` is true of them, else as last seen; None when the last look failed.

        Raises GraphError (THROTTLED): whoever resumes later begins by reading.
        """
        seen = None
        # After an unclear answer the write may well not have happened: not worth the whole patience, but
        # for what doubles when it is sent again; and that Microsoft most likely refused when it said so.
        hurried = after and (not self._items or after.reason_code is ReasonCode.THROTTLED)
        for wait in self._read_back.waits[:3] if hurried else self._read_back.waits:
            await self._read_back.sleep(wait)
            try:
                seen = await self._read(alone=alone)
            except GraphError as error:
                if error.reason_code is ReasonCode.THROTTLED:
                    raise
                seen = None
            if seen is not None and found(seen):
                return seen
        return seen

    async def _read(self, *, alone: bool) -> tuple[Assignment, ...]:
        if not alone:
            return await self._client.assignments(self._contract, self._policy_id)
        policy = await self._client.policy(self._contract, self._policy_id)
        if policy.error:
            raise policy.error
        return policy.assignments


def _verified(
    seen: tuple[Assignment, ...] | None, goal: str, unclear: GraphError | None
) -> tuple[Assignment, ...]:
    if seen is None:
        raise _uncertain(unclear)
    if fingerprint(seen) == goal:
        return seen
    if unclear:
        raise _unsettled(unclear)
    raise OperationFailure(
        "Microsoft accepted the write, but the policy does not hold what was written. Somebody may have "
        "changed it at the same time: look at it in the Intune admin center, and make a new plan.",
        reason=ReasonCode.VERIFICATION_FAILED,
    )


def _stale() -> OperationFailure:
    return OperationFailure(
        "The policy's assignments changed after the plan was made; nothing was written. Make a new plan.",
        reason=ReasonCode.STALE_PLAN,
    )


def _unsettled(cause: GraphError | None) -> OperationFailure:
    """What to say of a write that was not seen to take effect: one that is only throttled can wait."""
    if cause and cause.reason_code is ReasonCode.THROTTLED:
        return cause
    return _uncertain(cause)


def _uncertain(cause: GraphError | None) -> OperationFailure:
    failure = OperationFailure(
        "Whether the write took effect could not be found out. Look at the policy in the Intune admin "
        "center, and try again.",
        reason=ReasonCode.WRITE_UNCERTAIN,
        request_id=cause.request_id if cause else None,
    )
    failure.__cause__ = cause
    return failure
