"""Verifying: which permissions the application has, which kinds of policy answer, what wants approval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atlas_gql.plugins import (
    CONTRACTS,
    GraphError,
    OperationFailure,
    PolicyContract,
    ProviderCheck,
    ProviderReport,
    ReadinessState,
    ReasonCode,
    RunContext,
)
from atlas_providers.judging import Grants, health, lacking, reading_of, writing_of
from atlas_providers.others import OTHERS, Other, approvals_of

APPROVALS = "approvals"
WRITING = "writing"


@dataclass(frozen=True, kw_only=True)
class VerifyProviderInput:
    """Whose provider to verify."""


async def verify(ctx: RunContext, _given: VerifyProviderInput) -> ProviderReport:
    """Report on every kind of policy, family by family, and on what goes with them.

    The login service's refusal of the application that reads is the run's failure; of the one that
    writes, it is that of an item.
    """
    permissions = await ctx.provider.permissions()
    families: dict[str, list[PolicyContract]] = defaultdict(list)
    for contract in CONTRACTS.values():
        families[contract.family].append(contract)
    await ctx.total(len(families) + len(OTHERS) + 2)

    write_permissions, write_refused = await _writing(ctx)
    approvals, approvals_refused = await _approvals(ctx, permissions)
    grants = Grants(
        read=permissions,
        write=write_permissions,
        write_refused=write_refused,
        approvals=frozenset(approvals),
        approvals_refused=approvals_refused,
    )
    checks = [await _other(ctx, other, grants) for other in OTHERS]
    for family, contracts in families.items():
        checks += await _family(ctx, family, contracts, grants)

    writes_enabled = await ctx.provider.writes_enabled()
    return ProviderReport(
        health=health(checks, writes_enabled=writes_enabled),
        permissions=tuple(sorted(permissions)),
        write_permissions=tuple(sorted(write_permissions)),
        writes_enabled=writes_enabled,
        approvals=None if approvals_refused else approvals,
        checks=tuple(checks),
    )


async def _writing(ctx: RunContext) -> tuple[frozenset[str], ReasonCode | None]:
    """The permissions of what writes, or why it got no token."""
    try:
        permissions = await ctx.provider.permissions(writing=True)
    except GraphError as exc:
        await ctx.failed(WRITING, "The credential for writing", exc)
        return frozenset(), exc.reason_code
    await ctx.succeeded(WRITING, "The credential for writing", result=f"{len(permissions)} permissions")
    return permissions, None


async def _approvals(
    ctx: RunContext, permissions: frozenset[str]
) -> tuple[tuple[str, ...], ReasonCode | None]:
    """The kinds of change that need a second administrator, or why that could not be read."""
    label = "Changes that need a second administrator"
    try:
        found = await approvals_of(ctx.graph, permissions)
    except OperationFailure as exc:
        await ctx.failed(APPROVALS, label, exc)
        return (), exc.reason_code
    await ctx.succeeded(APPROVALS, label, result=", ".join(found) or "none")
    return found, None


async def _other(ctx: RunContext, other: Other, grants: Grants) -> ProviderCheck:
    missing = lacking(grants.read, other.permission)
    error = None if missing else await other.probe(ctx.graph)
    check = ProviderCheck(
        subject=other.subject, label=other.label, reading=reading_of(error, missing, other.permission)
    )
    await _record(ctx, other.subject, other.label, [check], {other.subject: error})
    return check


async def _family(
    ctx: RunContext, family: str, contracts: Sequence[PolicyContract], grants: Grants
) -> list[ProviderCheck]:
    """One line for each kind of a service family; only what the application may read is asked for."""
    missing = {c.policy_type: lacking(grants.read, c.read_permission) for c in contracts}
    errors = await ctx.graph.probe([c for c in contracts if not missing[c.policy_type]])
    checks = []
    for contract in contracts:
        name = contract.policy_type
        reading = reading_of(errors.get(name), missing[name], contract.read_permission)
        checks.append(
            ProviderCheck(
                subject=name,
                label=contract.label,
                policy_type=name,
                reading=reading,
                writing=writing_of(contract, reading, grants),
            )
        )
    await _record(ctx, family, ", ".join(c.label for c in contracts), checks, errors)
    return checks


async def _record(
    ctx: RunContext,
    key: str,
    label: str,
    checks: Sequence[ProviderCheck],
    errors: Mapping[str, GraphError | None],
) -> None:
    """An item for what was asked together. It fails where Microsoft's answer left a question open."""
    for check in checks:
        error = errors.get(check.subject)
        if error is not None and check.reading.state is ReadinessState.UNREACHABLE:
            await ctx.failed(key, label, error)
            return
    ready = sum(check.reading.state is ReadinessState.READY for check in checks)
    await ctx.succeeded(key, label, result=f"{ready} of {len(checks)} can be read")
