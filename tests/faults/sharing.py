"""Many at once: reapers, cancellations, tenants, workers."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from atlas_gql.db.database import Database
from atlas_gql.ops.dispatcher import Dispatcher
from atlas_gql.schema import ids
from faults.invariants import Findings, look
from faults.registry import fault
from faults.stage import LEASE, Stage, new_key
from faults.subjects import Subject, Subjects, start_work

CANCEL = """
mutation Cancel($id: ID!) { cancelRun(input: {runId: $id}) { __typename } }
"""


@fault("two reapers", "restore", reapers=2)
@fault("eight reapers", "restore", reapers=8)
def reaped(stage: Stage, subjects: Subjects, operation: str, *, reapers: int) -> Findings:
    """A worker dies with three runs, one of them asked to end; all reapers find them at once."""
    cancelled, subject, other = (subjects.take(kind) for kind in (operation, operation, "backup"))
    stage.graph_faults({"latencyMs": 700})
    worker = stage.worker()
    work = start_work(other.place, new_key(), items=100, milliseconds=100)
    for one in (cancelled, subject):
        one.start()
    for one in (cancelled, subject):
        # Not an item more: on a busy machine one of them might end before the other begins.
        one.until_begun(items=0)
    worker.process.kill()
    _cancel(cancelled, cancelled.runs[0])
    runs = [cancelled.runs[0], subject.runs[0], work]
    stage.until(lambda: all(row["late"] for row in _rows(stage, runs)), within=3 * LEASE)
    stage.on_loop(_reap(stage, reapers))
    rows = _rows(stage, runs)
    stage.graph_faults()
    with stage.crew():
        for one in (subject, other):
            one.until_ended()
    seen = look(subject, injected=reapers)
    seen.add(look(cancelled, outcome="cancelled"))
    seen.add(look(other, outcome=None))
    found = [(row["status"], row["crashes"]) for row in rows]
    seen.demand(found == [("completed", 0), ("queued", 1), ("queued", 1)], f"the reapers left {found}")
    return seen


async def _reap(stage: Stage, count: int) -> None:
    async def ring(_run: UUID, _type: str) -> None:
        """Nobody listens."""

    async with AsyncExitStack() as stack:
        reapers = []
        for n in range(count):
            database = Database(stage.database.url, max_connections=2)
            await database.open()
            stack.push_async_callback(database.close)
            types = dict.fromkeys(("assignments.restore", "assignments.fetch", "faults.work"))
            reapers.append(Dispatcher(database, types, ring, worker=f"reaper {n}", threads=1))
        await asyncio.gather(*(reaper.reap() for reaper in reapers))


@fault("cancel against claim and finish", "restore", "autopilot", "backup")
def cancelled_anywhere(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Runs are cancelled at any moment of their short lives."""
    chosen = [subjects.take(operation) for _ in range(6)]
    chance = random.Random(7)
    seen = Findings(injected=len(chosen))
    with stage.crew(2):
        stage.until(lambda: stage.sql("SELECT name FROM workers OFFSET 1"))
        for subject in chosen:
            run = subject.start()
            timer = threading.Timer(chance.uniform(0, 0.35), _cancel, (subject, run))
            timer.start()
            timer.join()
        for subject in chosen:
            subject.until_ended()
    for subject in chosen:
        seen.add(look(subject, outcome=None))
        outcome = subject.row()["outcome"]
        seen.demand(outcome in ("cancelled", "succeeded"), f"a cancelled run ended {outcome}")
    return seen


@fault("cancel, and the asker dies", "restore", "backup")
def cancel_left_over(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Asked for and committed; the process that was to end the queued run is gone."""
    subject = subjects.take(operation)
    run = subject.start()
    stage.sql("UPDATE operation_runs SET cancel_requested_at = now() WHERE id = %s", run)
    with stage.crew():
        subject.until_ended()
    return look(subject, outcome="cancelled")


@fault("cancel against reap", "restore", "autopilot")
def cancel_of_the_lost(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """A run whose worker was killed is asked to end before anybody noticed."""
    subject = subjects.take(operation)
    stage.graph_faults({"latencyMs": 300})
    worker = stage.worker()
    run = subject.start()
    subject.until_begun()
    worker.process.kill()
    _cancel(subject, run)
    with stage.crew(2):
        subject.until_ended()
    return look(subject, outcome="cancelled")


@fault("500 runs of one tenant", "backup")
def crowded(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Another tenant's run, started last, does not wait for them."""
    crowd, subject = subjects.take("backup"), subjects.take(operation)
    for n in range(500):
        start_work(crowd.place, str(n), milliseconds=50)
    subject.start()
    with stage.crew():
        subject.until_ended()
        behind = stage.sql(
            "SELECT count(*) AS n FROM operation_runs WHERE tenant_id = %s AND status = 'completed'",
            crowd.place.tenant,
        )[0]["n"]
        crowd.until_ended(within=240)
    seen = look(subject, injected=500)
    seen.add(look(crowd, outcome=None))
    seen.demand(behind < 150, f"{behind} runs of the other tenant went before it")
    return seen


@fault("40 runs, 8 tenants, 2 workers", "write", "work")
def shared(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """At most two runs of a tenant at once, one of them writing, and nobody waits for another's queue."""
    tenants = [subjects.take("backup") for _ in range(8)]
    for subject in tenants:
        for n in range(5):
            writes = operation == "write" and n % 2 == 0
            subject.runs.append(
                start_work(subject.place, new_key(), items=3, milliseconds=100, writes=writes)
            )
    with stage.crew(2):
        for subject in tenants:
            subject.until_ended()
    seen = Findings(injected=40)
    rows = []
    for subject in tenants:
        seen.add(look(subject))
        mine = _rows(stage, subject.runs)
        seen.demand(_at_once(mine) <= 2, f"{_at_once(mine)} runs of a tenant at once")
        writing = [row for row in mine if row["writes"]]
        seen.demand(_at_once(writing) <= 1, "two runs wrote to a tenant at once")
        rows.append(sorted(row["started_at"] for row in mine))
    last_to_begin = max(starts[0] for starts in rows)
    seen.demand(
        all(last_to_begin < starts[-1] for starts in rows), "a tenant began after another's queue was done"
    )
    return seen


def _at_once(rows: list[dict[str, Any]]) -> int:
    """The greatest number of runs whose lives overlap."""
    return max(
        (
            sum(other["started_at"] <= row["started_at"] < other["finished_at"] for other in rows)
            for row in rows
        ),
        default=0,
    )


def _rows(stage: Stage, runs: list[UUID]) -> list[dict[str, Any]]:
    rows = stage.sql(
        "SELECT *, lease_until < clock_timestamp() AS late FROM operation_runs WHERE id = ANY (%s)", runs
    )
    return sorted(rows, key=lambda row: runs.index(row["id"]))


def _cancel(subject: Subject, run: UUID) -> None:
    answer = subject.place.ask(CANCEL, id=ids.encode("OperationRun", run))
    assert not answer.get("errors"), answer
