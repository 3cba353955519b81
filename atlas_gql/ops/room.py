"""Who shares this worker process: a run that crashed before is carried alone.

A run that takes its process down takes its neighbours down with it. Carried alone, only the guilty one
crashes again; so a suspect reserves the process, and what comes meanwhile stays in the queue.
"""

from __future__ import annotations

import time
from uuid import UUID

RESERVED_FOR = 120.0
"""Seconds for which a process is kept free for a suspect that does not come."""


class Room:
    """The runs that one process carries; used on its event loop only."""

    def __init__(self) -> None:
        self._present: dict[UUID, UUID | None] = {}
        """Each with the run that it is inside of: which started it, and waits for it."""
        self._reserved: UUID | None = None
        self._until = 0.0

    def enter(self, run_id: UUID, *, inside: UUID | None = None) -> bool:
        """Come in, unless the process is kept for another run, or the run is here already.

        What is inside of a run that is here comes in always: that run would not end without it.
        """
        if run_id in self._present:
            return False
        if inside is None and self._reserved not in (None, run_id) and time.monotonic() < self._until:
            return False
        self._present[run_id] = inside
        return True

    def is_alone(self, run_id: UUID) -> bool:
        """Whether nothing but this run is here, and what waits for it."""
        waiting: set[UUID] = set()
        at: UUID | None = run_id
        while at is not None:
            waiting.add(at)
            at = self._present.get(at)
        return self._present.keys() <= waiting

    def reserve(self, run_id: UUID) -> None:
        """Let nothing in but this run, until it has left, or did not come."""
        if self._reserved in (None, run_id) or time.monotonic() >= self._until:
            self._reserved = run_id
            self._until = time.monotonic() + RESERVED_FOR

    def leave(self, run_id: UUID) -> None:
        """Go; a run that was alone frees the process."""
        alone = self.is_alone(run_id)
        self._present.pop(run_id, None)
        if self._reserved == run_id and alone:
            self._reserved = None
