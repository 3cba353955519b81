"""Settings of plugins as options, and what is printed of them; for the commands of both planes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from atlas_gql.cli.output import show, tell
from atlas_gql.cli.secrets import check_sources, read_secret
from atlas_gql.client.settings import PluginSettings

OfPlugin = Annotated[str, typer.Argument(metavar="PLUGIN", help="The plugin, by its name.")]
Values = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=VALUE]...",
        help="What to set. A list is given with commas, or as JSON; numbers and the like are JSON.",
        show_default=False,
    ),
]
Defaults = Annotated[
    list[str] | None,
    typer.Option(
        "--default",
        metavar="NAME",
        help="Go back to the default of this setting, or forget this secret; may be repeated.",
        show_default=False,
    ),
]
OfSecret = Annotated[
    str | None,
    typer.Option(
        "--secret",
        metavar="NAME",
        help="Set this secret: to what --from-env or --from-stdin says; else you are asked.",
        show_default=False,
    ),
]


def read_secrets(
    values: list[str] | None,
    defaults: list[str] | None,
    secret: str | None,
    from_env: str | None,
    from_stdin: bool,
) -> Mapping[str, str]:
    """The secret that the options name. Raises BadParameter where nothing is to be set, or not like that."""
    check_sources(from_env, from_stdin)
    if secret is None and (from_env or from_stdin):
        raise typer.BadParameter("--from-env and --from-stdin go with --secret.")
    if not (values or defaults or secret):
        raise typer.BadParameter("Give NAME=VALUE, --secret or --default.")
    if wrong := [value for value in values or () if "=" not in value]:
        # Not repeated: it may be a secret.
        raise typer.BadParameter(f"{len(wrong)} of the values are not like NAME=VALUE.")
    return {} if secret is None else {secret: read_secret(secret, from_env, from_stdin)}


def show_settings(settings: PluginSettings, *, as_json: bool) -> None:
    """Print what is set."""
    found = settings.read()
    if as_json:
        tell("", found, as_json=True)
    else:
        show(settings.rows(found), {"name": "Setting", "value": "Value"}, empty="", as_json=False)


def set_settings(
    settings: PluginSettings,
    values: list[str] | None,
    defaults: list[str] | None,
    secrets: Mapping[str, str],
    *,
    as_json: bool,
) -> None:
    """Set what the options say, and print what is set then."""
    given = settings.given(values or (), defaults or (), secrets)
    found: dict[str, Any] = settings.change(given)
    tell(f"Set {', '.join(sorted(given))}.", found, as_json=as_json)
