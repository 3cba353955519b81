"""Folders for embedded servers, processes that hold one, and the proof that nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from atlas_gql.db import embedded
from atlas_gql.db.embedded.guard import listener
from atlas_gql.db.embedded.home import Home, find_home
from atlas_gql.db.embedded.locks import FileLock

GONE_SECONDS = 30

HOLDER = """
import sys
from pathlib import Path
from atlas_gql.db import embedded
server = embedded.start(Path(sys.argv[1]), durable=False)
print(server.admin_url, flush=True)
sys.stdin.read()
"""


def is_gone(home: Home) -> bool:
    """No server, and no guard."""
    with FileLock(home.guard) as lock:
        return (
            lock.try_seize() and listener(home.socket) is None and not (home.data / "postmaster.pid").exists()
        )


def wait_until(true: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + GONE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A folder with a new cluster in it, its server stopped: to be copied."""
    with open_folder() as base:
        folder = base / "made"
        embedded.start(folder, durable=False).close()
        assert wait_until(lambda: is_gone(find_home(folder)))
        yield folder


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every account can enter, with a short path."""
    with tempfile.TemporaryDirectory(prefix="atlas-test-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def copy(folder: Path, target: Path) -> Path:
    """Copy a data folder with its owners."""
    subprocess.run(["cp", "-a", str(folder), str(target)], check=True)
    return target


@pytest.fixture(scope="session")
def running(made_once: Path) -> Iterator[tuple[embedded.EmbeddedServer, Home]]:
    """A server for tests that only look, and its home."""
    folder = copy(made_once, made_once.with_name("running"))
    with embedded.start(folder, durable=False) as server:
        yield server, find_home(folder)
    assert wait_until(lambda: is_gone(find_home(folder)))


@pytest.fixture
def base() -> Iterator[Path]:
    """An empty folder that every account can enter; everything in it has stopped when the test ends."""
    with open_folder() as path:
        yield path
        leases = [found.parent for found in path.rglob("data.lease")]
        left = [folder for folder in leases if not wait_until(lambda f=folder: is_gone(find_home(f)))]
        assert left == []


@pytest.fixture
def folder(base: Path, made_once: Path) -> Path:
    """A data folder with a cluster, no server running."""
    return copy(made_once, base / "pg")


@pytest.fixture
def home(folder: Path) -> Home:
    return find_home(folder)


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python script in a process of its own; the first line that it prints says it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start(
        script: str, *args: object, python: str = sys.executable, **options: Any
    ) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(Path(embedded.__file__).parents[3])}
        process = subprocess.Popen(
            [python, "-c", script, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **({"env": environment} | options),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def hold(spawn: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[subprocess.Popen[str], str]]:
    """Hold the server of a folder in another process; gives the process and the URL that it saw."""

    def start(folder: Path, **options: Any) -> tuple[subprocess.Popen[str], str]:
        process = spawn(HOLDER, folder, **options)
        url = process.stdout.readline().strip()
        assert url.startswith("postgresql://")
        return process, url

    return start
