"""What a comparison comes to: counts, and the policies that differ, each in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from atlas_assignments.changes import ChangeKind
from atlas_gql.plugins import Doc, Id, ReasonCode, RestoreRun, ShownPolicy

MOST = 1000
"""Policies that a comparison lists; its restore run has them all."""
NAMED = 5
"""Assignments that are named of one policy."""


class PolicyDifference(StrEnum):
    """In what a policy differs from the backup."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDITIONAL = "additional"


# The API shows these: a string below a member would be lost.
PolicyDifference.CHANGED.__doc__ = "It is assigned otherwise."
PolicyDifference.MISSING.__doc__ = "The backup holds it, and it is not there."
PolicyDifference.ADDITIONAL.__doc__ = "It is there, and the backup does not hold it."


@dataclass(frozen=True, kw_only=True)
class DifferingPolicy:
    """A policy that is not as in the backup."""

    policy_type: Annotated[str, Doc("The kind of policy, such as `deviceConfigurations`.")]
    policy_id: Annotated[str, Doc("Its id at Microsoft: in the backup, or where it is additional there.")]
    name: Annotated[str, Doc("Its name.")]
    difference: Annotated[PolicyDifference, Doc("In what it differs.")]
    summary: Annotated[str, Doc("The same in a few words; the restore run has all of it.")]


@dataclass(frozen=True, kw_only=True)
class BackupComparison:
    """In what a tenant, or another backup of it, differs from a backup."""

    restore_run_id: Annotated[Id[RestoreRun], Doc("The restore run that has all of the comparison.")]
    unchanged: Annotated[int, Doc("How many policies are as in the backup.")]
    changed: Annotated[int, Doc("How many are assigned otherwise.")]
    missing: Annotated[int, Doc("How many the backup holds that are not there.")]
    additional: Annotated[
        int, Doc("How many are there that the backup does not hold, of kinds that it was to hold as a whole.")
    ]
    not_compared: Annotated[int, Doc("How many could not be compared; the restore run says why.")]
    policies: Annotated[
        tuple[DifferingPolicy, ...], Doc(f"The policies that differ, at most {MOST:,}, in the plan's order.")
    ]
    complete: Annotated[bool, Doc("Whether `policies` lists every one that differs.")]


def compared(restore_run_id: UUID, plan: Sequence[ShownPolicy]) -> BackupComparison:
    """What a closed plan says of the side that the backup was compared with."""
    found = [(policy, difference) for policy in plan if (difference := _difference(policy)) is not None]

    def count(of: PolicyDifference) -> int:
        return sum(difference is of for _, difference in found)

    unchanged = sum(policy.action == "none" for policy in plan)
    return BackupComparison(
        restore_run_id=restore_run_id,
        unchanged=unchanged,
        changed=count(PolicyDifference.CHANGED),
        missing=count(PolicyDifference.MISSING),
        additional=count(PolicyDifference.ADDITIONAL),
        not_compared=len(plan) - len(found) - unchanged,
        policies=tuple(_differing(policy, difference) for policy, difference in found[:MOST]),
        complete=len(found) <= MOST,
    )


def _difference(policy: ShownPolicy) -> PolicyDifference | None:
    """In what a policy differs; None for one that does not, or of which that is not known."""
    if policy.action == "write":
        return PolicyDifference.CHANGED
    if policy.action == "not_in_backup":
        return PolicyDifference.ADDITIONAL
    return PolicyDifference.MISSING if policy.blocked_reason is ReasonCode.POLICY_NOT_FOUND else None


def _differing(policy: ShownPolicy, difference: PolicyDifference) -> DifferingPolicy:
    said = {
        PolicyDifference.MISSING: "It is not there.",
        PolicyDifference.ADDITIONAL: "The backup does not hold it.",
    }
    return DifferingPolicy(
        policy_type=policy.policy_type,
        policy_id=policy.id,
        name=policy.name,
        difference=difference,
        summary=said.get(difference) or in_words(policy.changes),
    )


def in_words(changes: Iterable[Mapping[str, Any]]) -> str:
    """What would lead to the backup, turned round: what there is now that differs from it."""
    words = [said for change in changes if (said := _in_words(change)) is not None]
    more = [f"and {len(words) - NAMED} more"] if len(words) > NAMED else []
    return "; ".join([*words[:NAMED], *more])


def _in_words(change: Mapping[str, Any]) -> str | None:
    match change["change"]:
        case ChangeKind.ADDED:
            return f"lacks {_target(change)}"
        case ChangeKind.REMOVED:
            return f"has {_target(change)} besides"
        case ChangeKind.CHANGED:
            fields = ", ".join(field["field"] for field in change["fields"])
            return f"has {_target(change)} otherwise" + (f" ({fields})" if fields else "")
    return None


def _target(change: Mapping[str, Any]) -> str:
    target = change["target"]
    names = {"allUsers": "all users", "allDevices": "all devices", "unknown": "an unknown target"}
    name = names.get(target["kind"]) or f'"{target["name"] or target["id"]}"'
    return f"{name} excluded" if target["excluded"] else name
