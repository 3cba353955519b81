"""How fast one process talks to each tenant: pauses and allowances that all its calls share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from atlas_gql.errors import GraphError
from atlas_gql.graph.allowance import LIMITS, Bucket, Limit
from atlas_gql.graph.contract import Family
from atlas_gql.graph.contracts import CONTRACTS
from atlas_gql.graph.gate import Gate
from atlas_gql.graph.patience import Clock
from atlas_gql.reasons import ReasonCode

LONGEST_PAUSE = 3600.0
"""Seconds; an absurd Retry-After must not close a tenant for good."""


class Pacer:
    """One per process. A tenant is named by any stable text, such as `<cloud>/<tenant id>`.

    Microsoft counts requests per tenant and service family, so a 429 pauses that family of that tenant
    for everybody, and nobody else; afterwards fewer of its calls are in flight, until enough went well.
    """

    def __init__(
        self,
        *,
        reads: int = 8,
        writes: int = 3,
        limits: Mapping[Family, Limit] = LIMITS,
        clock: Clock | None = None,
    ) -> None:
        self._places = {False: reads, True: writes}
        self._limits = limits
        self._clock = clock or Clock()
        self._until: dict[tuple[str, Family], float] = {}
        self._gates: dict[tuple[str, Family, bool], Gate] = {}
        self._buckets: dict[tuple[str, Family, bool], Bucket] = {}
        self._writers: dict[str, Gate] = {}

    def pause(self, tenant: str, family: Family, seconds: float) -> None:
        """Hold back every call to the family for so long; a shorter pause never cuts a longer one."""
        if not self.pause_left(tenant, family):  # refusals that come together count once
            for writing in (False, True):
                self._gate(tenant, family, writing=writing).halve()
        until = self._clock.monotonic() + min(seconds, LONGEST_PAUSE)
        self._until[tenant, family] = max(until, self._until.get((tenant, family), 0.0))

    def pause_left(self, tenant: str, family: Family) -> float:
        """Seconds until the family may be called again; 0 when it may now."""
        return max(0.0, self._until.get((tenant, family), 0.0) - self._clock.monotonic())

    def went_well(self, tenant: str, family: Family, *, writing: bool) -> None:
        """A call was answered: after a pause, a little more may be in flight again."""
        self._gate(tenant, family, writing=writing).widen()

    def writers(self, tenant: str) -> Gate:
        """The places for those who change the tenant, each from the read before its write on."""
        return self._writers.setdefault(tenant, Gate(self._places[True]))

    async def wait(self, tenant: str, family: Family, *, at_most: float) -> float:
        """Wait for the end of the pause; returns the seconds waited.

        Raises GraphError (THROTTLED, with `retry_after`) at once when the pause is longer than `at_most`.
        """
        waited = 0.0
        while left := self.pause_left(tenant, family):
            await self._sleep(left, at_most=at_most - waited)
            waited += left
        return waited

    @asynccontextmanager
    async def turn(
        self, tenant: str, family: Family, *, writing: bool, at_most: float, cost: int = 1
    ) -> AsyncIterator[float]:
        """A place among the calls in flight, outside of any pause; gives the seconds waited for Microsoft.

        `cost` is how many requests Microsoft counts. Raises GraphError as `wait` does.
        """
        gate = self._gate(tenant, family, writing=writing)
        waited, paid = 0.0, False
        while True:
            waited += await self.wait(tenant, family, at_most=at_most - waited)
            async with gate.place():
                if not paid:
                    waited += await self._pay(tenant, family, writing, cost, at_most - waited)
                    paid = True
                # Another call may have been told to slow down while this one stood in the queue.
                if not self.pause_left(tenant, family):
                    yield waited
                    return

    async def _pay(self, tenant: str, family: Family, writing: bool, cost: int, at_most: float) -> float:
        buckets = [self._bucket(tenant, family, writing=kind) for kind in {False, writing}]
        delay = max(bucket.take(cost) for bucket in buckets)
        try:
            await self._sleep(delay, at_most=at_most)
        except BaseException:
            for bucket in buckets:
                bucket.give_back(cost)
            raise
        return delay

    async def _sleep(self, seconds: float, *, at_most: float) -> None:
        if seconds > at_most:
            raise GraphError(
                "Microsoft asks for a longer pause than this call may wait. Try again later.",
                reason=ReasonCode.THROTTLED,
                retry_after=seconds,
            )
        if seconds:
            await self._clock.sleep(seconds)

    def _gate(self, tenant: str, family: Family, *, writing: bool) -> Gate:
        return self._gates.setdefault((tenant, family, writing), Gate(self._places[writing]))

    def _bucket(self, tenant: str, family: Family, *, writing: bool) -> Bucket:
        key = (tenant, family, writing)
        if key not in self._buckets:
            limit = self._limits[family]
            number = limit.writes if writing else limit.requests
            self._buckets[key] = Bucket(number, limit.window, self._clock)
        return self._buckets[key]


def family_of(path: str) -> Family:
    """The throttling family of any Graph path, with or without its version."""
    plain = path.strip("/").removeprefix("beta/").removeprefix("v1.0/")
    for contract in CONTRACTS.values():
        if plain == contract.path or plain.startswith((f"{contract.path}/", f"{contract.path}(")):
            return contract.family
    return next((family for start, family in _OTHERS if plain.startswith(start)), Family.IDENTITY)


_OTHERS = (
    ("deviceManagement/assignmentFilters", Family.BUNDLES),
    ("deviceManagement/managedDevices", Family.DEVICES),
    ("deviceManagement/role", Family.RBAC),
    ("deviceManagement/virtualEndpoint", Family.CLOUD_PC),
    ("deviceManagement/", Family.CONFIGURATION),
    ("deviceAppManagement/", Family.APPLICATIONS),
)
"""How paths begin that are no policies, and their families; the first that fits counts."""
