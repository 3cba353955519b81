"""Where a server's files lie, and under which account it runs."""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_gql.db.embedded.guard import SOCKET
from atlas_gql.errors import ConfigurationError

STATE = Path("/var/lib/atlas-gql")
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the last one zero.
SOCKET_PATH_LIMIT = 103

log = logging.getLogger("atlas.postgres")


@dataclass(frozen=True, kw_only=True)
class Account:
    """The unprivileged account that PostgreSQL runs under when we are root (it refuses to be root)."""

    uid: int
    gid: int

    def owns(self, path: Path) -> None:
        """Give a file or folder to the account."""
        os.chown(path, self.uid, self.gid)


def as_account(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that run a command under the account; None is ourselves."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


@dataclass(frozen=True, kw_only=True)
class Home:
    """The folder of one server: the cluster in `data`, everything else beside it."""

    folder: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def lease(self) -> Path:
        return self.folder / "data.lease"

    @property
    def start(self) -> Path:
        return self.folder / "data.start"

    @property
    def guard(self) -> Path:
        return self.folder / "data.guard"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def passwords(self) -> Path:
        return self.folder / "passwords.json"

    @property
    def socket_folder(self) -> Path:
        """The real folder of the socket; `socket` is a link where the path would be too long."""
        return (self.folder / "socket").resolve()

    @property
    def socket(self) -> str:
        return str(self.socket_folder / SOCKET)

    def make_socket_folder(self) -> None:
        """Make the socket's folder, 0700 and the server's own, empty of what a crash left behind.

        Kept as it is where it still stands, so that addresses given out stay true over a restart.
        """
        place = self.folder / "socket"
        if not self._is_private(place):
            if place.is_symlink():
                place.unlink()
            if _is_plain(place):
                place.mkdir(mode=0o700)
            else:
                # Not predictable, so nobody can have made it before us.
                place.symlink_to(tempfile.mkdtemp(prefix="atlas-", dir="/tmp"))
            if self.account is not None:
                self.account.owns(self.socket_folder)
        for leftover in (SOCKET, f"{SOCKET}.lock"):
            (self.socket_folder / leftover).unlink(missing_ok=True)

    def _is_private(self, place: Path) -> bool:
        if not place.is_dir():
            return False
        found = place.stat()
        uid = os.geteuid() if self.account is None else self.account.uid
        return found.st_uid == uid and found.st_mode & 0o777 == 0o700


def find_home(data_dir: Path) -> Home:
    """The home of the server whose folder the user named; made at first use.

    An ordinary user's lies in that folder. Root's server runs under another account, which may be
    unable to go there (a 0700 home): then it lies below /var/lib, and `data.location` names the place.
    Raises OSError where the folder cannot be made or written.
    """
    root = os.geteuid() == 0
    data_dir.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
    folder = data_dir.resolve()
    if root and not (folder / "data").exists():
        folder = _recorded_place(folder) or (folder if _can_live_in(folder) else _make_place(folder))
    return Home(folder=folder, account=_account(folder / "data") if root else None)


def _account(data: Path) -> Account:
    """Who owns the data already (an ordinary user, whose root we are), else nobody."""
    if data.exists() and data.stat().st_uid:
        return Account(uid=data.stat().st_uid, gid=data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as exc:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and this machine has no account `nobody`: "
            "run Atlas as an ordinary user, or set ATLAS_DATABASE_URL."
        ) from exc
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def _can_live_in(folder: Path) -> bool:
    """Whether the account can go to the folder and write in a subfolder given to it: tried, not guessed."""
    account = _account(folder / "data")
    probe = Path(tempfile.mkdtemp(prefix="probe-", dir=folder))
    try:
        account.owns(probe)
        command = ["/bin/sh", "-c", 'cd -- "$1" && : >probe', "sh", str(probe)]
        tried = subprocess.run(  # noqa: S603 - the shell's text is a literal
            command, cwd="/", capture_output=True, check=False, **as_account(account)
        )
    except PermissionError:  # a file system without owners
        return False
    finally:
        shutil.rmtree(probe)
    return tried.returncode == 0


def _recorded_place(folder: Path) -> Path | None:
    """The place that `data.location` names, unless the file came here with a copy of another folder."""
    record = folder / "data.location"
    if not record.exists():
        return None
    place, made_for = (Path(line) for line in record.read_text().splitlines())
    copied = made_for != folder and (made_for / record.name).exists()
    if copied:
        record.unlink()
    return None if copied else place


def _make_place(folder: Path) -> Path:
    """A new place for the folder's data, recorded in it; of racing processes the first one's counts."""
    if not STATE.is_dir():
        STATE.mkdir(parents=True)
        STATE.chmod(0o755)
    # Random at the end: whoever deletes the folder and starts afresh gets an empty database.
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    place = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=STATE))
    place.chmod(0o711)
    draft = folder / f"{place.name}.draft"
    draft.write_text(f"{place}\n{folder}\n")
    try:
        os.link(draft, folder / "data.location")
    except FileExistsError:
        place.rmdir()
    else:
        log.warning("PostgreSQL's account cannot reach %s; the data is kept in %s", folder, place)
    finally:
        draft.unlink()
    return _recorded_place(folder) or place


def _is_plain(folder: Path) -> bool:
    """Whether a socket in the folder has an address short enough, and with nothing libpq would split."""
    address = str(folder / SOCKET)
    return len(os.fsencode(address)) <= SOCKET_PATH_LIMIT and bool(re.fullmatch(r"[\w./+-]+", address, re.A))
