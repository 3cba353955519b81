"""Whoever wants to know how calls to Graph end: a process counts them."""

from __future__ import annotations

from typing import Protocol

from atlas_gql.reasons import ReasonCode


class Observer(Protocol):
    """Told of each attempt, also of those that are tried again."""

    def call(self, method: str, status: int | None) -> None:
        """A call was answered with this HTTP status, or (None) not at all."""

    def error(self, reason: ReasonCode) -> None:
        """A call, or a part of a batch, did not succeed."""


class Unobserved:
    """Nobody wants to know."""

    def call(self, method: str, status: int | None) -> None:
        pass

    def error(self, reason: ReasonCode) -> None:
        pass
