"""Reads that wait a moment for company, so that many of them share one `$batch`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from atlas_gql.graph.batch import PARTS, Batch, read_all
from atlas_gql.graph.transport import Transport

LONG = 5.0
"""Seconds to wait while more company is expected: twenty writes take about that long."""
SHORT = 0.02
"""Seconds to wait otherwise, for those who come in the same moment."""


@dataclass(kw_only=True)
class _Party:
    """Those who wait for one batch."""

    timer: asyncio.TimerHandle | None = None
    waiting: list[tuple[str, asyncio.Future[dict[str, Any]]]] = field(default_factory=list)


class Company:
    """Gathers reads until a batch is full, or nobody is `expected` any more, or time is up."""

    def __init__(self, transport: Transport, *, expected: Callable[[], bool]) -> None:
        self._transport = transport
        self._expected = expected
        self._parties: dict[Batch, _Party] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, batch: Batch, url: str) -> dict[str, Any]:
        """The object at the url (relative to the version). Raises GraphError."""
        party = self._parties.setdefault(batch, _Party())
        turn: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        party.waiting.append((url, turn))
        if len(party.waiting) == PARTS:
            self._begin(batch)
        elif party.timer is None:
            self._set(batch, party, LONG if self._expected() else SHORT)
        return await turn

    def hurry(self) -> None:
        """Nobody is expected any more."""
        for batch, party in self._parties.items():
            self._set(batch, party, SHORT)

    def _set(self, batch: Batch, party: _Party, seconds: float) -> None:
        if party.timer:
            party.timer.cancel()
        party.timer = asyncio.get_running_loop().call_later(seconds, self._begin, batch)

    def _begin(self, batch: Batch) -> None:
        party = self._parties.pop(batch)
        if party.timer:
            party.timer.cancel()
        task = asyncio.create_task(self._read(batch, party))
        self._tasks.add(task)  # the loop itself keeps no hold of a task
        task.add_done_callback(self._tasks.discard)

    async def _read(self, batch: Batch, party: _Party) -> None:
        waiting = [(url, turn) for url, turn in party.waiting if not turn.done()]
        parts: Sequence[dict[str, Any] | Exception]
        try:
            parts = await read_all(self._transport, batch, [url for url, _ in waiting])
        except Exception as exc:
            parts = [exc] * len(waiting)
        for (_, turn), part in zip(waiting, parts, strict=True):
            if turn.done():
                continue  # whoever asked was cancelled meanwhile
            if isinstance(part, Exception):
                turn.set_exception(part)
            else:
                turn.set_result(part)
