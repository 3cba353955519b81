"""The command with its parts put together, and how it says that something went wrong."""

from __future__ import annotations

import os
import re
import sys
import traceback
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException

from atlas_gql import logs
from atlas_gql.cli import exits, remote
from atlas_gql.cli.output import clean
from atlas_gql.errors import AtlasError
from atlas_gql.redaction import redact_text

HELP = """
Back up, plan and restore Microsoft Intune policy assignments.

A first setup, in order (each command takes --help):

\b
  atlas db upgrade
  atlas workspace create Contoso
  atlas user create anna
  atlas membership create --workspace Contoso --user anna --role owner
  atlas tenant create "Contoso EU" --workspace Contoso \\
      --entra-tenant-id 8f1c0f6e-8f9d-4c6e-9a53-6d2f6f0c7b11 \\
      --primary-domain contoso.onmicrosoft.com
  atlas credential create "Atlas app" --workspace Contoso --kind secret
  atlas provider create --tenant "Contoso EU" --cloud global \\
      --client-id 3b1f7a52-5d0e-4f7c-8a54-0c6c5c0c1d22 --credential "Atlas app"
  atlas token create --user anna --name laptop
  atlas serve        (and, beside it, atlas worker)

Then, from any machine: atlas login, atlas backup create, atlas restore plan, atlas restore execute.

Without ATLAS_DATABASE_URL, Atlas runs a PostgreSQL of its own in .atlas/, and `db upgrade` is not needed.
"""


class _Explaining(TyperGroup):
    """The group of all commands: whatever goes wrong in one ends as one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exit, Abort, TyperException):  # how commands end on purpose, and wrong usage
            raise
        except AtlasError as exc:
            _explain(exc.message, getattr(exc, "field", None))
            raise Exit(exits.of_error(exc)) from exc
        except BrokenPipeError:  # whoever read the output has enough; Typer knows what to do
            raise
        except Exception as exc:
            _explain(f"Atlas did not expect this: {type(exc).__name__}. ATLAS_LOG_LEVEL=debug tells more.")
            if _is_debugging():
                typer.echo(redact_text(traceback.format_exc()), err=True)
        raise Exit(exits.ExitCode.ERROR)


def build(*, remote_only: bool = False) -> typer.Typer:
    """The command with all that is below it, or with the commands of administrators alone."""
    app = typer.Typer(
        cls=_Explaining,
        name="atlas",
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    app.callback()(begin)
    if not remote_only:
        from atlas_gql.cli import local

        local.register(app)
    remote.register(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"atlas {version('atlas-gql')}")
        raise Exit


def begin(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    # Only what is wrong: a command says itself what it did. Processes configure logs anew.
    logs.configure(format_="console", level="debug" if _is_debugging() else "warning")


def main() -> None:
    """The command `atlas`; ends the process with one of `ExitCode`."""
    # What works on the database takes three times as long to load as all that an administrator needs.
    build(remote_only=sys.argv[1:2] != [] and sys.argv[1] in remote.NAMES)()


def _explain(message: str, field: str | None = None) -> None:
    where = f" ({_option(field)})" if field else ""
    typer.echo(f"error: {clean(message)}{where}", err=True)


def _option(field: str) -> str:
    """A field's name as the command line spells it: `entraTenantId` is `entra-tenant-id`."""
    return re.sub(r"(?=[A-Z])", "-", field).lower()


def _is_debugging() -> bool:
    # Not from the settings: it must be known also when these are what is wrong.
    return os.environ.get("ATLAS_LOG_LEVEL", "").lower() == "debug"
