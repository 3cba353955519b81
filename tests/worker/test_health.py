"""What processes say of themselves: alive, ready, and in numbers."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from starlette.applications import Starlette

from atlas_gql.db.database import Database
from atlas_gql.health import health_routes
from atlas_gql.metrics import Counter, Meter
from atlas_gql.ops.dispatcher import Dispatcher
from atlas_gql.plugins.loading import discover, load_operations
from atlas_gql.providers.sealing import generate_key
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.loopback import loopback
from support.paths import DATA_DIR
from support.steps import faults

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
SAMPLE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? -?[0-9.e+-]+')


def numbers(text: str) -> dict[str, float]:
    """Every sample of a page of metrics; each line must be well formed."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            assert SAMPLE.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def counted(place: Place) -> dict[str, float]:
    worker = place.atlas.worker
    assert worker is not None
    return numbers("".join(worker.meter.lines()))


class TestMeter:
    def test_a_counter_counts_under_its_labels(self) -> None:
        counter = Counter("atlas_things_total", "Things.", "kind", "state")
        for labels in (("b", "x"), ("a", "x"), ("b", "x")):
            counter.add(*labels)
        assert "".join(counter.lines()) == (
            "# HELP atlas_things_total Things.\n"
            "# TYPE atlas_things_total counter\n"
            'atlas_things_total{kind="a",state="x"} 1\n'
            'atlas_things_total{kind="b",state="x"} 2\n'
        )

    def test_a_counter_without_labels_begins_with_zero(self) -> None:
        assert list(Counter("atlas_things_total", "Things.").lines())[-1] == "atlas_things_total 0\n"

    def test_what_would_break_a_line_is_escaped(self) -> None:
        counter = Counter("atlas_things_total", "Things.", "kind")
        counter.add('a"\\\nb')
        assert list(counter.lines())[-1] == 'atlas_things_total{kind="a\\"\\\\\\nb"} 1\n'

    def test_a_label_too_many_is_refused(self) -> None:
        with pytest.raises(ValueError, match="atlas_things_total"):
            Counter("atlas_things_total", "Things.").add("x")


class TestNumbersOfRuns:
    def test_a_run_that_was_carried_is_counted_with_its_calls(self, place: Place) -> None:
        before = counted(place)
        place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["deviceConfigurations"]})
        after = counted(place)

        def more(name: str) -> float:
            return after.get(name, 0) - before.get(name, 0)

        assert more('atlas_runs_claimed_total{operation="assignments.fetch"}') == 1
        assert more('atlas_runs_ended_total{operation="assignments.fetch",outcome="succeeded"}') == 1
        assert more('atlas_graph_calls_total{method="GET",status="200"}') >= 1

    def test_throttles_and_refusals_are_counted_by_reason(self, place: Place) -> None:
        before = counted(place)
        configurations = "deviceManagement/deviceConfigurations$"
        faults(
            place,
            {"path": configurations, "status": 429, "retryAfter": 1, "times": 1},
            {"path": configurations, "reset": True, "times": 1},
            {"path": configurations, "status": 403},
        )
        place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["deviceConfigurations"]})
        after = counted(place)
        for name in (
            'atlas_graph_calls_total{method="GET",status="429"}',
            'atlas_graph_calls_total{method="GET",status="none"}',
            'atlas_graph_calls_total{method="GET",status="403"}',
            'atlas_graph_errors_total{reason="THROTTLED"}',
            'atlas_graph_errors_total{reason="DEPENDENCY_UNREACHABLE"}',
            'atlas_graph_errors_total{reason="PERMISSION_DENIED"}',
            'atlas_runs_ended_total{operation="assignments.fetch",outcome="failed"}',
        ):
            assert after.get(name, 0) - before.get(name, 0) == 1, name


@pytest.fixture(scope="module")
def own_database() -> Iterator[TestDatabase]:
    """A database in which nothing else runs."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def idle(own_database: TestDatabase) -> Iterator[Installation]:
    """An installation without a worker."""
    with installation(own_database, worker=False) as running:
        yield running


class TestNumbersOfTheQueue:
    def test_what_waits_is_counted_and_how_long_it_has_waited(self, idle: Installation) -> None:
        place = idle.new_place()
        empty = numbers(loopback.get(f"{idle.url}/metrics").text)
        runs = [
            place.start("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": [kind]})["run"]
            for kind in ("mobileApps", "deviceConfigurations")
        ]
        time.sleep(0.05)
        waiting = numbers(loopback.get(f"{idle.url}/metrics").text)
        query = "mutation C($input: CancelRunInput!) { cancelRun(input: $input) { __typename } }"
        for run in runs:
            place.ask(query, input={"runId": run["id"]})
        ended = numbers(loopback.get(f"{idle.url}/metrics").text)
        name = 'atlas_runs{status="queued"}'
        assert [page[name] for page in (empty, waiting, ended)] == [0, 2, 0]
        ages = [page["atlas_queue_age_seconds"] for page in (empty, waiting, ended)]
        assert (ages[0], ages[2], ages[1] >= 0.05) == (0, 0, True)
        assert waiting["atlas_workers"] == 0
        told = [ended[name] for name in ("atlas_run_ends", 'atlas_listener_runs{status="queued"}')]
        assert told == [waiting["atlas_run_ends"] + 2, 0]
        assert ended['atlas_runs_ended_total{operation="assignments.fetch",outcome="cancelled"}'] == 2
        assert [name for name in ended if name.startswith("atlas_build_info{version=")]

    def test_it_is_told_as_prometheus_wants_it(self, idle: Installation) -> None:
        answer = loopback.get(f"{idle.url}/metrics")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/plain; version=0.0.4; charset=utf-8",
        )

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_the_api_is_alive_and_ready(self, idle: Installation, path: str) -> None:
        answer = loopback.get(f"{idle.url}{path}")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_what_is_taken_back_from_lost_workers_is_counted(
    idle: Installation, own_database: TestDatabase
) -> None:
    place = idle.new_place()
    for kind, crashes in (("mobileApps", 0), ("deviceConfigurations", 2)):
        run = place.start("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": [kind]})["run"]
        with psycopg.connect(own_database.admin_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE operation_runs SET status = 'running', attempt = 1, alone = true, crashes = %s,"
                " dispatch_after = NULL, lease_until = now() - interval '1 s', started_at = now()"
                " WHERE id = %s",
                (crashes, run["uuid"]),
            )
    assert numbers(loopback.get(f"{idle.url}/metrics").text)["atlas_runs_unattended"] == 2
    meter = Meter()

    async def reap() -> None:
        database = Database(own_database.url, max_connections=2)
        await database.open()
        try:
            operations = load_operations(discover())
            await Dispatcher(database, operations, _no_ring, worker="a reaper", threads=1, meter=meter).reap()
        finally:
            await database.close()

    asyncio.run(reap())
    counted = numbers("".join(meter.lines()))
    assert [counted[f'atlas_runs_reaped_total{{result="{result}"}}'] for result in ("requeued", "ended")] == [
        1,
        1,
    ]
    assert counted['atlas_runs_ended_total{operation="assignments.fetch",outcome="failed"}'] == 1
    with psycopg.connect(own_database.admin_url, autocommit=True) as connection:
        connection.execute("DELETE FROM workers WHERE name = 'a reaper'")
        connection.execute("DELETE FROM operation_runs WHERE tenant_id = %s", (place.tenant,))


async def _no_ring(_run_id: UUID, _operation: str) -> None:
    """Nobody listens."""


def test_every_metric_is_explained_to_operators(place: Place) -> None:
    worker = place.atlas.worker
    assert worker is not None
    page = "".join(worker.meter.lines()) + loopback.get(f"{place.atlas.url}/metrics").text
    names = set(re.findall(r"# TYPE (\w+) ", page))
    assert len(names) == 17
    assert {name for name in names if f"`{name}" not in OPERATIONS.read_text()} == set()


def ask(database_url: str, *, closed: bool, trouble: str | None = None) -> dict[str, tuple[int, Any]]:
    """Status and body of the three routes."""

    async def main() -> dict[str, tuple[int, Any]]:
        database = Database(database_url, max_connections=1)
        await database.open()
        if closed:
            await database.close()
        app = Starlette(routes=health_routes(database, Meter(), trouble=lambda: trouble))
        try:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://worker"
            ) as client:
                answers = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]
            return {answer.url.path: (answer.status_code, answer.text) for answer in answers}
        finally:
            await database.close()

    return asyncio.run(main())


def test_without_its_database_a_process_lives_and_is_not_ready(database_url: str) -> None:
    assert ask(database_url, closed=True) == {
        "/healthz": (200, '{"status":"ok"}'),
        "/readyz": (503, '{"status":"the database does not answer"}'),
        "/metrics": (503, "the database does not answer"),
    }


def test_a_process_that_cannot_do_its_work_is_not_ready(database_url: str) -> None:
    assert ask(database_url, closed=False, trouble="stopping")["/readyz"] == (503, '{"status":"stopping"}')


@pytest.fixture
def worker(own_database: TestDatabase, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts `atlas worker`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(**settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "atlas_gql.cli", "worker", "--url-file", str(tmp_path / "url")],
            env={
                **os.environ,
                "ATLAS_DATABASE_URL": own_database.url,
                "ATLAS_SECRET_KEY": generate_key(),
                **settings,
            },
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_worker_says_what_it_serves_and_where_its_health_is(
    worker: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = worker(ATLAS_WORKER_THREADS="3")
    end = time.monotonic() + 30
    while not (tmp_path / "url").exists() and time.monotonic() < end:
        time.sleep(0.05)
    url = (tmp_path / "url").read_text().strip()
    for path in ("/healthz", "/readyz"):
        assert loopback.get(url + path).json() == {"status": "ok"}
    page = numbers(loopback.get(f"{url}/metrics").text)
    assert page["atlas_leases_lost_total"] == 0
    assert (page["atlas_workers"], page["atlas_worker_slots"]) == (1, 3)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert (
        "Atlas carries 3 runs at once (assignments.compare, assignments.fetch, assignments.plan,"
        " assignments.restore, assignments.undo, drift.check, providers.verify);"
        f" its health is at {url}/readyz\n"
    ) in err
    assert "worker stopped" in err


def test_a_worker_whose_port_is_taken_says_so(worker: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, err = worker(ATLAS_WORKER_PORT=str(port)).communicate(timeout=30)
    assert err.endswith(
        f"error: Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with"
        " ATLAS_WORKER_PORT.\n"
    )
