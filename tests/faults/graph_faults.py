"""Microsoft slow, and Microsoft saying: not now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from faults.invariants import Findings, look
from faults.registry import fault
from faults.stage import LEASE, Stage
from faults.subjects import OPERATIONS, Subjects

WRITES = ("restore", "autopilot")
REFUSED = 3
"""Calls that are told to wait."""


@fault("Graph slower than the lease", *OPERATIONS)
def slow(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Each call that matters takes longer than a lease lasts."""
    subject = subjects.take(operation)
    late = int(LEASE * 1000 + 500)
    stage.graph_faults({**_calls(operation), "latencyMs": late, "times": 6})
    with stage.crew():
        subject.start()
        subject.until_ended(within=90)
    seen = look(subject, injected=6)
    seen.demand(subject.row()["attempt"] == 1, "the lease was not kept")
    return seen


@fault("429 with Retry-After 1", *OPERATIONS, retry_after=1)
@fault("429 without Retry-After", *OPERATIONS, retry_after=None)
@fault("429 with a date", *OPERATIONS, retry_after="date")
@fault("429 with garbage", *OPERATIONS, retry_after="soon")
def throttled(stage: Stage, subjects: Subjects, operation: str, *, retry_after: int | str | None) -> Findings:
    """A storm of refusals that passes."""
    subject = subjects.take(operation)
    if retry_after == "date":
        retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    stage.graph_faults({**_calls(operation), "status": 429, "times": REFUSED, "retryAfter": retry_after})
    with stage.crew():
        subject.start()
        subject.until_ended(within=120)
    return look(subject, injected=REFUSED)


@fault("429 with Retry-After 120", *OPERATIONS)
def told_to_come_back(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """The run goes back to the queue for two minutes, which are spared us."""
    subject = subjects.take(operation)
    stage.graph_faults({**_calls(operation), "status": 429, "times": 1, "retryAfter": 120})
    worker = stage.worker()
    run = subject.start()
    row = stage.until(lambda: (row := subject.row())["not_before"] and row)
    pause = row["not_before"] - datetime.now(UTC)
    worker.process.kill()
    stage.sql("UPDATE operation_runs SET not_before = now(), dispatch_after = now() WHERE id = %s", run)
    with stage.crew():
        subject.until_ended()
    seen = look(subject)
    seen.demand(timedelta(seconds=100) < pause < timedelta(seconds=121), f"a pause of {pause}")
    seen.demand(row["crashes"] == 0, "the pause counts as a crash")
    return seen


def _calls(operation: str) -> dict[str, Any]:
    """The calls that are hit: those that write, where there are any."""
    return {"method": "POST", "path": "/assign"} if operation in WRITES else {"method": "GET"}
