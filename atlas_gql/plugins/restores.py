"""Restore runs and their plans as operations see them: part of the plugin API, re-exported by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from atlas_gql.errors import OperationFailure
from atlas_gql.graph.model import Assignment, Policy
from atlas_gql.plugins.backups import CapturedPolicy
from atlas_gql.reasons import ReasonCode


@dataclass(frozen=True, kw_only=True)
class SourceItem:
    """A selected policy of the backup, as copied into the restore run when it was started.

    .. versionadded:: 0.1
    """

    id: UUID
    position: int
    policy: CapturedPolicy
    assignments_state: str
    """`fetched`, `failed` or `unsupported`; only `fetched` may be restored."""
    left_behind: tuple[str, ...] | None = None
    """In an undo, the fingerprints of what the execution may have left in the tenant; else None."""


@dataclass(frozen=True, kw_only=True)
class PlannedPolicy:
    """What a restore would do to one policy.

    `action` is `write`, `none` (already as wanted) or `blocked` (with reason and public message).
    `changes` has one entry per assignment, `warnings` one per warning; see `docs/plugins.md`.

    .. versionadded:: 0.1
    """

    item_id: UUID
    action: str
    target_id: str | None = None
    target_name: str | None = None
    matched_by: str | None = None
    blocked: OperationFailure | None = None
    base: tuple[Mapping[str, Any], ...] | None = None
    """The live assignments that the plan was made from, verbatim."""
    base_hash: str | None = None
    desired: tuple[Mapping[str, Any], ...] | None = None
    """The whole set that would be written, as bodies for Graph."""
    changes: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedWrite:
    """One policy of a finished plan, as execution sees it; `key` is its key among the run's items.

    .. versionadded:: 0.1
    """

    item_id: UUID
    policy_type: str
    action: str
    target_id: str
    label: str
    base_hash: str
    desired: tuple[Assignment, ...]
    """What a policy that is to be written is assigned to then; empty for the others."""
    blocked_reason: str | None = None
    blocked_message: str | None = None

    @property
    def key(self) -> str:
        return str(self.item_id)


@dataclass(frozen=True, kw_only=True)
class ShownPolicy:
    """One policy of a closed plan, as people read it.

    .. versionadded:: 0.1
    """

    policy_type: str
    id: str
    """Its id in the backup; in the tenant, for one that the backup does not hold."""
    name: str
    action: str
    """`write`, `none`, `blocked`, or `not_in_backup`."""
    blocked_reason: ReasonCode | None = None
    changes: tuple[Mapping[str, Any], ...] = ()
    """Of a policy that would be written, as in `PlannedPolicy`; of others none."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """What the caller chose for a restore run, and whether it goes to another tenant.

    .. versionadded:: 0.1
    """

    mode: str
    options: Mapping[str, Any]
    same_tenant: bool
    covers: frozenset[str] | None = None
    """The kinds that the backup set was to hold all policies of; None for all kinds."""
    against: bool = False
    """Whether it is compared with a backup set, and not with the tenant as it is."""
    planned: bool = False
    """Whether an earlier attempt closed the plan: it does not change any more."""


class Restores(Protocol):
    """The restore run that this run plans or executes.

    .. versionadded:: 0.1
    """

    async def options(self) -> RestoreOptions: ...

    async def source(self) -> list[SourceItem]:
        """The selected policies of the backup, in order of `position`."""
        ...

    async def against(self) -> list[SourceItem]:
        """The policies of the backup set that a comparison compares with."""
        ...

    async def save(self, planned: Sequence[PlannedPolicy]) -> None:
        """Keep plans of policies, and count each as an item of the run; one transaction."""
        ...

    async def complete(
        self,
        *,
        mappings: Sequence[Mapping[str, Any]],
        summary: Mapping[str, Any],
        others: Sequence[Policy] = (),
    ) -> None:
        """Close the plan: its digest and its end of life are set, and it can be executed.

        `others` are policies that are in the tenant and not in the backup: they are listed, never touched.
        """
        ...

    async def plan(self) -> list[PlannedWrite]:
        """The finished plan's policies, in order."""
        ...

    async def shown(self) -> list[ShownPolicy]:
        """All policies of the closed plan, in order, those that the backup does not hold at the end."""
        ...

    async def apply(self, write: PlannedWrite, *, justification: str | None = None) -> None:
        """Carry out one policy of the plan through the safe assignment write, and count it as an item.

        Nothing is written when the policy is as wanted already, or is no longer as the plan saw it.
        """
        ...

    async def confirm(self, writes: Sequence[PlannedWrite]) -> None:
        """See that policies for which the plan had nothing to write are still so; count each as an item.

        Twenty of one kind share a call.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Mentioned:
    """Groups and filters, by their ids in lower case.

    .. versionadded:: 0.1
    """

    groups: frozenset[str]
    filters: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """A restore run's plan as the start of an execution checks it.

    .. versionadded:: 0.1
    """

    state: str
    purpose: str
    """`restore`, `undo`, or `compare`, which is never executed."""
    executed: bool
    """Whether it was executed before, and this is not the retry of that."""
    digest: str | None
    expires_at: datetime | None
    expired: bool
    source_tenant_id: UUID
    backup_set_id: UUID | None
    """None once the set is deleted."""
    writes: int
    fetched: bool
    """Whether anything in it is not blocked."""
    warnings: tuple[Mapping[str, Any], ...]
    """Every warning of the plan: `{"id", "code", "policy", "message"}`."""
