"""Plugins that take their process down, never end, raise strange things, or are gone."""

from __future__ import annotations

from uuid import UUID

from faults.invariants import Findings, look
from faults.registry import fault
from faults.stage import LEASE, Stage, new_key
from faults.subjects import Subject, Subjects, start_work

DEADLY = ("exits the process", "spins without awaiting", "blocks the loop")
HOSTILE = (
    "raises SystemExit",
    "raises a group",
    "recurses in str",
    "raises 5 MB",
    "raises NUL and surrogates",
)
ENDLESS = ("does not end when cancelled", "blocks a thread")


@fault(f"a plugin {DEADLY[0]}", "restore", "autopilot", how=DEADLY[0])
@fault(f"a plugin {DEADLY[1]}", "restore", "autopilot", how=DEADLY[1])
@fault(f"a plugin {DEADLY[2]}", "restore", "autopilot", how=DEADLY[2])
def deadly(stage: Stage, subjects: Subjects, operation: str, *, how: str) -> Findings:
    """It takes its neighbours down with it, again and again; in the end it alone is given up."""
    poisonous = subjects.take("backup")
    subject = subjects.take(operation)
    stage.graph_faults({"latencyMs": 100})
    bad = _misbehave(poisonous, how)
    neighbour = start_work(poisonous.place, new_key(), items=20, milliseconds=100)
    subject.start()
    with stage.crew():
        subject.until_ended(within=120)
        poisonous.until_ended(within=120)
    seen = look(subject)
    row = _row(stage, bad)
    seen.injected = row["attempt"]
    said = (row["outcome"], row["failure_reason"])
    seen.demand(said == ("failed", "WORKER_LOST"), f"the bad run ended {said}")
    seen.demand(_row(stage, neighbour)["outcome"] == "succeeded", "its neighbour did not succeed")
    seen.add(look(poisonous, outcome=None))
    return seen


@fault("hostile exceptions", "misbehave")
def hostile(stage: Stage, subjects: Subjects, _operation: str) -> Findings:
    """Whatever is raised, the run ends as failed, and its worker lives on."""
    subject = subjects.take("backup")
    worker = stage.worker()
    runs = [_misbehave(subject, how) for how in HOSTILE]
    subject.until_ended()
    seen = look(subject, injected=len(runs), outcome=None)
    for run in runs:
        seen.demand(_row(stage, run)["outcome"] == "failed", "a run that raised did not fail")
    seen.demand(worker.process.poll() is None, "the worker ended")
    return seen


@fault("handlers that never end", "linger")
def endless(stage: Stage, subjects: Subjects, _operation: str) -> Findings:
    """The time limit ends their runs, and a worker that is asked to end does so all the same."""
    subject = subjects.take("backup")
    worker = stage.worker()
    runs = [_misbehave(subject, how, mutation="faultsLinger") for how in ENDLESS]
    neighbour = start_work(stage.home, new_key(), items=10, milliseconds=100)
    subject.until_ended()
    seen = look(subject, injected=len(runs), outcome=None)
    for run in runs:
        said = (_row(stage, run)["outcome"], _row(stage, run)["failure_reason"])
        seen.demand(said == ("failed", "TIME_LIMIT"), f"ended {said}")
    seen.demand(_row(stage, neighbour)["outcome"] == "succeeded", "the neighbour did not succeed")
    worker.process.terminate()
    stage.until(lambda: worker.process.poll() is not None, within=40)
    return seen


@fault("a plugin is removed", "work")
def removed(stage: Stage, subjects: Subjects, _operation: str) -> Findings:
    """Its queued runs, and one that was lost while it ran, end and say why; others go on."""
    subject = subjects.take("backup")
    worker = stage.worker()
    runs = [start_work(subject.place, new_key(), items=100, milliseconds=200)]
    stage.until(lambda: _row(stage, runs[0])["status"] == "running")
    stage.end_workers()
    runs += [start_work(subject.place, new_key()) for _ in range(3)]
    # As if they had waited long enough that no worker can be just restarting.
    stage.sql(
        "UPDATE operation_runs SET created_at = created_at - interval '1 hour' WHERE id = ANY (%s)", runs
    )
    subject.start()
    with stage.crew(ATLAS_LOAD_PLUGINS="assignments"):
        subject.until_ended(within=60 + LEASE)
    seen = look(subject, injected=len(runs))
    for run in runs:
        said = (_row(stage, run)["outcome"], _row(stage, run)["failure_reason"])
        seen.demand(said[1] == "UNKNOWN_OPERATION", f"ended {said}")
    seen.demand(worker.process.poll() is not None, "the first worker lives")
    return seen


def _misbehave(subject: Subject, how: str, *, mutation: str = "faultsMisbehave") -> UUID:
    place = subject.place
    started = place.start(mutation, {"tenantId": place.tenant_id, "how": how})
    return UUID(started["run"]["uuid"])


def _row(stage: Stage, run: UUID) -> dict[str, object]:
    return stage.sql("SELECT * FROM operation_runs WHERE id = %s", run)[0]
