"""`atlas credential`. A secret comes from the environment, standard input or a prompt, never an argument."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Transaction
from atlas_gql.db.tables import workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.providers import material
from atlas_gql.providers.credentials import create_credential
from atlas_gql.providers.keys import sealer_of
from atlas_gql.providers.material import Kind, Material
from atlas_gql.settings import load_settings

app = typer.Typer(
    name="credential", help="What Atlas proves its identity to Microsoft with.", no_args_is_help=True
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name, unique in the workspace.")],
    workspace: Annotated[str, typer.Option(help="The workspace that owns it, by name or id.")],
    kind: Annotated[
        Kind, typer.Option(help="A client secret, or a certificate with its private key.")
    ] = Kind.SECRET,
    from_env: Annotated[
        str | None,
        typer.Option(
            metavar="VAR",
            help="Read the secret (or the private key's passphrase) from this environment variable.",
            show_default=False,
        ),
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--from-stdin", help="Read it from standard input; else you are asked.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(help="The certificate, a PEM file.", show_default=False)
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option(help="Its private key, a PEM file.", show_default=False)
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="When it ends; a certificate tells that itself.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Seal a secret or a certificate for a workspace. It may serve many providers."""
    if from_env and from_stdin:
        raise typer.BadParameter("--from-env and --from-stdin exclude each other.")
    if kind is Kind.SECRET and (certificate or private_key):
        raise typer.BadParameter("--certificate and --private-key need --kind certificate.")
    if kind is Kind.CERTIFICATE and not (certificate and private_key):
        raise typer.BadParameter("--kind certificate needs --certificate and --private-key.")
    settings = load_settings()
    sealer = sealer_of(settings)
    proof = (
        _certificate(certificate, private_key, from_env, from_stdin)
        if certificate and private_key
        else material.secret(_read("Secret", from_env, from_stdin))
    )

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await find(tx, workspaces, workspace, option="workspace")
        made = await create_credential(
            tx,
            COMMAND,
            sealer,
            workspace_id=of.id,
            name=name,
            material=proof,
            expires_at=expires.replace(tzinfo=UTC) if expires else None,
        )
        return {"id": made, "name": name, "kind": kind}

    made = in_transaction(work, settings)
    tell(f"Made the credential {name} ({made['id']}).", made, as_json=as_json)


def _certificate(certificate: Path, private_key: Path, from_env: str | None, from_stdin: bool) -> Material:
    key = _text(private_key, "privateKey")
    encrypted = material.is_encrypted(key)
    return material.certificate(
        _text(certificate, "certificate"),
        key,
        passphrase=_read("Passphrase", from_env, from_stdin) if encrypted else None,
    )


def _read(what: str, from_env: str | None, from_stdin: bool) -> str:
    if from_env:
        value = os.environ.get(from_env)
        if not value:
            raise ValidationError("The environment variable is not set, or empty.", field="fromEnv")
        return value
    if from_stdin:
        return sys.stdin.read().strip()
    if not sys.stdin.isatty():
        raise typer.BadParameter("There is no terminal to ask on: use --from-env or --from-stdin.")
    return str(typer.prompt(what, hide_input=True, err=True))


def _text(path: Path, field: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as exc:
        raise ValidationError(f"{path} cannot be read: {exc.strerror}.", field=field) from exc
    except UnicodeDecodeError as exc:
        raise ValidationError(f"{path} is not in PEM form.", field=field) from exc
