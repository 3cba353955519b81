"""What a verification of a tenant's provider finds: part of the plugin API, re-exported by it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from atlas_gql.reasons import ReasonCode


class ReadinessState(StrEnum):
    """Whether something can be done in a tenant."""

    READY = "ready"
    MISSING_PERMISSION = "missing_permission"
    NOT_LICENSED = "not_licensed"
    NEEDS_APPROVAL = "needs_approval"
    UNREACHABLE = "unreachable"


class ProviderHealth(StrEnum):
    """What a verification comes to."""

    READY = "ready"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether one thing can be read, or written.

    `permission` is the one that is missing; `reason` says why Microsoft did not answer as hoped.
    """

    state: ReadinessState
    permission: str | None = None
    reason: ReasonCode | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderCheck:
    """One line of the report: a kind of policy by its name (`policy_type`), or something else.

    `writing` is None for what Atlas never writes.
    """

    subject: str
    label: str
    reading: Readiness
    policy_type: str | None = None
    writing: Readiness | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderReport:
    """All that a verification found.

    `permissions` and `write_permissions` are those of the application that reads, and of the one that
    writes; `approvals` the kinds of change for which the tenant demands a second administrator, None
    when that could not be read.
    """

    health: ProviderHealth
    permissions: tuple[str, ...]
    write_permissions: tuple[str, ...]
    writes_enabled: bool
    approvals: tuple[str, ...] | None
    checks: tuple[ProviderCheck, ...]


class Provider(Protocol):
    """How Atlas reaches the run's tenant.

    .. versionadded:: 0.1
    """

    async def permissions(self, *, writing: bool = False) -> frozenset[str]:
        """The application permissions in a token that is asked for now.

        With `writing`, of the credential that restores are written with, also while writes are switched
        off. Raises GraphError with what the login service said.
        """
        ...

    async def writes_enabled(self) -> bool:
        """Whether restores may write to the tenant."""
        ...

    async def save(self, report: ProviderReport) -> None:
        """Keep the report as the run's result; a later one replaces it."""
        ...
