"""The moment of a schedule at which it starts its operation, once in each of its tenants."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid5


@dataclass(frozen=True, kw_only=True)
class Tick:
    """What a start needs to know of the tick that it is part of."""

    schedule_id: UUID
    due_at: datetime
    jitter_seconds: int
    mutation: ClassVar[str] = "schedule"
    """Under what its starts keep their keys: no mutation of a client is called so."""

    @property
    def key(self) -> str:
        """The idempotency key of its start in each tenant: however often it is tried, it is one start."""
        return f"{self.schedule_id}:{self.due_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"

    @property
    def request_id(self) -> str:
        """What all its runs have in common, the same for every worker."""
        return uuid5(self.schedule_id, self.key).hex

    def not_before(self, tenant_id: UUID) -> datetime | None:
        """Until when a tenant's run waits; the same time after every tick. None for one that need not.

        Counted from now, and not from when it was due: what begins late is spread as well.
        """
        digest = hashlib.sha256(self.schedule_id.bytes + tenant_id.bytes).digest()
        seconds = int.from_bytes(digest[:8], "big") % (self.jitter_seconds + 1)
        return datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None
