"""Which sets of assignments Atlas writes: those that reach exactly whom they name, once written."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_gql.errors import OperationFailure
from atlas_gql.graph.contract import PolicyContract, WriteStrategy
from atlas_gql.graph.model import Assignment, TargetKind
from atlas_gql.reasons import ReasonCode


def demand_writable(
    contract: PolicyContract, current: Sequence[Assignment], wanted: Sequence[Assignment]
) -> None:
    """Pass a set that can be written faithfully, over what is there now. Raises OperationFailure."""
    if not contract.supports_restore:
        raise OperationFailure(contract.why_not or "", reason=ReasonCode.UNSUPPORTED)
    direct = [assignment for assignment in current if assignment.is_direct]
    if any(assignment.target is TargetKind.UNKNOWN for assignment in (*direct, *wanted)):
        raise OperationFailure(
            "The policy is assigned to a kind of target that Atlas does not write; nothing was written.",
            reason=ReasonCode.UNSUPPORTED,
        )
    if not contract.supports_filters and any(assignment.filter_id for assignment in wanted):
        raise OperationFailure(
            "This kind of policy takes no assignment filters; without its filter the assignment would "
            "reach further. Nothing was written.",
            reason=ReasonCode.UNSUPPORTED,
        )
    if len({assignment.identity for assignment in wanted}) < len(wanted):
        raise OperationFailure(
            "Two assignments name the same target; Microsoft would ignore one of them. Nothing was written.",
            reason=ReasonCode.INVALID_REQUEST,
        )
    if contract.write is WriteStrategy.ITEMS and not all(assignment.raw.get("id") for assignment in direct):
        raise OperationFailure(
            "Microsoft gave an assignment without an id, which could not be deleted. Nothing was written.",
            reason=ReasonCode.INVALID_RESPONSE,
        )
