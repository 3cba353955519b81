"""One server for all processes of a folder, gone with the last of them, however they end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from atlas_gql.db import embedded
from atlas_gql.db.embedded import cluster
from atlas_gql.db.embedded.binaries import wheel_folder
from atlas_gql.db.embedded.guard import NO_PID, listener
from atlas_gql.db.embedded.home import Home, as_account, find_home
from atlas_gql.db.embedded.locks import FileLock
from atlas_gql.errors import ConfigurationError

from .conftest import copy, is_gone, wait_until

RACER = """
import os, sys
from pathlib import Path
import psycopg
from atlas_gql.db import embedded
for _ in range(int(sys.argv[2])):
    with embedded.start(Path(sys.argv[1]), durable=False) as server:
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
embedded.start(Path(sys.argv[1]), durable=False)
print("raced", flush=True)
os.kill(os.getpid(), 9)
"""

SLOW_STARTER = """
import sys
from pathlib import Path
from atlas_gql.db import embedded
from atlas_gql.db.embedded import binaries, cluster
major = binaries.find_binaries(None).major
cluster.find_binaries = lambda account: binaries.Binaries(folder=Path(sys.argv[2]), major=major)
embedded.start(Path(sys.argv[1]), durable=False)
"""

PARENT = """
import os, sys, time
from pathlib import Path
from atlas_gql.db import embedded
server = embedded.start(Path(sys.argv[1]), durable=False)
leaver = os.fork()
if leaver == 0:
    server.close()
    os._exit(0)
os.waitpid(leaver, 0)
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, flush=True)
sys.stdin.read()
"""


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # the process has ended
        return b""


def guard_of(folder: Path) -> int:
    """The process id of the folder's guard."""
    command = f"guard.py\0{folder}\0".encode()
    [found] = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if command in read(path)]
    return int(found)


def kill_guard(home: Home) -> None:
    os.kill(guard_of(home.folder), signal.SIGKILL)
    with FileLock(home.guard) as lock:
        assert wait_until(lock.try_seize)


def pid_in(home: Home) -> int:
    return int((home.data / "postmaster.pid").read_text().splitlines()[0])


def test_processes_share_a_server_that_ends_with_the_last(folder, home, hold):
    first, url = hold(folder)
    second, same_url = hold(folder)
    assert url == same_url
    first.communicate()  # a normal exit
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.kill()
    assert wait_until(lambda: is_gone(home))


def test_short_holders_race(folder, home, spawn):
    """Servers start and stop under the racers' feet; half of their exits are kills."""
    racers = [spawn(RACER, folder, 3) for _ in range(8)]
    assert [racer.communicate()[0] for racer in racers] == ["raced\n"] * 8
    assert wait_until(lambda: is_gone(home))


def test_a_starter_killed_while_it_starts_leaves_nothing(folder, home, base, spawn):
    slow = base / "pg_ctl"
    slow.write_text(f'#!/bin/sh\necho slow start\nsleep 0.4\nexec {wheel_folder()}/pg_ctl "$@"\n')
    slow.chmod(0o755)
    starter = spawn(SLOW_STARTER, folder, base)
    assert wait_until(lambda: "slow start" in home.log.read_text())
    size = home.log.stat().st_size
    starter.kill()
    assert wait_until(lambda: "database system is shut down" in home.log.read_text()[size:])
    assert "ready to accept connections" in home.log.read_text()[size:]  # the guard waited for the start
    assert wait_until(lambda: is_gone(home))


def test_who_comes_while_the_guard_waits_to_stop_keeps_the_server(folder, home):
    """The lease was free for a moment: by the time the guard may stop the server, it is not."""
    server = embedded.start(folder, durable=False)
    with FileLock(home.lease) as newcomer:
        with FileLock(home.start) as busy:
            busy.seize()
            server.close()
            time.sleep(0.1)
            newcomer.share()
        time.sleep(0.2)
        assert listener(home.socket) == pid_in(home)
    assert wait_until(lambda: is_gone(home))


def test_the_guard_follows_a_moved_folder_and_spares_its_successor(folder, made_once):
    with embedded.start(folder, durable=False):
        moved = folder.rename(folder.with_name("moved"))
        copy(made_once, folder)
        successor = embedded.start(folder, durable=False)
    assert wait_until(lambda: is_gone(find_home(moved)))
    with successor:
        psycopg.connect(successor.admin_url).close()


def test_the_guard_of_deleted_lock_files_spares_the_server(folder, home):
    with embedded.start(folder, durable=False):
        home.lease.unlink()
        home.guard.unlink()
        successor = embedded.start(folder, durable=False)
    time.sleep(0.2)
    with successor:
        assert listener(home.socket) == pid_in(home)


def test_the_guard_signals_only_whom_the_pid_file_names(folder, home):
    server = embedded.start(folder, durable=False)
    pid_file = home.data / "postmaster.pid"
    told = pid_file.read_text()
    pid_file.write_text(re.sub(r"\A\d+", str(NO_PID), told))
    server.close()
    assert wait_until(lambda: "left alone" in home.log.read_text())
    pid = listener(home.socket)
    pid_file.write_text(told)
    assert pid == pid_in(home)
    with embedded.start(folder):  # its guard ends it
        pass
    assert wait_until(lambda: is_gone(home))


def test_a_forked_child_neither_ends_the_hold_nor_keeps_it(folder, home, spawn):
    parent = spawn(PARENT, folder)
    child = int(parent.stdout.readline())
    try:
        time.sleep(0.2)
        assert listener(home.socket) == pid_in(home)
        parent.kill()
        assert wait_until(lambda: is_gone(home))
    finally:
        os.kill(child, signal.SIGKILL)


def test_two_holds_of_one_process_end_one_by_one(folder, home):
    first = embedded.start(folder, durable=False)
    second = embedded.start(folder, durable=False)
    first.close()
    first.close()
    time.sleep(0.2)
    psycopg.connect(second.admin_url).close()
    second.close()
    assert wait_until(lambda: is_gone(home))


def test_a_killed_guard_is_replaced_by_whoever_leaves(folder, home, hold):
    holder, _ = hold(folder)
    kill_guard(home)
    holder.communicate()  # a normal exit, without close()
    assert wait_until(lambda: is_gone(home))


def test_a_server_left_without_guard_ends_with_the_next_user(folder, home, hold):
    holder, url = hold(folder)
    kill_guard(home)
    holder.kill()
    holder.wait()
    with embedded.start(folder) as server:
        assert server.admin_url == url
    assert wait_until(lambda: is_gone(home))


def test_a_crashed_server_is_started_again_at_the_same_address(folder, home):
    with embedded.start(folder, durable=False) as first:
        os.kill(pid_in(home), signal.SIGKILL)
        with embedded.start(folder, durable=False):
            psycopg.connect(first.admin_url).close()


def test_an_innocent_process_with_the_number_of_a_stale_pid_file_lives_on(folder, home):
    """Both when the server starts, and when the guard looks for it after a crash."""
    innocent = subprocess.Popen(["sleep", "60"], **as_account(home.account))
    try:
        with embedded.start(folder, durable=False):
            told = (home.data / "postmaster.pid").read_text()
        assert wait_until(lambda: is_gone(home))
        stale = re.sub(r"\A\d+", str(innocent.pid), told)
        home.make_socket_folder()
        for file in (home.data / "postmaster.pid", Path(f"{home.socket}.lock")):
            file.write_text(stale)
            if home.account is not None:
                home.account.owns(file)
        with embedded.start(folder, durable=False) as server:
            psycopg.connect(server.admin_url).close()
            crashed = pid_in(home)
            assert crashed != innocent.pid
            os.kill(crashed, signal.SIGKILL)
            assert wait_until(lambda: listener(home.socket) is None)
            (home.data / "postmaster.pid").write_text(stale)
        guard_ended = wait_until(lambda: pid_in(home) == NO_PID)
        assert (guard_ended, innocent.poll()) == (True, None)
        with embedded.start(folder, durable=False):  # and so removes the stale file
            pass
        assert wait_until(lambda: is_gone(home))
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_living_server_without_socket_keeps_its_data_to_itself(folder, home, monkeypatch):
    monkeypatch.setattr(cluster, "ORPHANS_SECONDS", 0.0)
    server = embedded.start(folder, durable=False)
    pid = listener(home.socket)
    try:
        told = (home.data / "postmaster.pid").read_bytes()
        Path(home.socket).unlink()
        with pytest.raises(ConfigurationError, match="pre-existing shared memory block"):
            embedded.start(folder, durable=False)
        assert (home.data / "postmaster.pid").read_bytes() == told
    finally:
        os.kill(pid, signal.SIGINT)
        assert wait_until(lambda: not (home.data / "postmaster.pid").exists())
        server.close()


def test_the_server_sees_neither_our_environment_nor_our_files(folder, home, monkeypatch):
    monkeypatch.setenv("ATLAS_SOMETHING", "private")
    with embedded.start(folder, durable=False):
        for pid in (pid_in(home), guard_of(folder)):
            process = Path(f"/proc/{pid}")
            assert b"ATLAS_SOMETHING" not in (process / "environ").read_bytes()
            assert process.joinpath("cwd").readlink() in (home.folder, home.data)
        open_files = {link.readlink() for link in Path(f"/proc/{pid_in(home)}/fd").iterdir()}
        assert open_files.isdisjoint({home.lease, home.start, home.guard, Path("/proc/self/fd/0")})


if sys.platform != "linux":
    pytestmark = pytest.mark.skip(reason="these look into /proc")
