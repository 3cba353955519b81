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
        self._present: set[UUID] = set()
        self._reserved: UUID | None = None
        self._until = 0.0

    def enter(self, run_id: UUID) -> bool:
        """Come in, unless the process is kept for another run, or the run is here already."""
        if run_id in self._present:
            return False
        if self._reserved not in (None, run_id) and time.monotonic() < self._until:
            return False
        self._present.add(run_id)
        return True

    def is_alone(self, run_id: UUID) -> bool:
        """Whether nothing but this run is here."""
        return self._present <= {run_id}

    def reserve(self, run_id: UUID) -> None:
        """Let nothing in but this run, until it has left, or did not come."""
        if self._reserved in (None, run_id) or time.monotonic() >= self._until:
            self._reserved = run_id
            self._until = time.monotonic() + RESERVED_FOR

    def leave(self, run_id: UUID) -> None:
        """Go; a run that was alone frees the process."""
        alone = self.is_alone(run_id)
        self._present.discard(run_id)
        if self._reserved == run_id and alone:
            self._reserved = None
