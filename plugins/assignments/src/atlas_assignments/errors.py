"""Why an execution of a restore is refused before it starts."""

from __future__ import annotations

from typing import Annotated

from atlas_gql.plugins import Doc, DomainError


class PlanNotReady(DomainError):
    """The restore run has no finished plan: it is still being planned, or planning failed."""

    code = "PLAN_NOT_READY"


class PlanExpired(DomainError):
    """The plan's life has ended. Make a new plan, look at it, and execute that one."""

    code = "PLAN_EXPIRED"


class PlanMismatch(DomainError):
    """The digest is not that of this restore run's plan. Execute what you have seen, or look again."""

    code = "PLAN_MISMATCH"


class PlanExecuted(DomainError):
    """The plan has been executed. Retry that run for what failed in it, or make a new plan."""

    code = "PLAN_EXECUTED"


class NotExecutable(DomainError):
    """The restore run is a comparison, which is only read. Plan a restore of the backup set instead."""

    code = "NOT_EXECUTABLE"


class WarningsNotAcknowledged(DomainError):
    """The plan has warnings that were not acknowledged."""

    code = "WARNINGS_NOT_ACKNOWLEDGED"
    warning_ids: Annotated[list[str], Doc("The warnings that are still to be acknowledged, by id.")]

    def __init__(self, warning_ids: list[str]) -> None:
        self.warning_ids = warning_ids
        super().__init__("The plan has warnings that were not acknowledged; `warningIds` lists them.")
