"""How long a call may wait and how often it may be tried again.

Rules: https://learn.microsoft.com/graph/throttling (read 2026-11-23): honour Retry-After; without it,
back off exponentially with jitter.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from atlas_gql.errors import GraphError
from atlas_gql.reasons import ReasonCode

_TRANSIENT_STATUS = frozenset({502, 503, 504})
_TRANSIENT_REASON = frozenset({ReasonCode.DEPENDENCY_UNREACHABLE, ReasonCode.TIMEOUT})


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time as the client sees it, in seconds; tests put their own in place."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, kw_only=True)
class Patience:
    """The limits of one call, in seconds."""

    total: float = 120.0
    """All waiting of one call together: backoff and pauses, not the time its answers take."""
    attempt: float = 90.0
    """One attempt, from its first byte out to its last byte in."""
    first: float = 1.0
    longest: float = 30.0
    tries: int = 4
    """Failures that seldom heal by waiting (no connection, no answer, an internal error) of one call."""

    def passes(self, error: GraphError) -> bool:
        """Whether waiting alone heals it: Microsoft said that it is busy."""
        return error.reason_code is ReasonCode.THROTTLED or error.status in _TRANSIENT_STATUS

    def worth_repeating(self, error: GraphError, stubborn: int) -> bool:
        """Whether another attempt is worth it; not whether it is safe.

        `stubborn` counts the attempts so far that failed in a way that does not pass by waiting alone.
        """
        return self.passes(error) or (error.reason_code in _TRANSIENT_REASON and stubborn < self.tries)

    def delay(self, error: GraphError, tried: int) -> float:
        """How long to wait after the `tried`-th attempt: Microsoft's word, else exponential with jitter.

        A Retry-After below a second counts as none, so that a service which says 0 is not hammered.
        """
        if error.retry_after is not None and error.retry_after >= 1:
            return error.retry_after
        backoff = min(self.longest, self.first * 2.0 ** min(tried - 1, 16))
        return backoff * random.uniform(0.5, 1.0)
