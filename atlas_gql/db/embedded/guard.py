"""The process that stops the server when its last user has gone.

Run by path with the bare interpreter, so that it stays small: it imports the standard library only.
Arguments: the server's folder (told to whoever lists processes), and the number of an inherited
descriptor that holds the guard's lock. It works in that folder and names files relative to it, so that
it follows a folder that is moved, and never touches another one in its place.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import struct
import sys
import time
from typing import BinaryIO

PORT = 5432
LEASE, START, PID_FILE = "data.lease", "data.start", "data/postmaster.pid"
SOCKET = f".s.PGSQL.{PORT}"
FAST_SECONDS = 30.0
IMMEDIATE_SECONDS = 10.0
# No process has it: kernels count to 2**22 at most.
NO_PID = 2**31 - 1


def listener(address: str) -> int | None:
    """The process id of who listens at a unix socket; None when nobody does.

    The kernel tells it, so it proves what the number in `postmaster.pid` only claims.
    """
    if not os.path.exists(address):  # noqa: PTH110 - pathlib would double the guard's start
        return None
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        if sys.platform == "darwin":
            sol_local, local_peerpid = 0, 2  # <sys/un.h>; the socket module does not name them
            return int.from_bytes(probe.getsockopt(sol_local, local_peerpid, 4), sys.byteorder)
        pid, _uid, _gid = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)


def watch(guard_fd: int) -> None:
    """Wait until nobody holds the lease, stop the server, and free the guard's lock."""
    lease, start = (os.open(path, os.O_RDWR | os.O_CLOEXEC) for path in (LEASE, START))
    if os.fork():  # the starter waits for the parent only, and never has to reap the guard
        os._exit(0)
    while True:
        fcntl.flock(lease, fcntl.LOCK_EX)
        # Starters take the start lock first, then the lease: waiting in the other order would deadlock.
        fcntl.flock(lease, fcntl.LOCK_UN)
        fcntl.flock(start, fcntl.LOCK_EX)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            fcntl.flock(start, fcntl.LOCK_UN)
    if _is_file(lease, LEASE):
        stop()
    # Before the start lock goes: the next starter must find that there is no guard.
    os.close(guard_fd)


def stop() -> None:
    """Stop the server that listens in this folder, and remove its socket's folder."""
    pid = listener(f"socket/{SOCKET}")
    if pid is None:
        # After a crash the file is stale. Should a server live on that lost its socket, it sees within
        # a minute that the file is no longer its own, and stops.
        with contextlib.suppress(FileNotFoundError):
            disown(PID_FILE)
    elif pid != _read_pid(PID_FILE):
        _log(f"process {pid} listens, but {PID_FILE} names another one; left alone")
    elif not _ends(pid, signal.SIGINT, FAST_SECONDS):
        _log(f"no fast shutdown within {FAST_SECONDS:.0f} s; the next start will recover from the log")
        _ends(pid, signal.SIGQUIT, IMMEDIATE_SECONDS)
    with contextlib.suppress(OSError):  # not empty or not there: the next start looks after it
        os.rmdir(os.path.realpath("socket"))  # noqa: PTH106 - as above


def disown(pid_file: str) -> bytes:
    """Put a number that no process has into a `postmaster.pid`; gives back what it held.

    PostgreSQL takes any living process with the file's number, and of its account, for a server. With
    this number it goes on to better evidence: the shared memory named further down in the file.
    Raises FileNotFoundError when there is no file.
    """
    with _open_pid_file(pid_file) as file:
        told = file.read()
        file.seek(0)
        file.write(b"%d\n%s" % (NO_PID, told.partition(b"\n")[2]))
    return told


def restore(pid_file: str, told: bytes) -> None:
    """Undo `disown`. Raises FileNotFoundError when there is no file any more."""
    with _open_pid_file(pid_file) as file:
        file.write(told)
        file.truncate()


def _open_pid_file(path: str) -> BinaryIO:
    # A link is not followed: root must not be led astray in a folder of another account.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b")


def _ends(pid: int, how: signal.Signals, seconds: float) -> bool:
    """Send PostgreSQL's signal for a fast (INT) or immediate (QUIT) shutdown; true when it has ended."""
    deadline = time.monotonic() + seconds
    try:
        os.kill(pid, how)
        while _read_pid(PID_FILE) == pid:  # removed as the very last act of a shutdown
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
            os.kill(pid, 0)
    except ProcessLookupError:  # killed in the meantime
        return True
    return True


def _read_pid(pid_file: str) -> int | None:
    try:
        with open(pid_file) as lines:  # noqa: PTH123 - as above
            return int(lines.readline())
    except (FileNotFoundError, ValueError):
        return None


def _is_file(fd: int, path: str) -> bool:
    """False when the file was deleted, perhaps made anew by a user with a guard of its own."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))  # noqa: PTH116 - as above
    except FileNotFoundError:
        return False


def _log(text: str) -> None:
    sys.stderr.write(f"atlas guard: {text}\n")


if __name__ == "__main__":
    watch(int(sys.argv[2]))
