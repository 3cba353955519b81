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


def test_latency_delays_every_call_of_graph(take_token):
    with (
        running(latency_ms=80) as sim,
        httpx.Client(base_url=sim.url, trust_env=False, verify=False) as client,
    ):
        token = take_token(client, DEMO_TENANT.id).json()["access_token"]
        began = time.perf_counter()
        answer = client.get("/v1.0/groups", headers={"Authorization": f"Bearer {token}"})
        took = time.perf_counter() - began
    assert answer.status_code == 200
    assert took >= 0.08, "a sleep never ends early, so this bound holds on any machine"


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
    assert (process.returncode, out, err) == (0, "", "")


def test_serve_refuses_what_it_cannot_load(tmp_path):
    with pytest.raises(LoadError, match="holds no tenant"):
        serve(load=tmp_path)
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"path": "x"}]))
    with pytest.raises(LoadError, match=r"faults\.json: rule 0 has no effect"):
        serve(faults=faults)
    faults.write_text(json.dumps({"habits": {"lag": 1}}))
    with pytest.raises(LoadError, match="there is no field 'lag'"):
        serve(faults=faults)
    with pytest.raises(LoadError, match=r"missing\.json cannot be read"):
        serve(faults=tmp_path / "missing.json")


def test_a_served_simulator_takes_a_file_of_conditions_and_every_kind(tmp_path):
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"rules": [{"status": 503}], "habits": {"lagReads": 2}}))
    code = SERVE.replace("serve(", f"serve(full=True, faults={str(faults)!r}, ")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        export, rules, habits = (
            httpx.get(f"{url}/_simulator/{name}", trust_env=False).json()
            for name in ("export", "faults", "habits")
        )
        process.terminate()
    assert "deviceAppManagement/policySets.json" in export[DEMO_TENANT.id]
    assert (rules, habits) == ([{"status": 503, "fired": 0}], {"lagReads": 2})
