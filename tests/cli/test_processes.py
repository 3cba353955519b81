"""The command as a process: its entry points, its standard error, the simulator's life."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas_gql.simulator import DEMO_TENANT
from support.loopback import loopback

INSTALLED = shutil.which("atlas", path=sysconfig.get_path("scripts"))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([INSTALLED], id="entry-point"),
        pytest.param([sys.executable, "-m", "atlas_gql.cli"], id="module"),
    ],
)
def test_both_entry_points_run_and_fail_alike(command, environment, name):
    workspace = name("Contoso")
    create = [*command, "workspace", "create", workspace]
    env = {**os.environ, **environment}
    first, second = (
        subprocess.run(create, env=env, capture_output=True, text=True, check=False, timeout=60) for _ in "ab"
    )
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith(f"Made the workspace {workspace} (")
    assert (second.returncode, second.stdout, second.stderr) == (
        1,
        "",
        "error: There is a workspace of this name already. (name)\n",
    )


def test_a_known_error_never_shows_a_traceback(environment):
    env = {**os.environ, **environment, "ATLAS_LOG_LEVEL": "debug"}
    command = [sys.executable, "-m", "atlas_gql.cli", "workspace", "create", " "]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (1, "")
    assert "error: A name is needed. (name)\n" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def simulator(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """A function that starts `atlas simulator`; what still runs at the end is killed."""
    started: list[subprocess.Popen] = []

    def start(*arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "atlas_gql.cli", "simulator", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_the_simulator_tells_its_url_and_ends_when_asked(simulator, tmp_path, number):
    url_file = tmp_path / "url"
    process = simulator("--seed", "3", "--url-file", str(url_file))
    url = process.stdout.readline().strip()
    assert DEMO_TENANT.id in loopback.get(f"{url}/_simulator/export").json()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, url_file.read_text()) == (0, "", url + "\n")
    assert err.startswith("A simulated Microsoft Graph.")
    assert list(tmp_path.iterdir()) == [url_file]


def test_the_simulator_plays_a_tenant_of_any_size(simulator):
    url = simulator("--policies", "17").stdout.readline().strip()
    (files,) = loopback.get(f"{url}/_simulator/export").json().values()
    policies = [thing for file in files.values() for thing in file["value"] if "assignments" in thing]
    assert [len(policy["assignments"]) for policy in policies] == [5] * 17


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(("--load", "nowhere"), "error: nowhere is not a directory.\n", id="no-such-directory"),
        pytest.param(
            ("--faults", "nowhere.json"),
            "error: nowhere.json cannot be read: No such file or directory.\n",
            id="no-such-file",
        ),
    ],
)
def test_the_simulator_names_what_it_cannot_load(simulator, arguments, error):
    process = simulator(*arguments)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (1, "", error)


def test_the_simulator_says_that_its_port_is_taken(simulator):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = simulator("--port", str(port))
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (
        1,
        "",
        f"error: Cannot listen on 127.0.0.1:{port}: Address already in use.\n",
    )
