"""Starting, sharing and leaving the embedded server."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from psycopg import pq
from psycopg.conninfo import make_conninfo

from atlas_gql.db.embedded import guard
from atlas_gql.db.embedded.cluster import launch
from atlas_gql.db.embedded.home import Home, find_home
from atlas_gql.db.embedded.locks import FileLock
from atlas_gql.db.embedded.passwords import SUPERUSER, load_passwords
from atlas_gql.errors import ConfigurationError

ANSWER_SECONDS = 60.0


class EmbeddedServer:
    """A running server, held until `close` or the end of this process.

    A forked child does not hold it: it calls `start` itself.
    """

    def __init__(self, home: Home, lease: FileLock, passwords: dict[str, str]) -> None:
        self._home = home
        self._lease = lease
        self._passwords = passwords
        atexit.register(self.close)

    @property
    def admin_url(self) -> str:
        """The superuser's URL of the database `postgres`."""
        return self.url(SUPERUSER, "postgres")

    def url(self, role: str, database: str) -> str:
        """A libpq URL, with the role's password. Raises KeyError for a role without one."""
        login = f"{quote(role, safe='')}:{quote(self.password(role), safe='')}"
        place = f"host={quote(str(self._home.socket_folder), safe='')}&port={guard.PORT}"
        return f"postgresql://{login}@/{quote(database, safe='')}?{place}"

    def password(self, role: str) -> str:
        """The password of `postgres`, `atlas_owner` or `atlas_app`.

        Only the first role exists from the start; migrations make the others, with these passwords.
        """
        return self._passwords[role]

    def close(self) -> None:
        """Leave the server; it stops when nobody else holds it. Does nothing the second time."""
        atexit.unregister(self.close)
        if self._lease.closed:
            return
        try:
            _ensure_guard(self._home)
        finally:
            self._lease.close()

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """The server of the data folder, made, started or joined; it answers when this returns.

    Blocks for a second or two at first use. `durable=False` trades safety of the data for speed (for
    tests); it counts for whoever happens to start the server. Raises ConfigurationError, which says
    what to do, when the programs are missing, the folder cannot be used or the server does not start.
    """
    try:
        return _start(find_home(data_dir), durable=durable)
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else "input/output error"
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot use its folder {data_dir} ({reason.lower()}): "
            "make it writable for this user, choose another one, or set ATLAS_DATABASE_URL."
        ) from exc


def _start(home: Home, *, durable: bool) -> EmbeddedServer:
    with FileLock(home.start) as lock:
        lock.seize()
        lease = FileLock(home.lease)
        try:
            lease.share()
            passwords = load_passwords(home)
            _ensure_guard(home)
            _ensure_answer(home, passwords[SUPERUSER], durable=durable, lock=lock)
        except BaseException:
            lease.close()
            raise
    return EmbeddedServer(home, lease, passwords)


def _ensure_answer(home: Home, password: str, *, durable: bool, lock: FileLock) -> None:
    """Launch the server unless it listens, and wait until it takes connections."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        if guard.listener(home.socket) is None:
            launch(home, password, durable=durable, lock=lock)
        if _answers(home):
            return
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"The embedded PostgreSQL listens in {home.socket_folder} but does not take connections; "
                f"{home.log} may say why."
            )
        time.sleep(0.05)


def _answers(home: Home) -> bool:
    place = make_conninfo(host=str(home.socket_folder), port=guard.PORT, user=SUPERUSER, connect_timeout=5)
    return pq.PGconn.ping(place.encode()) == pq.Ping.OK


def _ensure_guard(home: Home) -> None:
    """Start a guard unless one lives: whoever gets the guard's lock starts it, and hands the lock over."""
    lock = FileLock(home.guard)
    try:
        if not lock.try_seize():
            return
        interpreter = [sys.executable, "-I", "-S", str(Path(guard.__file__).resolve())]
        # Some interpreters need it to find their own library; nothing else is the guard's business.
        environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        with home.log.open("ab") as log:
            started = subprocess.run(  # noqa: S603 - our own file, no shell
                [*interpreter, str(home.folder), str(lock.fd)],
                pass_fds=(lock.fd,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.folder,
                env=environment,
                start_new_session=True,
                check=False,
            )
        if started.returncode != 0:
            raise ConfigurationError(f"The guard of the embedded PostgreSQL did not start: see {home.log}.")
    finally:
        lock.abandon()
