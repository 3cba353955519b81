"""Processes that are killed, stopped and frozen."""

from __future__ import annotations

import signal
import time
from uuid import UUID

from atlas_gql.children import Child
from atlas_gql.ops import crash
from faults.invariants import Findings, look
from faults.registry import fault
from faults.stage import LEASE, Stage, is_frozen, thaw
from faults.subjects import OPERATIONS, SIZES, Subjects
from faults.tenants import document, load, state_of

WRITING = ("restore", "autopilot")


@fault("kill -9 after claim", *OPERATIONS, point=crash.AFTER_CLAIM)
@fault("kill -9 after intent", *WRITING, point=crash.AFTER_INTENT, passes=2)
@fault("kill -9 after Graph write", *WRITING, point=crash.AFTER_GRAPH_WRITE, passes=2)
@fault("kill -9 after result", "backup", "plan", point=crash.AFTER_RESULT)
@fault("kill -9 after result", *WRITING, point=crash.AFTER_RESULT, passes=2)
@fault("kill -9 before finish", *OPERATIONS, point=crash.BEFORE_FINISH)
@fault("kill -9 inside finish", *OPERATIONS, point=crash.INSIDE_FINISH)
def killed(stage: Stage, subjects: Subjects, operation: str, *, point: str, passes: int = 1) -> Findings:
    """A worker dies at a point; the next one goes on."""
    subject = subjects.take(operation)
    doomed = stage.worker(ATLAS_CRASH_AT=f"{point}:{passes}")
    subject.start()
    stage.until(lambda: doomed.process.poll() is not None)
    with stage.crew():
        subject.until_ended()
    seen = look(subject)
    seen.demand(doomed.process.returncode == -signal.SIGKILL, "it did not die of the fault")
    return seen


@fault("kill -9 with a child, after claim", "drift", point=crash.AFTER_CLAIM, passes=2)
@fault("kill -9 with a child, after result", "drift", point=crash.AFTER_RESULT)
@fault("kill -9 with a child, before finish", "drift", point=crash.BEFORE_FINISH)
@fault("kill -9 with a child, inside finish", "drift", point=crash.INSIDE_FINISH)
@fault("kill -9 after a child's end", "drift", point=crash.BEFORE_FINISH, passes=2)
def killed_with_child(
    stage: Stage, subjects: Subjects, operation: str, *, point: str, passes: int = 1
) -> Findings:
    """A worker dies with a run and what it waits for; the run goes on, and waits for the same one."""
    seen = killed(stage, subjects, operation, point=point, passes=passes)
    (run,) = stage.sql("SELECT * FROM operation_runs WHERE type = 'drift.check' ORDER BY id DESC LIMIT 1")
    children = stage.sql("SELECT outcome FROM operation_runs WHERE parent_run_id = %s", run["id"])
    seen.demand(children == [{"outcome": "succeeded"}], f"its children ended {children}")
    found = len(run["result"]["policies"]) if run["result"] else None
    seen.demand(found == sum(SIZES[operation]), f"{found} policies had drifted")
    return seen


@fault("kill -9 three times", *OPERATIONS)
def killed_again(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Whoever claims the run dies: it ends as failed, and is audited all the same."""
    subject = subjects.take(operation)
    subject.start()
    with stage.crew(ATLAS_CRASH_AT=crash.AFTER_CLAIM):
        subject.until_ended(within=90)
    seen = look(subject, injected=3, outcome="failed")
    seen.demand(subject.row()["failure_reason"] == "WORKER_LOST", "not WORKER_LOST")
    return seen


@fault("kill -9 of web before ring", *OPERATIONS)
def web_killed(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """The API dies between commit and ring; a client that asks again is given the same run."""
    subject = subjects.take(operation)
    doomed, url = stage.api(ATLAS_CRASH_AT=crash.AFTER_COMMIT_BEFORE_RING)
    subject.try_to_start(url)
    subject.runs += _active(stage, subject.place.tenant)
    first = subject.start()
    with stage.crew():
        subject.until_ended()
    if "idempotencyKey" in subject.given:
        subject.start()
    seen = look(subject)
    seen.demand(subject.runs == [first], f"{len(subject.runs)} runs for one start")
    seen.demand(doomed.process.wait(5) == -signal.SIGKILL, "it did not die of the fault")
    return seen


@fault("kill -9 in a restore of 200", "restore")
def killed_in_a_large_restore(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Two workers are alive; the one that carries the run is killed in the middle."""
    subject = subjects.take(operation, size=(200, 0))
    workers = [stage.worker(), stage.worker()]
    subject.start()
    began = stage.until(lambda: subject.row()["started_at"] and time.monotonic())
    subject.until_begun(items=60)
    doomed = subject.row()["worker"].split(":")[1]
    killed_at = time.monotonic()
    (carrier,) = (child for child in workers if str(child.process.pid) == doomed)
    carrier.process.kill()
    done = subject.items()
    remaining = (killed_at - began) * (200 - done) / done
    subject.until_ended(within=180)
    took = time.monotonic() - killed_at
    seen = look(subject)
    seen.demand(60 <= done < 200, f"{done} items at the kill")
    # Lease and reaping, and the remaining work at twice the pace seen before; writes are rationed.
    seen.demand(took < 2 * LEASE + 5 + 2 * remaining, f"took {took:.0f} seconds after the kill")
    return seen


@fault("SIGTERM, killed after 0.3 s", *OPERATIONS)
def hurried(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """A platform asks a worker to end, and does not wait."""
    subject = subjects.take(operation)
    stage.graph_faults({"latencyMs": 400})
    worker = stage.worker()
    subject.start()
    subject.until_begun()
    worker.process.terminate()
    time.sleep(0.3)
    worker.process.kill()
    stage.graph_faults()
    with stage.crew():
        subject.until_ended()
    return look(subject)


@fault("SIGTERM, in order", *OPERATIONS)
def asked_to_end(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """A worker that is asked to end gives its run back, and no crash is held against it."""
    subject = subjects.take(operation)
    stage.graph_faults({"latencyMs": 400})
    worker = stage.worker()
    subject.start()
    subject.until_begun()
    worker.process.terminate()
    code = worker.process.wait(30)
    stage.graph_faults()
    crashes = subject.row()["crashes"]
    with stage.crew():
        subject.until_ended()
    seen = look(subject)
    seen.demand((code, crashes) == (0, 0), f"exit code {code}, {crashes} crashes")
    return seen


@fault("SIGSTOP after intent, SIGCONT", *WRITING, point=crash.AFTER_INTENT)
@fault("SIGSTOP after write, SIGCONT", *WRITING, point=crash.AFTER_GRAPH_WRITE)
@fault("SIGSTOP after result, SIGCONT", *OPERATIONS, point=crash.AFTER_RESULT)
@fault("SIGSTOP before finish, SIGCONT", *OPERATIONS, point=crash.BEFORE_FINISH)
@fault("SIGSTOP inside finish, SIGCONT", "restore", point=crash.INSIDE_FINISH)
@fault("CONTROL: no fence, SIGSTOP", "autopilot", point=crash.AFTER_INTENT, control=True, unfenced=True)
def frozen(
    stage: Stage, subjects: Subjects, operation: str, *, point: str, unfenced: bool = False
) -> Findings:
    """A worker freezes past its lease, another finishes the run, then the first goes on."""
    subject = subjects.take(operation)
    first = _freezing(stage, point, unfenced=unfenced)
    subject.start()
    stage.until(lambda: is_frozen(first))
    with stage.crew():
        subject.until_ended(within=90)
        thaw(first)
        time.sleep(LEASE)
    return look(subject)


@fault("SIGSTOP, then a person's change", "restore")
@fault("CONTROL: no fence, a person's change", "restore", control=True, unfenced=True)
def frozen_over_a_change(
    stage: Stage, subjects: Subjects, operation: str, *, unfenced: bool = False
) -> Findings:
    """As above; before the first worker goes on, a person changes the tenant: that must stay."""
    subject = subjects.take(operation)
    first = _freezing(stage, crash.AFTER_INTENT, unfenced=unfenced)
    subject.start()
    stage.until(lambda: is_frozen(first))
    with stage.crew():
        subject.until_ended(within=90)
        seen = look(subject)
        changed = document(subject.entra_id, policies=len(subject.healthy), profiles=0, damaged=True)
        load(stage.simulator_url, subject.entra_id, changed)
        thaw(first)
        time.sleep(LEASE)
    now = state_of(stage.simulator_url, subject.entra_id)
    overwritten = sum(now[id_] != subject.damaged[id_] for id_ in now)
    seen.lost_writes += overwritten
    seen.demand(not overwritten, f"a person's change of {overwritten} policies was overwritten")
    return seen


def _freezing(stage: Stage, point: str, *, unfenced: bool) -> Child:
    env = {"ATLAS_CRASH_AT": point, "ATLAS_FAULTS_FREEZE": "1"}
    return stage.worker(**env, **({"ATLAS_FAULTS_UNFENCED": "1"} if unfenced else {}))


def _active(stage: Stage, tenant: UUID) -> list[UUID]:
    rows = stage.sql("SELECT id FROM operation_runs WHERE tenant_id = %s AND status <> 'completed'", tenant)
    return [row["id"] for row in rows]
