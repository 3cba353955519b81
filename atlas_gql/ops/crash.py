"""Named points at which a process kills itself when it is told to: proof of what recovers from it.

`ATLAS_CRASH_AT=after_intent` kills at the first pass of that point, `after_intent:3` at the third.
"""

from __future__ import annotations

import os
import signal

from atlas_gql.errors import ConfigurationError

VARIABLE = "ATLAS_CRASH_AT"

AFTER_CLAIM = "after_claim"
AFTER_INTENT = "after_intent"
"""The intent is committed, and nothing was sent."""
AFTER_GRAPH_WRITE = "after_graph_write"
"""Microsoft answered, and nobody has read it back."""
AFTER_RESULT = "after_result"
BEFORE_FINISH = "before_finish"
INSIDE_FINISH = "inside_finish"
"""Everything is written, and nothing committed."""
INSIDE_SWEEP = "inside_sweep"
"""The runs of the listeners are written, and nothing committed."""
AFTER_COMMIT_BEFORE_RING = "after_commit_before_ring"
"""In the web process: the run is there, and the queue does not know."""

POINTS = (
    AFTER_CLAIM,
    AFTER_INTENT,
    AFTER_GRAPH_WRITE,
    AFTER_RESULT,
    BEFORE_FINISH,
    INSIDE_FINISH,
    INSIDE_SWEEP,
    AFTER_COMMIT_BEFORE_RING,
)


class CrashPlan:
    """Where to crash, and after how many passes."""

    def __init__(self, told: str) -> None:
        """Raises ConfigurationError for a point that is not in POINTS."""
        self.point, _, passes = told.partition(":")
        if self.point not in POINTS or (passes and not passes.isdecimal()):
            raise ConfigurationError(f"{VARIABLE} is one of {', '.join(POINTS)}, or `<point>:<pass>`.")
        self._left = int(passes or 1)

    def passes(self, point: str) -> bool:
        """Count a pass; True when this is the one to end at."""
        if point != self.point:
            return False
        self._left -= 1
        return self._left == 0


_told = os.environ.get(VARIABLE)
_plan = CrashPlan(_told) if _told else None


def crash_here(point: str) -> None:
    """End the process at once, as kill -9 does, when this is the point that was named."""
    if _plan is not None and _plan.passes(point):
        os.kill(os.getpid(), signal.SIGKILL)
