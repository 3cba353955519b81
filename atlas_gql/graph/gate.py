"""How many calls may be in flight at once, by what Microsoft said of the last ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """At most `most` places; half of them after a refusal, one more for each round that went well."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._room = float(most)
        self._inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def busy(self) -> bool:
        """Whether anybody is inside, or waits to come in."""
        return self._inside > 0 or any(not turn.done() for turn in self._queue)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place, in the order of asking."""
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place was given in the same moment
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    def halve(self) -> None:
        """Microsoft asked for less; those inside finish."""
        self._room = max(1.0, self._room / 2)

    def widen(self) -> None:
        """A call went well."""
        self._room = min(float(self._most), self._room + 1 / self._room)
        self._admit()

    def _leave(self) -> None:
        self._inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._inside < int(self._room):
            turn = self._queue.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
