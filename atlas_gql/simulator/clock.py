"""The simulator's own time, which can be set, moved and stopped."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Gives Unix seconds: those of `base`, moved by what was asked for."""

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self._offset = 0.0
        self._stopped: float | None = None

    def __call__(self) -> float:
        return self._base() + self._offset if self._stopped is None else self._stopped

    @property
    def stopped(self) -> bool:
        return self._stopped is not None

    def advance(self, seconds: float) -> None:
        """Move the time, also a stopped one."""
        if self._stopped is None:
            self._offset += seconds
        else:
            self._stopped += seconds

    def set(self, now: float) -> None:
        """Let it be `now`."""
        self.advance(now - self())

    def stop(self, stopped: bool = True) -> None:
        """Stop the time, or let it run on from where it is."""
        now = self()
        self._stopped = now if stopped else None
        if not stopped:
            self._offset = now - self._base()

    def reset(self) -> None:
        """The time of `base` again."""
        self._offset, self._stopped = 0.0, None
