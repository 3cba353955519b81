"""What a backup is compared with: the tenant as it is, or another backup set of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from atlas_assignments.source import readable
from atlas_gql.plugins import (
    Assignment,
    CapturedPolicy,
    Filter,
    GraphError,
    Group,
    OperationFailure,
    Policy,
    ReasonCode,
    RunContext,
    SourceItem,
    contract_of,
    parse_assignment,
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Policies by their kind, and the kinds that could not be listed, with why."""

    policies: Mapping[str, Sequence[Policy]] = field(default_factory=dict)
    unreadable: Mapping[str, OperationFailure] = field(default_factory=dict)


class Side(Protocol):
    """The target of a plan; each thing is asked for once."""

    async def policies(self, policy_types: Iterable[str]) -> Found: ...

    async def groups(self, ids: Collection[str]) -> Mapping[str, Group | None]:
        """By id; None for one that does not exist."""

    async def groups_named(self, names: Collection[str]) -> Mapping[str, Sequence[Group]]: ...

    async def filters(self) -> Sequence[Filter]: ...

    async def member_counts(self, ids: Collection[str]) -> Mapping[str, int]: ...


class TenantSide:
    """The tenant as it is."""

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        graph = ctx.graph
        self.groups, self.groups_named = graph.groups, graph.groups_named
        self.filters, self.member_counts = graph.filters, graph.member_counts

    async def policies(self, policy_types: Iterable[str]) -> Found:
        found: dict[str, list[Policy]] = {}
        unreadable: dict[str, OperationFailure] = {}
        for policy_type in policy_types:
            try:
                listed = self._ctx.graph.policies(contract_of(policy_type))
                found[policy_type] = [policy async for policy in listed]
            except GraphError as exc:
                if exc.reason_code is ReasonCode.MISSING_CONFIGURATION:
                    raise  # nothing of this tenant can be reached
                unreadable[policy_type] = exc
            await self._ctx.check()
        return Found(policies=found, unreadable=unreadable)


class SetSide:
    """A backup set of the tenant.

    What `also` knows of groups and filters counts too, as far as the set says nothing of them: inside one
    tenant, what one backup does not mention may exist all the same.
    """

    def __init__(self, items: Sequence[SourceItem], also: Sequence[SourceItem]) -> None:
        self._items = items
        sources = [source.policy for source in readable((*also, *items))]
        groups = {key: known for policy in sources for key, known in policy.groups.items()}
        filters = {key: known for policy in sources for key, known in policy.filters.items()}
        self._groups = {key: _group(key, known) for key, known in groups.items()}
        self._filters = [_filter(key, known) for key, known in filters.items() if not known.get("orphaned")]

    async def policies(self, policy_types: Iterable[str]) -> Found:
        found: dict[str, list[Policy]] = {policy_type: [] for policy_type in policy_types}
        for item in self._items:
            if item.policy.policy_type in found:
                found[item.policy.policy_type].append(_policy(item))
        return Found(policies=found)

    async def groups(self, ids: Collection[str]) -> Mapping[str, Group | None]:
        return {id_: self._groups.get(id_) for id_ in ids}

    async def groups_named(self, names: Collection[str]) -> Mapping[str, Sequence[Group]]:
        known = [group for group in self._groups.values() if group is not None]
        return {name: [group for group in known if group.name == name] for name in names}

    async def filters(self) -> Sequence[Filter]:
        return self._filters

    async def member_counts(self, ids: Collection[str]) -> Mapping[str, int]:  # noqa: ARG002 # a backup counts none
        return {}


def _policy(item: SourceItem) -> Policy:
    captured: CapturedPolicy = item.policy
    assignments: tuple[Assignment, ...] = ()
    error = None
    sources = list(readable([item]))
    if sources:
        contract = contract_of(captured.policy_type)
        assignments = tuple(parse_assignment(contract, raw) for raw in captured.assignments)
    else:
        error = GraphError(
            "The set to compare with does not hold this policy's assignments.",
            reason=captured.error.reason_code if captured.error else ReasonCode.UNSUPPORTED,
        )
    return Policy(
        policy_type=captured.policy_type,
        id=captured.id,
        name=captured.name,
        platform=captured.platform,
        assignments=assignments,
        error=error,
    )


def _group(id_: str, known: Mapping[str, Any]) -> Group | None:
    if known.get("orphaned"):
        return None
    return Group(
        id=id_, name=known.get("name") or id_, kind=known.get("kind") or "assigned", rule=known.get("rule")
    )


def _filter(id_: str, known: Mapping[str, Any]) -> Filter:
    return Filter(
        id=id_,
        name=known.get("name") or id_,
        platform=known.get("platform") or "",
        rule=known.get("rule") or "",
    )
