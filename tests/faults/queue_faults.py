"""A doorbell that rings too often, not at all, or in a strange voice."""

from __future__ import annotations

import secrets

import orjson
from huey.registry import Message

from atlas_gql.ops.queue import SignedJson
from atlas_gql.providers.sealing import Sealer
from faults.invariants import Findings, look
from faults.registry import fault
from faults.stage import Stage
from faults.subjects import OPERATIONS, Subjects

_PUT = "INSERT INTO huey_task (queue, data, priority) VALUES ('atlas', %s, 0)"


@fault("the same message 8 times", *OPERATIONS)
def repeated(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """Two workers find eight messages of one run."""
    subject = subjects.take(operation)
    subject.start()
    stage.sql(
        "INSERT INTO huey_task (queue, data, priority)"
        " SELECT queue, data, priority FROM huey_task, generate_series(1, 7)"
    )
    copies = stage.sql("SELECT count(*) AS n FROM huey_task")[0]["n"]
    with stage.crew(2):
        subject.until_ended()
    seen = look(subject, injected=copies)
    seen.demand(copies == 8 and subject.row()["attempt"] == 1, f"{copies} copies, not one attempt")
    return seen


@fault("the queue is emptied", *OPERATIONS)
def emptied(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """The message is gone before any worker saw it."""
    subject = subjects.take(operation)
    subject.start()
    stage.sql("DELETE FROM huey_task")
    with stage.crew():
        subject.until_ended()
    return look(subject)


@fault("garbage and forged messages", *OPERATIONS)
def forged(stage: Stage, subjects: Subjects, operation: str) -> Findings:
    """What this installation did not sign, and what it could not have meant, disturbs nothing."""
    subject = subjects.take(operation)
    run = subject.start()
    stage.sql("DELETE FROM huey_task")
    ours = SignedJson(Sealer.from_text(stage.key).derive("queue"))
    theirs = SignedJson([secrets.token_bytes(32)])
    type_ = subject.row()["type"]

    def message(run_id: str, task: str = type_) -> Message:
        return Message(
            id="m", name=f"atlas.{task}", retries=0, retry_delay=0, args=(), kwargs={"run_id": run_id}
        )

    known = ours.serialize(message(str(run)))
    messages = [
        b"",
        secrets.token_bytes(200),
        orjson.dumps({"v": 1, "id": "m", "task": type_, "run": str(run)}),
        theirs.serialize(message(str(run))),
        known[:-1] + b" ",
        ours.serialize(message("01a20714-0000-7000-8000-000000000000")),
        ours.serialize(message("not an id")),
        ours.serialize(message(str(run), "no.such")),
    ]
    for data in messages:
        stage.sql(_PUT, data)
    with stage.crew():
        subject.until_ended()
    return look(subject, injected=len(messages))
