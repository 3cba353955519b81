"""What a verification of a tenant's provider finds: part of the plugin API, re-exported by it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

from atlas_gql.plugins.api import Doc
from atlas_gql.reasons import ReasonCode


class ReadinessState(StrEnum):
    """Whether something can be done in a tenant.

    .. versionadded:: 0.1
    """

    READY = "ready"
    MISSING_PERMISSION = "missing_permission"
    NOT_LICENSED = "not_licensed"
    NEEDS_APPROVAL = "needs_approval"
    UNREACHABLE = "unreachable"


class ProviderHealth(StrEnum):
    """What a verification comes to.

    .. versionadded:: 0.1
    """

    READY = "ready"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether one thing can be read, or written.

    `permission` is the one that is missing; `reason_code` says why Microsoft did not answer as hoped.

    .. versionadded:: 0.1
    """

    state: ReadinessState
    permission: str | None = None
    reason_code: ReasonCode | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderCheck:
    """One line of the report: a kind of policy by its name (`policy_type`), or something else.

    `writing` is None for what Atlas never writes.

    .. versionadded:: 0.1
    """

    subject: str
    label: str
    reading: Readiness
    policy_type: str | None = None
    writing: Readiness | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderReport:
    """All that a verification of a tenant's provider found.

    .. versionadded:: 0.1
    """

    health: Annotated[ProviderHealth, Doc("What it comes to.")]
    permissions: Annotated[
        tuple[str, ...], Doc("The permissions that the tenant granted the application that reads.")
    ]
    write_permissions: Annotated[
        tuple[str, ...],
        Doc("Those that it granted the application that writes; none where that got no token."),
    ]
    writes_enabled: Annotated[bool, Doc("Whether restores were allowed to write.")]
    approvals: Annotated[
        tuple[str, ...] | None,
        Doc("The kinds of change that need a second administrator; null when that could not be read."),
    ]
    checks: Annotated[tuple[ProviderCheck, ...], Doc("What was looked at, one by one.")]


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
