"""What backups and restores cost against Microsoft Graph: `make bench-graph`.

A worker, the simulator and PostgreSQL are processes of their own, all on this machine; the simulator answers
after 20 ms. Policies are of the settings catalog, whose pages of 25 are the smallest. Calls are those that
Microsoft would see, CPU is the worker's (or the script's) own, memory its peak over what it held when idle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from atlas_gql.children import Children, children
from atlas_gql.providers.sealing import generate_key
from atlas_gql.simulator import DEMO_TENANT, Running, State, large_state
from atlas_gql.simulator.journal import Journal
from atlas_gql.testing.installation import PLAIN, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from graph_baselines import Script
from processes import cpu_of, memory_of

LATENCY = 0.02
SIZES = (1_000, 10_000)
CHANGED = 1_000
PATH = "deviceManagement/configurationPolicies"
WRITERS = 3
CONFIRM = {"confirmation": DEMO_TENANT.domain, "reason": "measured", "acknowledgeAllWarnings": True}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; `per` is how many policies the costs are divided by."""

    what: str
    seconds: float
    calls: int
    cpu: float
    per: int
    memory: float | None = None
    floor: float | None = None
    result: Any = None

    def text(self, first: Row) -> str:
        floor = "" if self.floor is None else f"{self.seconds / self.floor:.2f}"
        faster = first.seconds / first.per / (self.seconds / self.per)
        memory = "" if self.memory is None else f"{self.memory:.0f} MB"
        return (
            f"{self.what:42} {self.seconds:>7.2f} s {faster:>6.1f} {floor:>6}"
            f" {self.calls:>6} {self.calls / self.per:>7.2f} {self.cpu / self.per * 1e3:>7.2f} ms {memory:>7}"
        )


HEADER = (
    f"{'what':42} {'wall':>9} {'faster':>6} {'floors':>6} {'calls':>6} {'each':>7} {'CPU each':>10}"
    f" {'memory':>7}"
)


class Bench:
    """A tenant at the simulator's, and a way to measure what is done to it."""

    def __init__(self, family: Children, folder: Path, database: TestDatabase, key: str, url: str) -> None:
        self._family = family
        self._folder = folder
        self._database = database
        self._key = key
        self.url = url
        self._workers = 0

    def load(self, size: int, *, damaged: int = 0) -> None:
        """Make the tenant, of this size."""
        state = large_state(size, paths=[PATH], damaged=damaged)
        self._control("POST", "load", json=state.export())

    def calls(self) -> int:
        """How many calls there were since the last time."""
        journal = self._control("GET", "journal").json()
        self._control("DELETE", "journal")
        return sum("batch" not in c and c["path"].startswith(("/beta", "/v1.0")) for c in journal)

    def _control(self, method: str, name: str, **more: Any) -> httpx.Response:
        url = f"{self.url}/_simulator/{name}"
        answer = httpx.request(method, url, timeout=120, verify=PLAIN, trust_env=False, **more)
        answer.raise_for_status()
        return answer

    @contextmanager
    def _worker(self) -> Iterator[int]:
        """The pid of a fresh worker."""
        self._workers += 1
        ready = self._folder / f"ready-{self._workers}"
        script = Path(__file__).with_name("graph_worker.py")
        child = self._family.script(script, self._database.url, self._key, self.url, str(ready))
        self._family.url_of(child, ready)
        time.sleep(1)
        try:
            yield child.process.pid
        finally:
            child.end()

    def run(
        self, place: Place, what: str, mutation: str, given: dict[str, Any], *, per: int, floor: float | None
    ) -> tuple[Row, dict[str, Any]]:
        """What a run costs in a worker that does nothing else."""
        with self._worker() as pid:
            self.calls()
            idle, before = memory_of(pid, peak=False), cpu_of(pid)
            started = place.start(mutation, given)
            self._wait(started["run"]["uuid"])
            time.sleep(0.1)
            cpu, memory = cpu_of(pid) - before, memory_of(pid, peak=True) - idle
            ended = place.wait(started["run"]["id"])
        assert ended["outcome"] == "SUCCEEDED", ended
        with psycopg.connect(self._database.admin_url) as connection:
            query = "SELECT extract(epoch FROM finished_at - started_at) FROM operation_runs WHERE id = %s"
            (seconds,) = connection.execute(query, (started["run"]["uuid"],)).fetchone() or (0,)
        row = Row(
            what=what,
            seconds=float(seconds),
            calls=self.calls(),
            cpu=cpu,
            per=per,
            memory=memory,
            floor=floor,
        )
        return row, ended

    def _wait(self, run_id: str) -> None:
        """Wait in the database, which costs the others nothing."""
        with psycopg.connect(self._database.admin_url, autocommit=True) as connection:
            query = "SELECT status FROM operation_runs WHERE id = %s"
            while (connection.execute(query, (run_id,)).fetchone() or ("",))[0] != "completed":
                time.sleep(0.05)

    def script(self, what: str, work: Callable[[Script], Any], *, per: int) -> Row:
        """What a script costs."""
        script = Script(self.url)
        self.calls()
        wall, cpu = time.perf_counter(), time.thread_time()
        result = work(script)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        script.close()
        return Row(what=what, seconds=wall, calls=self.calls(), cpu=cpu, per=per, result=result)


def measure(bench: Bench, place: Place) -> tuple[list[Row], list[Row]]:
    """The rows for backups, and those for restores."""
    fetches, restores, plans = [], [], []
    tenant = {"tenantId": place.tenant_id}
    bench.load(CHANGED)
    fetches.append(bench.script("script: one by one, 1,000", Script.fetch_one_by_one, per=CHANGED))
    fetches.append(bench.script("script: $batch after $batch, 1,000", Script.fetch_in_batches, per=CHANGED))
    wanted = bench.script("", Script.fetch_in_batches, per=CHANGED).result
    for what, work in (
        ("script: one by one, 1,000", Script.restore_one_by_one),
        ("script: $batch after $batch, 1,000", Script.restore_in_batches),
    ):
        bench.load(CHANGED, damaged=CHANGED)
        restores.append(bench.script(what, lambda s, work=work: work(s, wanted), per=CHANGED))
    for size in SIZES:
        bench.load(size)
        floor = bench.script(f"floor: Atlas's calls alone, {size:,}", Script.calls_alone, per=size)
        fetches.append(floor)
        row, backup = bench.run(
            place,
            f"Atlas: {size:,}",
            "fetchAssignments",
            {**tenant, "policyTypes": ["configurationPolicies"]},
            per=size,
            floor=floor.seconds,
        )
        fetches.append(row)
        bench.load(size, damaged=CHANGED)
        given = {**tenant, "backupSetId": backup["subject"]["id"]}
        row, planned = bench.run(
            place, f"Atlas: plan of {size:,}", "planAssignmentRestore", given, per=size, floor=None
        )
        plans.append(row)
        query = "query Q($id: ID!) { node(id: $id) { ... on RestoreRun { planDigest } } }"
        plan = place.ask(query, id=planned["subject"]["id"])["data"]["node"]
        given = {
            "restoreRunId": planned["subject"]["id"],
            "planDigest": plan["planDigest"],
            "idempotencyKey": plan["planDigest"],
            **CONFIRM,
        }
        row, _ = bench.run(
            place,
            f"Atlas: 1,000 of {size:,} change",
            "restoreAssignments",
            given,
            per=CHANGED,
            floor=2 * LATENCY * CHANGED / WRITERS,
        )
        restores.append(row)
    return fetches, restores + plans


def main() -> None:
    folder = Path(__file__).parent.parent / ".atlas" / "bench-postgres"
    key = generate_key()
    with fresh_database(folder) as database, children(quiet=True) as (family, made):
        simulator = family.start(
            "simulator", "--latency-ms", f"{LATENCY * 1000:.0f}", "--url-file", str(made / "simulator.url")
        )
        url = family.url_of(simulator, made / "simulator.url")
        running = Running(url=url, state=State(), journal=Journal())
        with installation(database, simulator=running, worker=False, secret_key=key) as atlas:
            tables = measure(Bench(family, made, database, key, url), atlas.new_place())
    for title, rows in zip(("backup", "restore"), tables, strict=True):
        print(f"{title}\n{HEADER}")
        for row in rows:
            print(row.text(rows[0]))
        print()


if __name__ == "__main__":
    main()
