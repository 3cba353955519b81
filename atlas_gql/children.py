"""Child processes that never outlive their parent, however it ends.

Each child holds the reading end of a pipe whose writing end only the parent has. When the parent is
gone - at its end, or killed - the kernel closes the pipe, and the child ends itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atlas_gql.errors import ConfigurationError

LIFELINE = "ATLAS_LIFELINE"
STOP_WITHIN = 30.0
"""Seconds that a child gets to end by itself before it is killed."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process that was started; `log` is where its output goes, where that is a file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    def check(self) -> None:
        """Raises ConfigurationError when the process has ended, with the last lines it wrote."""
        code = self.process.poll()
        if code is None:
            return
        tail = (
            "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-5:]) if self.log else ""
        )
        raise ConfigurationError(f"`atlas {self.name}` ended with exit code {code}.\n{tail}".rstrip())

    def end(self) -> None:
        """End the process, and wait until it has ended."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Children:
    """The processes of one parent."""

    def __init__(self, folder: Path, *, quiet: bool) -> None:
        self._folder = folder
        self._quiet = quiet
        self._reading, self._writing = os.pipe()
        self.all: list[Child] = []

    def start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Child:
        """Start `atlas <name> <arguments>`; with `quiet` its output goes to a file in the folder."""
        return self._start(name, "-m", "atlas_gql.cli", name, *arguments, env=env)

    def script(self, path: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a Python file in the same way; it calls `follow_parent` first of all."""
        return self._start(path.stem, str(path), *arguments, env=env)

    def _start(self, name: str, *python: str, env: Mapping[str, str] | None) -> Child:
        log = self._folder / f"{name}-{len(self.all) + 1}.log" if self._quiet else None
        with (log or Path(os.devnull)).open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 # our own interpreter, our own command
                [sys.executable, *python],
                env={**os.environ, **(env or {}), LIFELINE: str(self._reading)},
                pass_fds=[self._reading],
                stdin=subprocess.DEVNULL,
                stdout=output if log else None,
                stderr=subprocess.STDOUT if log else None,
                # Ctrl-C reaches the parent alone, which then ends its children in order.
                start_new_session=True,
            )
        child = Child(name=name, process=process, log=log)
        self.all.append(child)
        return child

    def url_of(self, child: Child, file: Path, *, within: float = 60.0) -> str:
        """The URL that a child writes to a file once it answers."""
        end = time.monotonic() + within
        while not file.exists():
            child.check()
            if time.monotonic() > end:
                raise ConfigurationError(f"`atlas {child.name}` did not get ready in {within:.0f} seconds.")
            time.sleep(0.02)
        return file.read_text().strip()

    def stop(self) -> None:
        """End all of them, the last started first."""
        os.close(self._writing)
        os.close(self._reading)
        for child in reversed(self.all):
            child.process.terminate()
        for child in reversed(self.all):
            child.end()


@contextmanager
def children(*, quiet: bool = False) -> Iterator[tuple[Children, Path]]:
    """Child processes for as long as the context lasts, and a folder for what they leave meanwhile."""
    with tempfile.TemporaryDirectory(prefix="atlas-") as name:
        family = Children(Path(name), quiet=quiet)
        try:
            yield family, Path(name)
        finally:
            family.stop()


def follow_parent() -> None:
    """In a child: end this process when its parent is gone. Does nothing in any other process."""
    lifeline = os.environ.pop(LIFELINE, None)
    if lifeline is None:
        return

    def wait() -> None:
        os.read(int(lifeline), 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_WITHIN)
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def write_url(file: Path, url: str) -> None:
    """Say where this process answers: the file appears whole."""
    unfinished = file.with_suffix(".new")
    unfinished.write_text(url + "\n")
    unfinished.rename(file)
