"""Lock files whose locks end with the process that took them, and never outlive it in a child."""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path


class FileLock:
    """An open lock file, made when it is missing; unlocked at first.

    The lock belongs to the open file, not to the process: a forked child would share it and keep it
    alive, so children close it at birth. Raises OSError where the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        _open.add(self)

    @property
    def closed(self) -> bool:
        """Whether the file was closed: by `close`, or because this process is a forked child."""
        return self.fd < 0

    def share(self) -> None:
        """Take the lock beside others who share it; waits for an exclusive holder."""
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def seize(self) -> None:
        """Take the lock alone; waits for every other holder."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def try_seize(self) -> bool:
        """Take the lock alone if nobody holds it; true when taken."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Drop the lock and close the file."""
        if not self.closed:
            # Explicitly: a child that was forked a moment ago may still have the file open.
            fcntl.flock(self.fd, fcntl.LOCK_UN)
            self.abandon()

    def abandon(self) -> None:
        """Close the file without unlocking: whoever inherited it keeps the lock."""
        os.close(self.fd)
        self.fd = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_open: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _abandon_all() -> None:
    for lock in list(_open):
        if not lock.closed:
            lock.abandon()


os.register_at_fork(after_in_child=_abandon_all)
