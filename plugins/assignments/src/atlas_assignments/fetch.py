"""Backing up: every policy of the chosen kinds, with what its assignments refer to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from atlas_assignments.suspicion import lost_settings
from atlas_gql.plugins import (
    CONTRACTS,
    CapturedPolicy,
    Doc,
    Filter,
    GraphError,
    Group,
    OperationFailure,
    Policy,
    PolicyContract,
    ReasonCode,
    RunContext,
    Start,
    ValidationError,
    policy_key,
)

T = TypeVar("T")

BATCH = 100
"""Policies that are stored together."""


MOST_CHOSEN = 100
"""How many single policies one backup may name: each is read by a call of its own."""
AT_ONCE = 8
"""How many of them are read at a time."""


@dataclass(frozen=True, kw_only=True)
class FetchAssignmentsInput:
    """What to back up: the whole tenant when nothing is chosen."""

    policy_types: Annotated[
        tuple[str, ...],
        Doc("Kinds of policy, by Graph's collection name (`deviceConfigurations`); all kinds when absent."),
    ] = ()
    policies: Annotated[
        tuple[str, ...],
        Doc(
            f"Only these policies, at most {MOST_CHOSEN}, each as `kind/id`: what the `key` of a backup run's"
            " item says. Not together with `policyTypes`."
        ),
    ] = ()


async def create_backup_set(start: Start, given: FetchAssignmentsInput) -> None:
    """Make the set that the run will fill."""
    check_policy_types(given.policy_types)
    check_policies(given)
    await start.new_backup_set(policy_types=given.policy_types, policies=given.policies)


def check_policy_types(policy_types: Sequence[str]) -> None:
    """Raises ValidationError for a kind that Atlas does not know, or that is named twice."""
    unknown = [name for name in policy_types if name not in CONTRACTS]
    if unknown:
        raise ValidationError(
            f"Unknown policy type {unknown[0]!r}. Known: {', '.join(CONTRACTS)}.", field="policyTypes"
        )
    if len(set(policy_types)) != len(policy_types):
        raise ValidationError("A policy type is named twice.", field="policyTypes")


def check_policies(given: FetchAssignmentsInput) -> None:
    """Raises ValidationError for single policies that cannot be backed up so."""
    if given.policies and given.policy_types:
        raise ValidationError("Choose kinds of policy or single policies, not both.", field="policies")
    if len(given.policies) > MOST_CHOSEN:
        raise ValidationError(f"Name at most {MOST_CHOSEN} policies, or their kinds.", field="policies")
    if len(set(given.policies)) != len(given.policies):
        raise ValidationError("A policy is named twice.", field="policies")
    for key in given.policies:
        policy_type, _, policy_id = key.partition("/")
        if policy_type not in CONTRACTS or not policy_id:
            raise ValidationError(
                "Name each policy as `kind/id`, such as `deviceConfigurations/` and its Graph id.",
                field="policies",
            )


async def describe_backup(_start: Start, given: FetchAssignmentsInput) -> Mapping[str, Any]:
    """What the audit entry says of a backup."""
    return {"policyTypes": list(given.policy_types), "policies": list(given.policies)}


async def fetch(ctx: RunContext, given: FetchAssignmentsInput) -> None:
    """Capture what was chosen; of a tenant that Atlas does not get into, nothing is tried any further."""
    await ctx.total(0)
    if given.policies:
        await _fetch_chosen(ctx, given.policies)
    else:
        await _fetch_kinds(ctx, given.policy_types)


async def _fetch_kinds(ctx: RunContext, chosen: Sequence[str]) -> None:
    """Capture kind by kind; a kind that cannot be listed fails alone.

    A kind without a licence that nobody asked for by name is left out. Raises OperationFailure when that
    leaves nothing: a tenant without any licence was not backed up.
    """
    captures = Captures(ctx)
    todo = Todo(await ctx.done(), ctx.again)
    seen, left_out, listed = 0, None, False
    for policy_type in filter(todo.has, chosen or tuple(CONTRACTS)):
        contract = CONTRACTS[policy_type]
        try:
            async for batch in _ahead(_batches(ctx, contract, todo)):
                seen += len(batch)
                await ctx.total(seen)
                await ctx.backups.save(await captures.captured(batch))
            listed = True
            missing = todo.missing(policy_type)
            seen += len(missing)
            await ctx.total(seen)
            for key in missing:
                await ctx.failed(key, "", _gone())
        except OperationFailure as exc:
            if isinstance(exc, GraphError) and exc.no_entry:
                raise
            exc.failure_code = "list_failed"
            if not chosen and not todo.met(policy_type) and await _never_licensed(ctx, contract, exc):
                left_out = exc
                await ctx.skipped(policy_type, contract.label, exc)
                continue
            seen += 1
            await ctx.total(seen)
            await ctx.failed(policy_type, contract.label, exc)
    if left_out is not None and not listed and ctx.again is None:
        raise left_out


async def _never_licensed(ctx: RunContext, contract: PolicyContract, exc: OperationFailure) -> bool:
    """Whether a list fails for want of a licence that the tenant did not have at the last backup either.

    What was there then and cannot be read now must be seen. Gives the failure its code.
    """
    if exc.reason_code is not ReasonCode.NOT_LICENSED:
        return False
    lost = await ctx.backups.had(contract.policy_type)
    exc.failure_code = "licence_lost" if lost else "not_licensed"
    return not lost


async def _fetch_chosen(ctx: RunContext, keys: Sequence[str]) -> None:
    """Capture single policies, each read alone."""
    done = await ctx.done()
    left = [key for key in keys if key not in done]
    await ctx.total(len(left))
    found: list[Policy] = []

    async def read(key: str) -> None:
        policy_type, _, policy_id = key.partition("/")
        try:
            found.append(await ctx.graph.policy(CONTRACTS[policy_type], policy_id))
        except GraphError as exc:
            if exc.no_entry:
                raise
            gone = exc.reason_code is ReasonCode.NOT_FOUND
            await ctx.failed(key, "", _gone() if gone else exc)

    await ctx.each(left, read, at_once=AT_ONCE)
    if found:
        await ctx.backups.save(await Captures(ctx).captured(found))


class Todo:
    """What is to be captured: all that is not done, or, in a retry, what is known to be left."""

    def __init__(self, done: frozenset[str], again: frozenset[str] | None) -> None:
        self._done = done
        self._again = again
        self._met: set[str] = set()

    def has(self, policy_type: str) -> bool:
        """Whether anything of a kind is to be captured."""
        return self._whole(policy_type) or bool(self._left(policy_type))

    def wants(self, policy: Policy) -> bool:
        """Whether a policy is to be captured."""
        key = policy_key(policy.policy_type, policy.id)
        self._met.add(key)
        wanted = self._whole(policy.policy_type) or key in self._left(policy.policy_type)
        return wanted and key not in self._done

    def met(self, policy_type: str) -> bool:
        """Whether any policy of a kind was seen in the tenant."""
        start = policy_key(policy_type, "")
        return any(key.startswith(start) for key in self._met)

    def missing(self, policy_type: str) -> list[str]:
        """The keys of those that were to be captured and are not in the tenant any more."""
        return sorted(self._left(policy_type) - self._met - self._done)

    def _whole(self, policy_type: str) -> bool:
        return self._again is None or policy_type in self._again

    def _left(self, policy_type: str) -> set[str]:
        start = policy_key(policy_type, "")
        return {key for key in self._again or () if key.startswith(start)}


def _gone() -> OperationFailure:
    return OperationFailure(
        "The policy is not in the tenant any more.", reason=ReasonCode.NOT_FOUND, code="policy_gone"
    )


async def _ahead(things: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same things, each read while the one before it is worked on."""

    async def read() -> T | None:
        return await anext(things, None)

    following = asyncio.create_task(read())
    try:
        while (thing := await following) is not None:
            following = asyncio.create_task(read())
            yield thing
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _batches(ctx: RunContext, contract: PolicyContract, todo: Todo) -> AsyncIterator[list[Policy]]:
    batch: list[Policy] = []
    async for policy in ctx.graph.policies(contract):
        if not todo.wants(policy):
            continue
        batch.append(policy)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class Captures:
    """What policies refer to, each group and filter looked up once a run."""

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        self._groups: dict[str, Group | None] = {}
        self._filters: dict[str, Filter] | None = None

    async def captured(self, policies: Sequence[Policy]) -> list[CapturedPolicy]:
        """The policies as a backup keeps them.

        Raises OperationFailure when what they refer to cannot be read.
        """
        assignments = [assignment for policy in policies for assignment in policy.assignments]
        await self._look_up({a.group_id for a in assignments if a.group_id})
        known = await self._known_filters() if any(a.filter_id for a in assignments) else {}
        lost = await lost_settings(self._ctx, policies)
        return [self._captured(policy, known, lost.get(policy.id, ())) for policy in policies]

    def _captured(
        self, policy: Policy, known: Mapping[str, Filter], suspicious: tuple[Mapping[str, Any], ...]
    ) -> CapturedPolicy:
        groups = {a.group_id for a in policy.assignments if a.group_id}
        filters = {a.filter_id for a in policy.assignments if a.filter_id}
        return CapturedPolicy(
            policy_type=policy.policy_type,
            id=policy.id,
            name=policy.name,
            platform=policy.platform,
            scope_tag_ids=policy.scope_tag_ids,
            assignments=tuple(assignment.raw for assignment in policy.assignments),
            groups={key: _group(self._groups[key]) for key in sorted(groups)},
            filters={key: _filter(known.get(key)) for key in sorted(filters)},
            suspicious=suspicious,
            error=policy.error,
        )

    async def _look_up(self, ids: set[str]) -> None:
        missing = ids - self._groups.keys()
        if missing:
            found = await self._ctx.graph.groups(missing)
            gone = [group_id for group_id, group in found.items() if group is None]
            self._groups.update(found | await self._deleted(gone))

    async def _deleted(self, ids: Collection[str]) -> dict[str, Group | None]:
        """Those of the groups that can still be brought back; none where the application may not look."""
        try:
            return {**await self._ctx.graph.deleted_groups(ids)}
        except GraphError as exc:
            if exc.reason_code is not ReasonCode.PERMISSION_DENIED:
                raise
            self._ctx.log("deleted_groups_unreadable")
            return {}

    async def _known_filters(self) -> dict[str, Filter]:
        if self._filters is None:
            self._filters = {found.id: found for found in await self._ctx.graph.filters()}
        return self._filters


def _group(group: Group | None) -> dict[str, Any]:
    if group is None:
        return {"name": None, "kind": None, "rule": None, "orphaned": True}
    facts = {
        "name": group.name,
        "kind": group.kind,
        "rule": group.rule,
        "orphaned": group.deleted is not None,
    }
    return facts | {"deletedAt": group.deleted} if group.deleted else facts


def _filter(found: Filter | None) -> dict[str, Any]:
    if found is None:
        return {"name": None, "platform": None, "rule": None, "orphaned": True}
    return {"name": found.name, "platform": found.platform, "rule": found.rule, "orphaned": False}
