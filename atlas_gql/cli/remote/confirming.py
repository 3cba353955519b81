"""What a person says before something is written to Microsoft: the domain typed, the reason, the warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import uuid4

import typer

from atlas_gql.client import NoAnswer, Refused

ALL = "all"

Reason = Annotated[
    str | None,
    typer.Option(help="Why, for the audit trail; else you are asked.", show_default=False),
]
Confirming = Annotated[
    str | None,
    typer.Option(
        "--confirm",
        metavar="DOMAIN",
        help="The primary domain of the tenant that is written to; else you are asked to type it.",
        show_default=False,
    ),
]
Acknowledging = Annotated[
    list[str] | None,
    typer.Option(
        "--acknowledge",
        metavar="ID",
        help="A warning that you have seen, by its id, or `all`; may be repeated. Else you are asked.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        help="The key that an earlier call told, to repeat it: nothing is done twice under one key.",
        show_default=False,
    ),
]


def confirmed(tenant: Mapping[str, Any], domain: str | None, reason: str | None) -> dict[str, str]:
    """`confirmation` and `reason`, as given or typed now. Whether they fit, the API says."""
    if domain is None:
        need_terminal("--confirm DOMAIN")
        domain = typer.prompt(
            f"This writes to {tenant['name']}. Type its primary domain, {tenant['primaryDomain']}", err=True
        )
    if reason is None:
        need_terminal("--reason TEXT")
        reason = typer.prompt("Why", err=True)
    return {"confirmation": domain, "reason": reason}


def acknowledged(warnings: Sequence[Mapping[str, Any]], given: list[str] | None) -> dict[str, Any]:
    """What says to the API that the warnings were seen. Raises Refused when a person says no."""
    if given is None and warnings and at_terminal():
        if not typer.confirm(f"Acknowledge the {len(warnings)} warnings above?", err=True):
            raise Refused("The warnings were not acknowledged. Nothing was done.", result={})
        given = [ALL]
    return {
        "acknowledgeAllWarnings": given == [ALL],
        "acknowledgedWarnings": [id_ for id_ in given or () if id_ != ALL],
    }


@contextmanager
def idempotent(given: str | None) -> Iterator[str]:
    """A key for one change, which is told when no answer to that comes.

    Raises NoAnswer with the way to repeat it, and Refused with the warnings that were not acknowledged.
    """
    key = given or str(uuid4())
    try:
        yield key
    except NoAnswer as exc:
        raise NoAnswer(
            f"{exc.message} Whether it was started is not known. Repeat the command with"
            f" --idempotency-key {key}: if it was started, it is followed, and nothing is done twice."
        ) from exc
    except Refused as exc:
        missing = exc.result.get("warningIds")
        if missing is None:
            raise
        raise Refused(
            f"Warnings that were not acknowledged: {', '.join(missing)}. Give --acknowledge with the id of"
            " each, or --acknowledge all. Nothing was done.",
            result=exc.result,
        ) from exc


def agreed(question: str) -> None:
    """Ask a person. Raises Refused when they say no, and BadParameter where nobody can be asked."""
    need_terminal("--yes")
    if not typer.confirm(question, err=True):
        raise Refused("Nothing was done.", result={})


def at_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


def need_terminal(option: str) -> None:
    """Raises BadParameter where nobody can be asked for what the option would say."""
    if not at_terminal():
        raise typer.BadParameter(f"There is no terminal to ask on: use {option}.")
