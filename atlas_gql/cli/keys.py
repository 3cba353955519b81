"""`atlas keys`."""

from __future__ import annotations

import typer

from atlas_gql.providers.sealing import generate_key

app = typer.Typer(name="keys", help="The key that seals credentials.", no_args_is_help=True)


@app.command()
def generate() -> None:
    """Print a new key for ATLAS_SECRET_KEY. Nothing is stored: keep it where your secrets are kept."""
    typer.echo(generate_key())
    typer.echo(
        "Give it as ATLAS_SECRET_KEY to every process, and to `atlas credential create`. To change keys, put"
        " the new one in front of the old: NEW,OLD. What was sealed with a lost key cannot be opened.",
        err=True,
    )
