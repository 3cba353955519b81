"""`atlas backup export` and `import`: a backup set as a file, kept elsewhere or moved."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from atlas_gql.cli.output import AsJson, console, tell
from atlas_gql.cli.remote.connection import OfProfile, OfTenant, connected
from atlas_gql.cli.remote.words import policies
from atlas_gql.client import ApiError, Invalid, archives
from atlas_gql.client.references import find_set, find_tenant


def register(app: typer.Typer) -> None:
    """Add them to `atlas backup`."""
    app.command()(export)
    app.command("import")(import_)


def export(
    backup_set: Annotated[
        str,
        typer.Argument(metavar="SET", help="The backup set, by id, or `latest`: the newest of the tenant."),
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where it goes, such as contoso.zip.")
    ],
    tenant: OfTenant = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Write a backup set into a file, to keep it elsewhere. It holds no secret, and what policies reach."""
    if file.exists() and not (force and file.is_file()):
        raise Invalid(f"{file} is there already. Name another file, or replace it with --force.")
    with connected(profile) as api:
        found = find_set(api, backup_set, tenant)
        with _replacing(file) as made, _progress(f"Exporting to {file.name}") as progress:
            digest = archives.download(api, found["uuid"], made, progress)
    of = found["tenant"]
    tell(
        f"Exported the backup set {found['uuid']} of {of['name']} to {file}: {policies(found['itemCount'])}.",
        {"backupSet": found["uuid"], "file": str(file), "bytes": file.stat().st_size, "sha256": digest},
        as_json=as_json,
    )


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="What `export` wrote.")
    ],
    tenant: OfTenant = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Make a backup set of a tenant from a file, whole or not at all. The same file makes it once."""
    with connected(profile) as api:
        of = find_tenant(api, tenant)
        with _opened(file) as archive, _progress(f"Importing {file.name}") as progress:
            imported = archives.upload(api, of["uuid"], archive, progress)
    made = imported["backupSet"]
    done = "was imported before as" if imported["deduplicated"] else "was imported as"
    tell(
        f"{file} {done} a backup of {of['name']}: {policies(made['itemCount'])}.\nBackup set {made['uuid']}",
        imported,
        as_json=as_json,
    )


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file, which takes the target's place at the end if nothing went wrong, and else is gone.

    Only its owner may read it. Raises ApiError when it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".atlas-export-") as folder:
            handle, made = tempfile.mkstemp(dir=folder)  # mode 0600
            with os.fdopen(handle, "wb+") as file:
                yield file
                file.flush()
                os.fsync(handle)  # else a power failure might leave the name, and nothing behind it
            Path(made).replace(target)
    except OSError as exc:
        raise ApiError(f"{target} cannot be written: {exc.strerror}.") from exc


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as exc:
        raise ApiError(f"{path} cannot be read: {exc.strerror}.") from exc


@contextmanager
def _progress(label: str) -> Iterator[archives.Tell]:
    """What is told how far it is, and shows it on a terminal."""
    screen = console(err=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=screen,
        disable=not screen.is_terminal,
    ) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
