"""From permissions and Microsoft's answers to what can be done: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from atlas_gql.plugins import (
    GraphError,
    PolicyContract,
    ProviderCheck,
    ProviderHealth,
    Readiness,
    ReadinessState,
    ReasonCode,
    grants_permission,
)

READY = Readiness(state=ReadinessState.READY)
_FINE = (ReadinessState.READY, ReadinessState.NOT_LICENSED, ReadinessState.NEEDS_APPROVAL)
"""What is no fault of the provider: the tenant's licences and its rule of two administrators."""


@dataclass(frozen=True, kw_only=True)
class Grants:
    """What is known before the kinds are looked at.

    `write_refused` is why what writes has no token, `approvals_refused` why `approvals`, the kinds of
    change that need a second administrator, could not be read.
    """

    read: frozenset[str]
    write: frozenset[str] = frozenset()
    write_refused: ReasonCode | None = None
    approvals: frozenset[str] = frozenset()
    approvals_refused: ReasonCode | None = None


def lacking(permissions: Collection[str], permission: str) -> bool:
    """Whether a permission is not among those granted, nor included in one of them."""
    return not grants_permission(permissions, permission)


def reading_of(error: GraphError | None, missing: bool, permission: str) -> Readiness:
    """Whether it can be read, by the permissions and, where these suffice, by Microsoft's answer."""
    if missing:
        return Readiness(state=ReadinessState.MISSING_PERMISSION, permission=permission)
    if error is None:
        return READY
    match error.reason_code:
        case ReasonCode.NOT_LICENSED:
            return Readiness(state=ReadinessState.NOT_LICENSED, reason_code=error.reason_code)
        case ReasonCode.PERMISSION_DENIED:
            # Microsoft has the last word, whatever the token says.
            return Readiness(
                state=ReadinessState.MISSING_PERMISSION, permission=permission, reason_code=error.reason_code
            )
    return Readiness(state=ReadinessState.UNREACHABLE, reason_code=error.reason_code)


def writing_of(contract: PolicyContract, reading: Readiness, grants: Grants) -> Readiness | None:
    """Whether a restore could write a kind; None for one that is never written.

    Nothing is written to find out: what cannot be read cannot be restored, and the rest is known from the
    permissions and from what the tenant has protected.
    """
    if contract.write_permission is None:
        return None
    if grants.write_refused is not None:
        return Readiness(state=ReadinessState.UNREACHABLE, reason_code=grants.write_refused)
    if lacking(grants.write, contract.write_permission):
        return Readiness(state=ReadinessState.MISSING_PERMISSION, permission=contract.write_permission)
    if reading.state is not ReadinessState.READY:
        return reading
    if contract.approval and grants.approvals_refused:
        return Readiness(state=ReadinessState.UNREACHABLE, reason_code=grants.approvals_refused)
    if contract.approval in grants.approvals:
        return Readiness(state=ReadinessState.NEEDS_APPROVAL, reason_code=ReasonCode.APPROVAL_REQUIRED)
    return READY


def health(checks: Sequence[ProviderCheck], *, writes_enabled: bool) -> ProviderHealth:
    """What it all comes to: failing where no kind of policy can be read."""
    kinds = [check for check in checks if check.policy_type]
    if not any(check.reading.state is ReadinessState.READY for check in kinds):
        return ProviderHealth.FAILING
    found = [check.reading for check in checks]
    if writes_enabled:
        found += [check.writing for check in checks if check.writing is not None]
    fine = all(readiness.state in _FINE for readiness in found)
    return ProviderHealth.READY if fine else ProviderHealth.DEGRADED
