"""PostgreSQL that is restarted, and connections that break."""

from __future__ import annotations

import time
from datetime import timedelta

from atlas_gql.children import Child
from faults.invariants import Findings, look
from faults.registry import fault
from faults.stage import LEASE, Stage, new_key
from faults.subjects import OPERATIONS, Subject, Subjects, start_work

SLOW = {"backup": 900, "plan": 900, "restore": 150, "autopilot": 150}
"""Milliseconds that each call to Graph takes, so that there is a middle of the run."""
_CUT = """
    SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
    WHERE usename = 'atlas_app' AND datname = current_database()
"""


@fault("PostgreSQL restarts, fast", *OPERATIONS, how="fast")
@fault("PostgreSQL restarts, immediate", *OPERATIONS, how="immediate")
def restarted(stage: Stage, subjects: Subjects, operation: str, *, how: str) -> Findings:
    """The server goes away in the middle of a run, and comes back; the worker stays."""
    subject = subjects.take(operation)
    stage.graph_faults({"latencyMs": SLOW[operation]})
    worker = _begun(stage, subject)
    stage.server.restart(how)
    subject.until_ended(within=90)
    seen = look(subject)
    seen.demand(worker.process.poll() is None, "the worker ended")
    return _and_goes_on(stage, seen)


@fault("connections cut in a loop", *OPERATIONS)
def cut(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """For some seconds no connection lives longer than a moment."""
    subject = subjects.take(operation)
    stage.graph_faults({"latencyMs": SLOW[operation]})
    worker = _begun(stage, subject)
    broken = 0
    end = time.monotonic() + 3 * LEASE
    while time.monotonic() < end:
        broken += stage.sql(_CUT)[0]["n"]
        time.sleep(0.25)
    subject.until_ended(within=90)
    seen = look(subject, injected=broken)
    seen.demand(worker.process.poll() is None, "the worker ended")
    return _and_goes_on(stage, seen)


def _begun(stage: Stage, subject: Subject) -> Child:
    worker = stage.worker()
    subject.start()
    subject.until_begun()
    return worker


def _and_goes_on(stage: Stage, seen: Findings) -> Findings:
    """The same worker, and the same API, still take up something new, and at once."""
    stage.graph_faults()
    run = start_work(stage.home, new_key())
    row = stage.until(
        lambda: stage.sql("SELECT * FROM operation_runs WHERE id = %s AND outcome = 'succeeded'", run)
    )[0]
    took = row["finished_at"] - row["created_at"]
    seen.demand(took < timedelta(seconds=3), f"the next run took {took}")
    return seen
