"""How fast one process talks to each tenant: pauses that all its calls share, and calls in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atlas_gql.errors import GraphError
from atlas_gql.graph.contracts import CONTRACTS, Family
from atlas_gql.graph.patience import Clock
from atlas_gql.reasons import ReasonCode

LONGEST_PAUSE = 3600.0
"""Seconds; an absurd Retry-After must not close a tenant for good."""


class Pacer:
    """One per process. A tenant is named by any stable text, such as `<cloud>/<tenant id>`.

    Microsoft counts requests per tenant and service family, so a 429 pauses that family of that tenant
    for everybody, and nobody else.
    """

    def __init__(self, *, reads: int = 8, writes: int = 3, clock: Clock | None = None) -> None:
        self._reads = reads
        self._writes = writes
        self._clock = clock or Clock()
        self._until: dict[tuple[str, Family], float] = {}
        self._read_gates: dict[tuple[str, Family], asyncio.Semaphore] = {}
        self._write_gates: dict[str, asyncio.Semaphore] = {}

    def pause(self, tenant: str, family: Family, seconds: float) -> None:
        """Hold back every call to the family for so long; a shorter pause never cuts a longer one."""
        until = self._clock.monotonic() + min(seconds, LONGEST_PAUSE)
        self._until[tenant, family] = max(until, self._until.get((tenant, family), 0.0))

    def pause_left(self, tenant: str, family: Family) -> float:
        """Seconds until the family may be called again; 0 when it may now."""
        return max(0.0, self._until.get((tenant, family), 0.0) - self._clock.monotonic())

    async def wait(self, tenant: str, family: Family, *, at_most: float) -> float:
        """Wait for the end of the pause; returns the seconds waited.

        Raises GraphError (THROTTLED, with `retry_after`) at once when the pause is longer than `at_most`.
        """
        waited = 0.0
        while left := self.pause_left(tenant, family):
            if left > at_most - waited:
                raise GraphError(
                    "Microsoft asked for a longer pause than this call may wait. Try again later.",
                    reason=ReasonCode.THROTTLED,
                    retry_after=left,
                )
            await self._clock.sleep(left)
            waited += left
        return waited

    @asynccontextmanager
    async def turn(
        self, tenant: str, family: Family, *, writing: bool, at_most: float
    ) -> AsyncIterator[float]:
        """A place among the calls in flight, outside of any pause; gives the seconds paused.

        Raises GraphError as `wait` does.
        """
        gate = self._gate(tenant, family, writing=writing)
        waited = 0.0
        while True:
            waited += await self.wait(tenant, family, at_most=at_most - waited)
            async with gate:
                # Another call may have been told to slow down while this one stood in the queue.
                if not self.pause_left(tenant, family):
                    yield waited
                    return

    def _gate(self, tenant: str, family: Family, *, writing: bool) -> asyncio.Semaphore:
        if writing:
            return self._write_gates.setdefault(tenant, asyncio.Semaphore(self._writes))
        return self._read_gates.setdefault((tenant, family), asyncio.Semaphore(self._reads))


def family_of(path: str) -> Family:
    """The throttling family of any Graph path, with or without its version."""
    plain = path.strip("/").removeprefix("beta/").removeprefix("v1.0/")
    for contract in CONTRACTS.values():
        if plain == contract.path or plain.startswith((f"{contract.path}/", f"{contract.path}(")):
            return contract.family
    if plain.startswith("deviceManagement/assignmentFilters"):
        return Family.BUNDLES
    if plain.startswith("deviceAppManagement/"):
        return Family.APPLICATIONS
    return Family.CONFIGURATION if plain.startswith("deviceManagement/") else Family.IDENTITY
