"""What a check for drift finds: the policies that drifted, and since when each was seen so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from atlas_gql.plugins import BackupSet, Doc, Id, RestoreRun, policy_key


class DriftKind(StrEnum):
    """In what a policy drifted."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDITIONAL = "additional"


# The API shows these: a string below a member would be lost.
DriftKind.CHANGED.__doc__ = "It is assigned otherwise."
DriftKind.MISSING.__doc__ = "The backup holds it, and it is not there any more."
DriftKind.ADDITIONAL.__doc__ = "It was made since the backup."


@dataclass(frozen=True, kw_only=True)
class Differing:
    """A policy as the comparison lists it."""

    policy_type: str
    policy_id: str
    name: str
    difference: DriftKind
    summary: str

    @property
    def key(self) -> str:
        return policy_key(self.policy_type, self.policy_id)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is read of the comparison's result."""

    restore_run_id: UUID
    unchanged: int
    changed: int
    missing: int
    additional: int
    not_compared: int
    policies: tuple[Differing, ...]
    complete: bool


@dataclass(frozen=True, kw_only=True)
class DriftedPolicy:
    """A policy that is not as it was backed up."""

    policy_type: Annotated[str, Doc("The kind of policy, such as `deviceConfigurations`.")]
    policy_id: Annotated[str, Doc("Its id at Microsoft.")]
    name: Annotated[str, Doc("Its name.")]
    difference: Annotated[DriftKind, Doc("In what it drifted.")]
    summary: Annotated[str, Doc("The same in a few words.")]
    since: Annotated[
        datetime, Doc("When a check first saw it so; it drifted between that one and the last before.")
    ]


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """What drifted in a tenant since its newest complete backup."""

    backup_set_id: Annotated[Id[BackupSet], Doc("The backup that it was compared with.")]
    restore_run_id: Annotated[Id[RestoreRun], Doc("The restore run that has all of the comparison.")]
    unchanged: Annotated[int, Doc("How many policies are as they were backed up.")]
    changed: Annotated[int, Doc("How many are assigned otherwise.")]
    missing: Annotated[int, Doc("How many are not there any more.")]
    additional: Annotated[int, Doc("How many were made since.")]
    not_compared: Annotated[int, Doc("How many could not be compared; the restore run says why.")]
    returned: Annotated[
        int, Doc("How many had drifted at the check before, and are as they were backed up again.")
    ]
    policies: Annotated[tuple[DriftedPolicy, ...], Doc("The policies that drifted, at most 1,000.")]
    complete: Annotated[bool, Doc("Whether `policies` lists every one that drifted.")]


def report_on(
    comparison: Comparison,
    *,
    backup_set_id: UUID,
    since: Mapping[str, datetime],
    returned: int,
) -> DriftReport:
    """The report; `since` has every policy that the comparison lists."""
    return DriftReport(
        backup_set_id=backup_set_id,
        restore_run_id=comparison.restore_run_id,
        unchanged=comparison.unchanged,
        changed=comparison.changed,
        missing=comparison.missing,
        additional=comparison.additional,
        not_compared=comparison.not_compared,
        returned=returned,
        policies=_drifted(comparison.policies, since),
        complete=comparison.complete,
    )


def _drifted(policies: Sequence[Differing], since: Mapping[str, datetime]) -> tuple[DriftedPolicy, ...]:
    return tuple(
        DriftedPolicy(
            policy_type=policy.policy_type,
            policy_id=policy.policy_id,
            name=policy.name,
            difference=policy.difference,
            summary=policy.summary,
            since=since[policy.key],
        )
        for policy in policies
    )
