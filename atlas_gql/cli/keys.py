"""`atlas keys`."""

from __future__ import annotations

from typing import Any

import typer

from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, tell
from atlas_gql.cli.session import on_database
from atlas_gql.db.database import Database, Row
from atlas_gql.providers.keys import sealer_of
from atlas_gql.providers.resealing import Rotation, reseal
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.settings import load_settings

app = typer.Typer(name="keys", help="The key that seals secrets.", no_args_is_help=True)


@app.command()
def generate() -> None:
    """Print a new key for ATLAS_SECRET_KEY. Nothing is stored: keep it where your secrets are kept."""
    typer.echo(generate_key())
    typer.echo(
        "Give it as ATLAS_SECRET_KEY to every process, and to `atlas credential create`. To change keys, put"
        " the new one in front of the old, NEW,OLD, and run `atlas keys rotate`. What was sealed with a lost"
        " key cannot be opened.",
        err=True,
    )


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Seal every secret anew with the first key of ATLAS_SECRET_KEY, and say which old keys may go.

    Interrupted, it goes on where it was when it is run again. Ends with 1 when there are secrets that no
    key opens.
    """
    settings = load_settings()
    sealer = sealer_of(settings)

    async def work(database: Database) -> Rotation:
        return await reseal(database, COMMAND, sealer, _progress)

    done = on_database(work, settings)
    tell(_sentence(done, sealer), _values(done, sealer), as_json=as_json)
    for row in done.unopened:
        typer.echo(f"No key opens {_unopened(row)}", err=True)
    if done.unopened:
        raise typer.Exit(1)


_NAMING = ("kind", "id", "name", "workspace", "tenant")


def _unopened(row: Row) -> str:
    """What no key opens, and what to do about it."""
    match row.kind:
        case "credential":
            return (
                f"the credential {row.name} of {row.workspace} ({row.id}): `atlas credential rotate` gives it"
                " a new secret."
            )
        case "installation":
            return (
                f"the settings of the plugin {row.name}: `atlas plugins settings set` gives it new secrets."
            )
        case _:
            return (
                f"the settings of the plugin {row.name} for {row.tenant} of {row.workspace}:"
                " `atlas tenants settings set` gives it new secrets."
            )


def _progress(seen: int, total: int) -> None:
    typer.echo(f"{seen} of {total} secrets", err=True)


def _values(done: Rotation, sealer: Sealer) -> dict[str, Any]:
    return {
        "resealed": done.resealed,
        "unopened": [{name: getattr(row, name) for name in _NAMING} for row in done.unopened],
        "removable_keys": _places(done.unneeded, sealer),
        "needed_keys": _places(done.needed, sealer),
    }


def _sentence(done: Rotation, sealer: Sealer) -> str:
    said = [f"Secrets sealed anew with the first key of ATLAS_SECRET_KEY: {done.resealed}."]
    if done.unneeded:
        said.append(
            f"Nothing needs {_listed(done.unneeded, sealer)} any more: once every process runs with this"
            " setting, take it out of ATLAS_SECRET_KEY."
        )
    if done.needed:
        said.append(f"Still needed: {_listed(done.needed, sealer)}. Run the command again.")
    return " ".join(said)


def _listed(keys: list[str], sealer: Sealer) -> str:
    return "key " + ", ".join(map(str, _places(keys, sealer)))


def _places(keys: list[str], sealer: Sealer) -> list[int]:
    """Where keys stand in the setting, counted from 1."""
    return [sealer.key_ids.index(key) + 1 for key in keys]
