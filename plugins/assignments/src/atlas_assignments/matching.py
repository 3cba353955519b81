"""Which policy of the target tenant is the one that was backed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from atlas_gql.plugins import CapturedPolicy, OperationFailure, Policy, ReasonCode, SourceItem


@dataclass(frozen=True, kw_only=True)
class Match:
    """The target policy and how it was found (`id` or `name`); exactly then there is no `failure`."""

    policy: Policy | None = None
    matched_by: str | None = None
    failure: OperationFailure | None = None

    def found(self) -> Policy:
        """The target policy. Raises OperationFailure when there is none."""
        if self.failure is not None:
            raise self.failure
        assert self.policy is not None
        return self.policy


def match_policies(
    items: Sequence[SourceItem],
    live: Mapping[str, Sequence[Policy]],
    *,
    same_tenant: bool,
    unreadable: Mapping[str, OperationFailure] | None = None,
) -> dict[UUID, Match]:
    """The matches of all items, by item id; `live` is the target's policies by policy type, `unreadable`
    why those of a type are not known. Inside one tenant a policy is found by its id, else by exact name and
    platform.

    No two items get one policy: one that is matched by its id is not offered to a name, and several
    items that find the same policy by name are all ambiguous.
    """
    known = {policy_type: _Live(policies) for policy_type, policies in live.items()}
    by_id = {
        item.id: Match(policy=found, matched_by="id")
        for item in items
        if same_tenant and (found := _of_type(known, item).by_id.get(item.policy.id))
    }
    taken = {_key(match.policy) for match in by_id.values() if match.policy}
    matches = {item.id: by_id.get(item.id) or _by_name(item, _of_type(known, item), taken) for item in items}
    for item in items:
        if (failure := (unreadable or {}).get(item.policy.policy_type)) is not None:
            matches[item.id] = Match(failure=_unreadable(failure))
    claims = Counter(_key(match.policy) for match in matches.values() if match.policy)
    return {
        item_id: Match(failure=_claimed(match.policy))
        if match.policy and claims[_key(match.policy)] > 1
        else match
        for item_id, match in matches.items()
    }


class _Live:
    """The target's policies of one kind, found without a search."""

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        self.by_id: dict[str, Policy] = {}
        self.by_name: dict[tuple[str, str, str | None], list[Policy]] = {}
        for policy in policies:
            self.by_id.setdefault(policy.id, policy)
            self.by_name.setdefault(name_key(policy), []).append(policy)


_NOTHING = _Live()


def _by_name(item: SourceItem, live: _Live, taken: Collection[tuple[str, str]]) -> Match:
    """The match by exact name and platform, among those that no item has by its id."""
    same = live.by_name.get(name_key(item.policy), ())
    named = [policy for policy in same if _key(policy) not in taken]
    if len(named) == 1:
        return Match(policy=named[0], matched_by="name")
    return Match(failure=_ambiguous(item, named) if named else _missing(item))


def name_key(policy: Policy | CapturedPolicy) -> tuple[str, str, str | None]:
    """What a policy is recognised by where its id tells nothing."""
    return policy.policy_type, policy.name, policy.platform


def shortlist(ids: Sequence[str], shown: int = 5) -> str:
    """The first few of several candidates, for a message."""
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return ", ".join(ids[:shown]) + more


def _of_type(known: Mapping[str, _Live], item: SourceItem) -> _Live:
    return known.get(item.policy.policy_type, _NOTHING)


def _key(policy: Policy) -> tuple[str, str]:
    return policy.policy_type, policy.id


def _unreadable(failure: OperationFailure) -> OperationFailure:
    return OperationFailure(
        failure.message,
        reason=failure.reason_code,
        detail=failure.detail,
        code="item_blocked",
        request_id=failure.request_id,
    )


def _missing(item: SourceItem) -> OperationFailure:
    return OperationFailure(
        f'No policy "{item.policy.name}" of this kind is in the target tenant.',
        reason=ReasonCode.POLICY_NOT_FOUND,
        code="item_blocked",
    )


def _ambiguous(item: SourceItem, named: Sequence[Policy]) -> OperationFailure:
    ids = shortlist([policy.id for policy in named])
    return OperationFailure(
        f'Several policies of the target tenant bear the name "{item.policy.name}": {ids}.',
        reason=ReasonCode.AMBIGUOUS_POLICY,
        code="item_blocked",
    )


def _claimed(policy: Policy) -> OperationFailure:
    return OperationFailure(
        f'Several policies of the backup bear the name "{policy.name}", and the target tenant holds one.',
        reason=ReasonCode.AMBIGUOUS_POLICY,
        code="item_blocked",
    )
