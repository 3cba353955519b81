"""Settings that came back empty: Microsoft was seen to lose an app assignment's settings by itself.

It happens to apps whose group was deleted and brought back. A backup keeps what it was given, and says
that it is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atlas_gql.plugins import (
    CONTRACTS,
    Assignment,
    CapturedPolicy,
    Identity,
    Policy,
    RunContext,
    parse_assignment,
)

SETTINGS = "settings"
Raw = Mapping[str, Any]


async def lost_settings(ctx: RunContext, policies: Sequence[Policy]) -> dict[str, tuple[Raw, ...]]:
    """By policy id, the assignments whose settings are empty now and were not in the last backup.

    Each as that backup, or an earlier one with the same doubt, had it. All policies are of one tenant; one
    look at the last backup for each kind whose assignments have settings.
    """
    empty: dict[str, dict[str, set[Identity]]] = {}
    for policy in policies:
        if SETTINGS in CONTRACTS[policy.policy_type].extra_fields:
            without = {a.identity for a in policy.assignments if a.is_direct and not a.extra.get(SETTINGS)}
            if without:
                empty.setdefault(policy.policy_type, {})[policy.id] = without
    found = {}
    for policy_type, doubted in empty.items():
        for policy_id, before in (await ctx.backups.last(policy_type, doubted)).items():
            had = _with_settings(before)
            lost = tuple(had[identity] for identity in sorted(doubted[policy_id] & had.keys()))
            if lost:
                found[policy_id] = lost
    return found


def _with_settings(policy: CapturedPolicy) -> dict[Identity, Raw]:
    """The assignments of a backup that had settings, or had lost them already, by identity."""
    kept = [raw for raw in policy.assignments if raw.get(SETTINGS)]
    return {_identity(policy, raw): raw for raw in (*policy.suspicious, *kept)}


def doubtful(policy: CapturedPolicy) -> frozenset[Identity]:
    """The identities of the assignments that a backup has without the settings they once had."""
    return frozenset(_identity(policy, raw) for raw in policy.suspicious)


def _identity(policy: CapturedPolicy, raw: Raw) -> Identity:
    parsed: Assignment = parse_assignment(CONTRACTS[policy.policy_type], raw)
    return parsed.identity
