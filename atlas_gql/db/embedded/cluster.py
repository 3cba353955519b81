"""Making a cluster and launching its server; everything here happens under the start lock."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from atlas_gql.db.embedded.binaries import Binaries, find_binaries
from atlas_gql.db.embedded.guard import disown, restore
from atlas_gql.db.embedded.home import Home, as_account
from atlas_gql.db.embedded.locks import FileLock
from atlas_gql.db.embedded.passwords import SUPERUSER
from atlas_gql.errors import ConfigurationError

SETTINGS = {
    "listen_addresses": "",
    # Relative to the data, so that the server of a moved folder never removes its successor's socket.
    "unix_socket_directories": "../socket",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    # No statement and no row of a failed one in the log: they may hold a secret.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

START_SECONDS = 60
# Backends of a killed server need a moment to notice, and keep its shared memory until then.
ORPHANS_SECONDS = 10.0
LOG_BYTES = 10_000_000
TAIL_LINES = 12


def launch(home: Home, password: str, *, durable: bool, lock: FileLock) -> None:
    """Start the server of the home, and make its cluster at first use; returns when it is ready.

    Call it when nobody listens at the home's socket. Raises ConfigurationError, with the end of the
    server's log, when the cluster cannot be made or the server does not start.
    """
    binaries = find_binaries(home.account)
    if home.log.exists() and home.log.stat().st_size > LOG_BYTES:
        home.log.replace(home.log.with_suffix(".log.1"))
    if not home.data.exists():
        _create(home, binaries, password, durable=durable, lock=lock)
    _check_version(home, binaries)
    home.make_socket_folder()
    settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
    words = [f"-D{home.data}", *(f"--{name}={value}" for name, value in settings.items())]
    options = shlex.join(words)  # for the shell that `pg_ctl` runs
    command = [str(binaries.folder / "pg_ctl"), "start", "-s", "-w", "-t", str(START_SECONDS), "-o", options]
    deadline = time.monotonic() + ORPHANS_SECONDS
    with _unproven_pid(home.data / "postmaster.pid"):
        while True:
            begin = home.log.stat().st_size
            if _run(home, command, lock) == 0:
                return
            orphans = b"pre-existing shared memory block" in home.log.read_bytes()[begin:]
            if not orphans or time.monotonic() > deadline:
                _fail(home, "did not start")
            time.sleep(0.1)


def _create(home: Home, binaries: Binaries, password: str, *, durable: bool, lock: FileLock) -> None:
    """Make the cluster beside its final name, so that a half-made one is never taken for whole."""
    draft = home.folder / "data.draft"
    secret = home.folder / "data.secret"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    secret.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        if home.account is not None:
            home.account.owns(draft)
            home.account.owns(secret)
        command = [str(binaries.folder / "initdb"), f"--pgdata={draft}", f"--username={SUPERUSER}"]
        command += [f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not durable:
            command.append("--no-sync")
        if _run(home, command, lock) != 0:
            shutil.rmtree(draft, ignore_errors=True)
            _fail(home, "could not make its data folder")
    finally:
        secret.unlink(missing_ok=True)
    draft.rename(home.data)


def _check_version(home: Home, binaries: Binaries) -> None:
    version = home.data / "PG_VERSION"
    made_by = version.read_text().strip() if version.exists() else "an unknown version"
    if made_by != binaries.major:
        raise ConfigurationError(
            f"The data in {home.data} was made by PostgreSQL {made_by}; PostgreSQL {binaries.major} is "
            f"installed. Install the version of `atlas-gql[embedded]` that made it, "
            f"or move {home.folder} away to begin with an empty database."
        )


@contextmanager
def _unproven_pid(pid_file: Path) -> Iterator[None]:
    """Let PostgreSQL not take an innocent process for the server that a stale pid file names.

    Nobody listens at the socket, so the number proves nothing: PostgreSQL is to decide by the shared
    memory, and refuses to start if that is in use. Then the file gets its number back, because a
    living server stops itself when it finds another one.
    """
    try:
        told = disown(str(pid_file))
    except FileNotFoundError:
        yield
        return
    try:
        yield
    except BaseException:
        with suppress(FileNotFoundError):
            restore(str(pid_file), told)
        raise


def _run(home: Home, command: list[str], lock: FileLock) -> int:
    """Run one of PostgreSQL's programs under the home's account, output to the log; its exit code.

    A shell in between keeps the start lock (as its standard input, which the program does not get)
    until the program has ended. Were we killed now, the guard would otherwise look for a server that
    is not yet there, and leave it running.
    """
    environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PGDATA": str(home.data)}
    with home.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - the shell's text is a literal
            ["/bin/sh", "-c", '"$@" </dev/null; exit $?', "sh", *command],
            stdin=lock.fd,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
            umask=0o077,
            **as_account(home.account),
        )
        try:
            return process.wait()
        except BaseException:
            process.wait()  # an interrupted start is finished first, and then undone by the guard
            raise


def _fail(home: Home, what: str) -> NoReturn:
    tail = home.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    raise ConfigurationError(
        "\n".join(
            [f"The embedded PostgreSQL {what}. The end of {home.log}:", *(f"  {line}" for line in tail)]
        )
    )
