"""Token buckets: how much of its limit each family of a tenant has left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from atlas_gql.simulator.calls import Call
from atlas_gql.simulator.errors import Refused
from atlas_gql.simulator.habits import Throttling
from atlas_gql.simulator.kind import Family
from atlas_gql.simulator.query import given_options
from atlas_gql.simulator.table import family_of

WRITES = {Family.DEVICES: 200}
ANY = {Family.DEVICES: 2000}
"""Calls per 20 s, per app and tenant, where they are not the usual 100 and 1000."""
DIRECTORY_UNITS = {"S": 3500, "M": 5000, "L": 8000}
"""Resource units per 10 s."""
DIRECTORY_SECONDS = 10.0
DIRECTORY_WRITES = 3000
DIRECTORY_WRITE_SECONDS = 150.0
DEBT = 0.1
"""Throttled calls count too, down to this part of the limit below nothing."""


@dataclass(kw_only=True)
class Bucket:
    """Fills steadily; a call takes its cost out."""

    limit: float
    seconds: float
    level: float
    at: float

    def take(self, now: float, cost: float) -> float:
        """Take the cost. Gives 0, or the seconds until there is enough for a call that is refused."""
        self.level = min(self.limit, self.level + max(0.0, now - self.at) * self.limit / self.seconds)
        self.at = now
        allowed = self.level >= cost
        self.level = max(self.level - cost, -self.limit * DEBT)
        return 0.0 if allowed else (cost - self.level) * self.seconds / self.limit

    @property
    def used(self) -> float:
        """Which part of the limit is used."""
        return 1 - self.level / self.limit


class Buckets:
    """The buckets of all tenants and families, each made full when it is first asked."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, Family, str], Bucket] = {}

    def clear(self) -> None:
        """Fill all of them."""
        self._buckets.clear()

    def take(self, call: Call) -> dict[str, str]:
        """Count a call; gives the headers that tell of its family's limit. Raises Refused (429)."""
        settings, family = call.habits.throttling, family_of(call.segments)
        if settings is None or family is None or call.tenant is None:
            return {}
        cost = units(call) if family is Family.IDENTITY else 1
        waits, used = [], 0.0
        for name, limit, seconds in _limits(settings, family, call.method != "GET"):
            key = (call.tenant, family, name)
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = Bucket(limit=limit, seconds=seconds, level=limit, at=call.now)
                self._buckets[key] = bucket
            waits.append(bucket.take(call.now, cost if name == "any" else 1))
            used = max(used, bucket.used)
        if max(waits) > 0:
            raise _throttled(call, family, settings, math.ceil(max(waits)))
        if family is Family.IDENTITY and used > 0.8:
            return {"x-ms-throttle-limit-percentage": f"{used:.2f}"}
        return {}


def units(call: Call) -> int:
    """The resource units that a call of the directory costs."""
    if call.method != "GET" and call.segments[0] != "directoryObjects":
        return 1
    cost = 3 if call.segments[0] == "directoryObjects" or "members" in call.segments else 1
    given = given_options(call)
    cost += ("$expand" in given) - ("$select" in given)
    if given.get("$top", "").isdecimal() and int(given["$top"]) < 20:
        cost -= 1
    return max(1, cost)


def _limits(settings: Throttling, family: Family, writes: bool) -> Iterator[tuple[str, float, float]]:
    own = settings.limits.get(family, {})
    directory = family is Family.IDENTITY
    if directory:
        documented = {"writes": DIRECTORY_WRITES, "any": DIRECTORY_UNITS[settings.size]}
        seconds = {"writes": DIRECTORY_WRITE_SECONDS, "any": DIRECTORY_SECONDS}
    else:
        documented = {"writes": WRITES.get(family, 100), "any": ANY.get(family, 1000)}
        seconds = dict.fromkeys(("writes", "any"), settings.seconds)
    for name in ("writes", "any") if writes else ("any",):
        limit = own[name] if name in own else max(1.0, documented[name] * settings.scale)
        yield name, float(limit), seconds[name]


def _throttled(call: Call, family: Family, settings: Throttling, wait: int) -> Refused:
    headers = {"Retry-After": str(max(1, wait))} if settings.retryAfter else {}
    if family is not Family.IDENTITY:
        return Refused(429, "TooManyRequests", "An error has occurred", nested=True, headers=headers)
    about = {
        "x-ms-throttle-scope": f"Tenant_Application/ReadWrite/{call.app}/{call.tenant}",
        "x-ms-throttle-information": "ResourceUnitLimitExceeded",
    }
    return Refused(429, "TooManyRequests", "Too many requests.", headers={**headers, **about})
