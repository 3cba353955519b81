"""The API as a command uses it: found in a profile, and open for the command's length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from atlas_gql.client import Api, choose_access

OfProfile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="The profile to use, as `atlas login --profile` stored it; else ATLAS_PROFILE, or `default`.",
        show_default=False,
    ),
]
OfTenant = Annotated[
    str | None,
    typer.Option(
        "--tenant",
        "-t",
        metavar="TENANT",
        help="The tenant, by name, domain or id; may be left out when you reach only one.",
        show_default=False,
    ),
]
OfWorkspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="WORKSPACE",
        help="The workspace, by name or id; may be left out when you are a member of only one.",
        show_default=False,
    ),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Show everything, also what is summarised otherwise.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only start the run; `atlas runs watch` follows it.")]


@contextmanager
def connected(profile: str | None) -> Iterator[Api]:
    """The API of the profile, or of the environment. Raises NotAllowed when nobody is logged in."""
    with Api(choose_access(profile, os.environ), waiting=_Waiting()) as api:
        yield api


class _Waiting:
    """Says once that the API does not answer and is asked again."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self) -> None:
        if not self._said:
            typer.echo("The API does not answer; trying again.", err=True)
        self._said = True
