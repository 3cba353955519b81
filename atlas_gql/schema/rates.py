"""How many requests a token may send, counted in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from uuid import UUID

from atlas_gql.errors import RateLimited

KEPT = 10_000
"""Tokens, above which those that are at rest are forgotten."""


class Rates:
    """So many requests a minute for each token: all at once after a rest, and then evenly; 0 for no limit.

    One number is kept per token: when its requests so far will have been paid for, each with its share of a
    minute (the generic cell rate algorithm).
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._paid_at: dict[UUID, float] = {}

    def take(self, token_id: UUID) -> None:
        """Count a request. Raises RateLimited, and counts nothing, when it comes too early."""
        if not self._share:
            return
        now = self._clock()
        paid_at = max(self._paid_at.get(token_id, now), now) + self._share
        early = paid_at - now - 60
        if early > 1e-6:  # what adding up shares leaves of a rounding
            raise RateLimited(retry_after=math.ceil(early))
        if token_id not in self._paid_at and len(self._paid_at) >= KEPT:
            self._paid_at = {id_: at for id_, at in self._paid_at.items() if at > now}
        self._paid_at[token_id] = paid_at
