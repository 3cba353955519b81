"""What must hold after every fault, looked up in the database and in the simulated tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from atlas_gql.graph import fingerprint, parse_assignment
from atlas_gql.graph.contracts import contract_of
from faults.stage import Stage
from faults.subjects import Subject
from faults.tenants import doubled_posts, state_of

AUDITED = {"assignments.restore": "restore.executed", "assignments.fetch": "backup.started"}
WORDS = {"applied", "unchanged"}
"""Results that say: the policy holds now what the plan wanted."""


@dataclass(kw_only=True)
class Findings:
    """What was seen of a subject after its fault; `problems` are violations, in words."""

    injected: int = 1
    lost: int = 0
    doubled: int = 0
    lost_writes: int = 0
    audits: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def demand(self, holds: Any, problem: str) -> None:
        if not holds:
            self.problems.append(problem)

    def add(self, other: Findings) -> None:
        """Put the findings of another subject of the same fault to these."""
        self.lost += other.lost
        self.doubled += other.doubled
        self.lost_writes += other.lost_writes
        self.audits |= other.audits
        self.problems += other.problems


def look(subject: Subject, *, injected: int = 1, outcome: str | None = "succeeded") -> Findings:
    """The findings; `outcome` is what the runs must have ended with, None for any."""
    stage = subject.stage
    seen = Findings(injected=injected)
    rows = stage.sql(
        "SELECT * FROM operation_runs WHERE tenant_id = %s AND NOT internal", subject.place.tenant
    )
    ended = [row for row in rows if row["status"] == "completed"]
    seen.lost = len(rows) - len(ended)
    seen.demand(not seen.lost, f"{seen.lost} runs did not end")
    seen.demand(set(subject.runs) <= {row["id"] for row in rows}, "an accepted run is gone")
    for row in ended:
        _look_at_run(stage, row, seen)
        if outcome and row["id"] in subject.runs:
            said = (row["outcome"], row["failure_reason"])
            seen.demand(row["outcome"] == outcome, f"ended {said}, not {outcome}")
    _look_at_keys(stage, subject, seen)
    _look_at_tenant(subject, seen, whole=outcome == "succeeded")
    return seen


def _look_at_run(stage: Stage, row: dict[str, Any], seen: Findings) -> None:
    counted = stage.sql(
        """
        SELECT count(*) FILTER (WHERE state = 'succeeded') AS processed,
            count(*) FILTER (WHERE state = 'failed') AS failed,
            count(*) FILTER (WHERE state = 'skipped') AS skipped,
            count(*) FILTER (WHERE state = 'intent') AS open
        FROM run_items WHERE run_id = %s
        """,
        row["id"],
    )[0]
    told = {name: row[name] for name in ("processed", "failed", "skipped")}
    seen.demand(counted == {**told, "open": 0}, f"counters {told} of items {counted}")
    action = AUDITED.get(row["type"])
    if action:
        (entries,) = stage.sql(
            "SELECT count(*) AS n FROM audit_entries WHERE run_id = %s AND action = %s", row["id"], action
        )
        seen.audits.add(entries["n"])
        seen.demand(entries["n"] == 1, f"{entries['n']} audit entries {action}")


def _look_at_keys(stage: Stage, subject: Subject, seen: Findings) -> None:
    twice = stage.sql(
        """
        SELECT type, target FROM operation_runs WHERE tenant_id = %s AND status <> 'completed'
        GROUP BY type, target HAVING count(*) > 1
        """,
        subject.place.tenant,
    )
    seen.demand(not twice, f"active twice: {twice}")


def _look_at_tenant(subject: Subject, seen: Findings, *, whole: bool) -> None:
    """Compare each policy of the tenant with what its item claims."""
    seen.doubled = doubled_posts(subject.stage.simulator_url, subject.entra_id)
    seen.demand(not seen.doubled, f"{seen.doubled} writes were done twice")
    state = state_of(subject.stage.simulator_url, subject.entra_id)
    if subject.operation not in ("restore", "autopilot"):
        untouched = subject.healthy if subject.operation == "backup" else subject.damaged
        seen.demand(state == untouched, "a run that only reads has written")
        return
    if whole and state != subject.healthy:
        differing = [id_ for id_ in state if state[id_] != subject.healthy[id_]]
        seen.lost_writes += len(differing)
        seen.problems.append(f"{len(differing)} policies are not as planned")
        return
    for item in _planned(subject.stage, subject.runs):
        there = state[item["target_id"]]
        as_wanted = _print(item, there) == _print(item, item["desired"])
        as_before = _print(item, there) == item["base_hash"]
        if item["result"] in WORDS and not as_wanted:
            seen.lost_writes += 1
            seen.problems.append(f"{item['target_name']} is recorded as {item['result']} and is not")
        if item["result"] is None and not as_before:
            seen.problems.append(f"{item['target_name']} was written and nothing is recorded")


def _planned(stage: Stage, runs: list[UUID]) -> list[dict[str, Any]]:
    return stage.sql(
        """
        SELECT plan.*, item.result FROM operation_runs AS run
        JOIN restore_items AS plan ON plan.restore_run_id = run.subject_id AND plan.action = 'write'
        LEFT JOIN run_items AS item ON item.run_id = run.id AND item.key = plan.id::text
        WHERE run.id = ANY (%s) AND run.type = 'assignments.restore'
        """,
        runs,
    )


def _print(item: dict[str, Any], assignments: list[Any]) -> str:
    contract = contract_of(item["policy_type"])
    return fingerprint([parse_assignment(contract, raw) for raw in assignments])
