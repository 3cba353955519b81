"""Serving: in a thread and as a process, quietly, and gone when told so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from atlas_gql.simulator import DEMO_TENANT, LoadError, running, serve

SERVE = "from atlas_gql.simulator import serve; serve(ready=lambda url: print(url, flush=True))"


def test_running_ends_with_the_block():
    before = threading.active_count()
    with running() as sim:
        assert httpx.get(f"{sim.url}/_simulator/", trust_env=False).status_code == 200
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sim.url}/_simulator/", trust_env=False)


def test_a_taken_port_is_an_error():
    with running() as sim, pytest.raises(OSError, match="in use"), running(port=int(sim.url.split(":")[2])):
        pass


def test_latency_delays_calls_side_by_side(take_token):
    """Two calls at once take one delay; login takes none."""
    with (
        running(latency_ms=150) as sim,
        httpx.Client(base_url=sim.url, trust_env=False, verify=False) as client,
    ):
        began = time.perf_counter()
        token = take_token(client, DEMO_TENANT.id).json()["access_token"]
        login = time.perf_counter() - began
        client.headers["Authorization"] = f"Bearer {token}"
        calls = [threading.Thread(target=client.get, args=("/v1.0/groups",)) for _ in range(4)]
        began = time.perf_counter()
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        graph = time.perf_counter() - began
    assert login < 0.15 <= graph < 4 * 0.15


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_served_simulator_ends_by_a_signal_and_says_nothing(sent):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/_simulator/", trust_env=False).status_code == 200
        process.send_signal(sent)
        out, err = process.communicate(timeout=10)
    assert (process.returncode in (-sent, 1, 0), out) == (True, "")
    assert "ERROR" not in err


def test_serve_refuses_what_it_cannot_load(tmp_path):
    with pytest.raises(LoadError, match="holds no tenant"):
        serve(load=tmp_path)
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"path": "x"}]))
    with pytest.raises(LoadError, match=r"faults\.json: rule 0 has no effect"):
        serve(faults=faults)
    with pytest.raises(LoadError, match=r"missing\.json cannot be read"):
        serve(faults=tmp_path / "missing.json")
