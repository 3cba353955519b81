"""Many runs of a workspace: watched together until all of them have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from atlas_gql.client.api import Api
from atlas_gql.client.runs import PATIENCE

BETWEEN = 1.0
"""Seconds between two looks: each costs a page for every hundred runs."""
SURE_EVERY = 10
"""Looks after which one of the runs that are waited for is asked for by itself."""


def watch_all(
    api: Api,
    workspace_id: str,
    runs: Collection[Mapping[str, Any]],
    types: list[str],
    tell: Callable[[Mapping[str, Mapping[str, Any]]], None],
) -> dict[str, Mapping[str, Any]]:
    """These runs of these types by id, once they have ended; `tell` is given those that have, at each look.

    Raises NoAnswer when the API was away for longer than PATIENCE, and NotAllowed when a run is gone.
    """
    looks = 0
    left = {run["id"] for run in runs}
    ended: dict[str, Mapping[str, Any]] = {}
    earliest = min((datetime.fromisoformat(run["createdAt"]) for run in runs), default=None)
    while left and earliest is not None:
        since = (earliest - timedelta(milliseconds=1)).isoformat()
        wanted = {"type": types, "createdAfter": since, "status": ["COMPLETED"]}
        for run in api.pages(
            "runs_since", "workspace", "runs", id=workspace_id, filter=wanted, patience=PATIENCE
        ):
            if run["id"] in left:
                left.remove(run["id"])
                ended[run["id"]] = run
        tell(ended)
        if not left:
            break
        looks += 1
        if looks % SURE_EVERY == 0:
            # What was purged, or may be seen no longer, would be waited for in vain.
            api.node("run_progress", "OperationRun", next(iter(left)), patience=PATIENCE)
        time.sleep(BETWEEN)
    return ended
