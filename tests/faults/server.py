"""A PostgreSQL of our own, durable, that may be restarted under everybody's feet."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from atlas_gql.db import embedded
from atlas_gql.db.embedded.guard import listener
from atlas_gql.db.embedded.home import find_home

HOW = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class OwnServer:
    """Made by `own_server`."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.admin_url = stack.enter_context(embedded.start(folder)).admin_url

    def restart(self, how: str) -> None:
        """Shut it down, `fast` or `immediate` (a crash, as far as it is concerned), and start it again."""
        home = find_home(self._folder)
        pid = listener(home.socket)
        assert pid is not None
        os.kill(pid, HOW[how])
        file = home.data / "postmaster.pid"
        while file.exists() and file.read_text().splitlines()[0] == str(pid):
            time.sleep(0.02)
        self._stack.enter_context(embedded.start(self._folder))


@contextmanager
def own_server(folder: Path) -> Iterator[OwnServer]:
    """A running server; it stops at the end."""
    with ExitStack() as stack:
        yield OwnServer(folder, stack)
