"""A backed-up policy, read as what a restore may use of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atlas_assignments.suspicion import doubtful
from atlas_gql.plugins import (
    Assignment,
    CapturedPolicy,
    Identity,
    OperationFailure,
    PolicyContract,
    ReasonCode,
    SourceItem,
    contract_of,
    parse_assignment,
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A backed-up policy, its contract, and its assignments by where they came from."""

    policy: CapturedPolicy
    contract: PolicyContract
    direct: tuple[Assignment, ...]
    inherited: tuple[Assignment, ...]
    """Those that a policy set brought along; they are never written."""
    doubtful: frozenset[Identity] = frozenset()
    """Those that the backup has without the settings that they once had."""


def read_source(item: SourceItem) -> Source:
    """What the backup holds of a policy. Raises OperationFailure when that is not its assignments."""
    policy = item.policy
    if item.assignments_state != "fetched" or policy.error is not None:
        raise OperationFailure(
            "The backup does not hold this policy's assignments: they could not be read when it was made.",
            reason=policy.error.reason_code if policy.error else ReasonCode.UNSUPPORTED,
            code="item_blocked",
        )
    contract = contract_of(policy.policy_type)
    try:
        assignments = [parse_assignment(contract, raw) for raw in policy.assignments]
        lacking = doubtful(policy)
    except ValueError as exc:
        raise OperationFailure(
            "The backup holds something for this policy that is no assignment.",
            reason=ReasonCode.INVALID_RESPONSE,
            code="item_blocked",
        ) from exc
    return Source(
        policy=policy,
        contract=contract,
        direct=tuple(a for a in assignments if a.is_direct),
        inherited=tuple(a for a in assignments if not a.is_direct),
        doubtful=lacking,
    )


def readable(items: Iterable[SourceItem]) -> Iterator[Source]:
    """Those of the items that can be restored at all; for the others the plan says why not."""
    for item in items:
        try:
            yield read_source(item)
        except OperationFailure:
            continue
