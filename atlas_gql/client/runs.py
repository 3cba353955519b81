"""Runs: watched until they end, whatever happens to the connection meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from atlas_gql.client.api import Api

PATIENCE = 600.0
"""Seconds for which a run is watched on while the API does not answer."""
QUICKEST, SLOWEST = 0.2, 2.0
"""Seconds between two looks at a run; a long one is looked at less often."""


def watch(api: Api, run_id: str, tell: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """The run once it has ended; `tell` is given its counters each time it was looked at.

    Raises NoAnswer when the API was away for longer than PATIENCE.
    """
    pause = QUICKEST
    while True:
        seen = api.node("run_progress", "OperationRun", run_id, patience=PATIENCE)
        tell(seen["counters"])
        if seen["status"] == "COMPLETED":
            return api.node("run", "OperationRun", run_id, patience=PATIENCE)
        time.sleep(pause)
        pause = min(pause * 1.1, SLOWEST)
