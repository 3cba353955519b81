"""What reading costs: `make bench-api`.

`atlas serve` and a hand-written endpoint are processes of their own beside PostgreSQL; both are asked the
same three things of the same database, in turn. CPU is each process's own user and system time; the
client's is not counted. `make bench-api ARGS="--only Q3 --runs 100"` asks less, of less: some seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import uvloop

import api_load
from api_data import RUNS as RUNS_OF_TENANT
from api_data import TENANTS, Data, fill
from api_queries import AUDIT, RUN, RUNS
from atlas_gql.children import children
from atlas_gql.providers.sealing import generate_key
from atlas_gql.schema import ids
from atlas_gql.testing.postgres import fresh_database
from processes import cpu_of

CONNECTIONS, ROUNDS, SECONDS, WARM = (1, 16, 64), 3, 2.0, 0.5
QUERIES = {"Q1": RUNS, "Q2": AUDIT, "Q3": RUN}
TARGETS = {"Q1": 3.8, "Q2": 6.3, "Q3": 0.52}
"""Milliseconds of the server's CPU; a third more is granted for row-level security."""
THERE = {"Q1": 0.187, "Q2": 0.197, "Q3": 0.130}
"""What the same took by hand on the machine of the targets: so much slower is whatever this runs on."""


@dataclass(kw_only=True)
class Cell:
    """What one variant took for one query over so many connections."""

    cpu: float = 0.0
    postgres: float = 0.0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    @property
    def each(self) -> float:
        """Seconds of the server's CPU for a request."""
        return self.cpu / len(self.waits)

    def shown(self) -> list[str]:
        count = len(self.waits)
        hundredths = statistics.quantiles(self.waits, n=100)
        return [
            f"{self.each * 1e3:.2f}",
            f"{self.postgres / count * 1e3:.2f}",
            f"{hundredths[49] * 1e3:.1f}",
            f"{hundredths[98] * 1e3:.1f}",
            f"{count / self.seconds:.0f}",
        ]


def postgres_cpu(postmaster: int) -> float:
    """Seconds of CPU of a PostgreSQL and of all its processes, ended ones with them."""
    used = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if postmaster in (parent, int(folder.name)):
                used += cpu_of(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return used


def postmaster_of(admin_url: str) -> int:
    with psycopg.connect(admin_url) as connection:
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def asked_of_both(
    names: Collection[str], data: Data, url: str, by_hand: str
) -> dict[tuple[str, str], api_load.Asked]:
    """The request for each variant and each of these queries."""
    tenant, run = ids.encode("Tenant", data.tenant), ids.encode("OperationRun", data.run)
    found = {}
    for n, (name, query) in enumerate(QUERIES.items()):
        if name not in names:
            continue
        id_ = run if query is RUN else tenant
        variables = {"runId": id_} if query is RUN else {"tenantId": id_}
        body = json.dumps({"query": query, "variables": variables}).encode()
        found[name, "atlas"] = api_load.request(url, "POST", "/graphql", data.token, body)
        found[name, "by hand"] = api_load.request(by_hand, "GET", f"/{n}?id={quote(id_)}", data.token)
    return found


def without_cursors(value: Any) -> Any:
    """An answer without what is opaque."""
    if isinstance(value, dict):
        return {
            key: without_cursors(item) for key, item in value.items() if not key.lower().endswith("cursor")
        }
    return [without_cursors(item) for item in value] if isinstance(value, list) else value


async def measure(
    requests: Mapping[tuple[str, str], api_load.Asked], pids: Mapping[str, int], postmaster: int
) -> dict[tuple[str, int, str], Cell]:
    for name in dict.fromkeys(name for name, _ in requests):
        given = [await api_load.once(requests[name, variant]) for variant in pids]
        first, second = (without_cursors(json.loads(body)) for _, body in given)
        assert first == second, f"{name}: the answers differ"
        assert "errors" not in first
    cells: dict[tuple[str, int, str], Cell] = defaultdict(lambda: Cell())
    for n in range(ROUNDS + 1):
        for (name, variant), asked in requests.items():
            for connections in CONNECTIONS:
                cell = Cell() if n == 0 else cells[name, connections, variant]
                cpu, postgres, begun = cpu_of(pids[variant]), postgres_cpu(postmaster), time.perf_counter()
                seen = await api_load.load(asked, connections=connections, seconds=SECONDS if n else WARM)
                cell.seconds += time.perf_counter() - begun
                cell.cpu += cpu_of(pids[variant]) - cpu
                cell.postgres += postgres_cpu(postmaster) - postgres
                cell.waits += seen.waits
    return cells


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", action="append", choices=QUERIES, help="one query; all when absent")
    asked.add_argument("--runs", type=int, default=RUNS_OF_TENANT, help="runs of each tenant")
    options = asked.parse_args()
    names = options.only or list(QUERIES)
    folder = Path(__file__).parent.parent / ".atlas" / "bench-postgres"
    with fresh_database(folder) as database, children(quiet=True) as (family, files):
        begun = time.perf_counter()
        data = fill(database, runs=options.runs)
        made = f"made in {time.perf_counter() - begun:.0f} s"
        print(f"{TENANTS * options.runs:,} runs and their audit entries over {TENANTS} tenants, {made}")
        env = {
            "ATLAS_DATABASE_URL": database.url,
            "ATLAS_SECRET_KEY": generate_key(),
            "ATLAS_RATE_LIMIT": "0",
        }
        api = family.start("serve", "--port", "0", "--url-file", str(files / "api.url"), env=env)
        url = family.url_of(api, files / "api.url")
        # By hand, without row-level security: as the superuser.
        script = Path(__file__).with_name("api_hand_written.py")
        by_hand = family.script(script, database.admin_url, str(files / "by-hand.url"))
        requests = asked_of_both(names, data, url, family.url_of(by_hand, files / "by-hand.url"))
        pids = {"atlas": api.process.pid, "by hand": by_hand.process.pid}
        cells = uvloop.run(measure(requests, pids, postmaster_of(database.admin_url)))
    titles = ("CPU ms", "PG CPU", "p50 ms", "p99 ms", "req/s")
    print(f"{'what':26}" + "".join(f"{title:>9}" for title in titles) + "   x by hand   at most")
    for name in names:
        for connections in CONNECTIONS:
            for variant in pids:
                what = f"{name}, {connections:2} connections: {variant}"
                target = ""
                if variant == "atlas":
                    times = cells[name, connections, "atlas"].each / cells[name, connections, "by hand"].each
                    target = f"   {times:9.1f}   {TARGETS[name] * 4 / 3 / THERE[name]:7.1f}"
                shown = "".join(f"{value:>9}" for value in cells[name, connections, variant].shown())
                print(f"{what:26}{shown}{target}")


if __name__ == "__main__":
    main()
