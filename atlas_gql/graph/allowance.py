"""How much Microsoft lets one application ask of one tenant, and buckets that keep to it.

Source: https://learn.microsoft.com/graph/throttling-limits (read 2026-11-23). The directory's limit is that
of the smallest tenants.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas_gql.graph.contract import Family
from atlas_gql.graph.patience import Clock

SHARE = 0.8
"""How much of a limit is used as a steady flow. The rest may come at once, after a rest: so no window of
Microsoft's, wherever it begins, ever sees more than the limit."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a family takes in `window` seconds: of writes, and of requests in all."""

    requests: int
    writes: int
    window: float = 20.0


LIMITS: dict[Family, Limit] = {
    **dict.fromkeys(Family, Limit(requests=1000, writes=100)),
    Family.DEVICES: Limit(requests=2000, writes=200),
    Family.IDENTITY: Limit(requests=3500, writes=200, window=10.0),
}


class Bucket:
    """Tokens that flow in steadily, and are taken in advance: who finds too few waits for the flow."""

    def __init__(self, limit: int, window: float, clock: Clock) -> None:
        self._most = limit * (1 - SHARE)
        self._rate = limit * SHARE / window
        self._clock = clock
        self._tokens = self._most
        self._filled = clock.monotonic()

    def take(self, cost: int) -> float:
        """Take so many; gives the seconds to wait before they are there."""
        now = self._clock.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        self._tokens -= cost
        return max(0.0, -self._tokens / self._rate)

    def give_back(self, cost: int) -> None:
        """Put back what was taken and not used."""
        self._tokens += cost
