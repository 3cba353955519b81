"""Secrets as commands take them: from the environment, standard input or a prompt, never an argument."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from atlas_gql.errors import ValidationError

FromEnv = Annotated[
    str | None,
    typer.Option(
        metavar="VAR",
        help="Read the secret (or a private key's passphrase) from this environment variable.",
        show_default=False,
    ),
]
FromStdin = Annotated[
    bool, typer.Option("--from-stdin", help="Read it from standard input; else you are asked.")
]


def check_sources(from_env: str | None, from_stdin: bool) -> None:
    """Raises BadParameter when a secret is said to come from two places."""
    if from_env and from_stdin:
        raise typer.BadParameter("--from-env and --from-stdin exclude each other.")


def read_secret(what: str, from_env: str | None, from_stdin: bool) -> str:
    """The secret. Raises ValidationError, or BadParameter when there is nowhere to get it from."""
    check_sources(from_env, from_stdin)
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
