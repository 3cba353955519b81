"""`atlas plugins`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_gql.cli import plugin_settings
from atlas_gql.cli.output import AsJson, show
from atlas_gql.cli.scaffold import package_of, write_plugin
from atlas_gql.settings import load_settings

if TYPE_CHECKING:
    from atlas_gql.plugins.loading import Installed

app = typer.Typer(name="plugins", help="What adds operations to Atlas.", no_args_is_help=True)
app.add_typer(plugin_settings.app)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the plugins, what they add, and why one is not loaded. ATLAS_LOAD_PLUGINS restricts them."""
    # Not above: the schema would be imported by every command.
    from atlas_gql.plugins.loading import discover, load_plugins, names
    from atlas_gql.schema.offering import misfit

    loaded = load_plugins(discover(names(load_settings().load_plugins)), fits=misfit)
    show(
        map(_row, loaded.plugins),
        {
            "name": "Name",
            "version": "Version",
            "operations": "Operations",
            "policyTypes": "Policy types",
            "capabilities": "Capabilities",
            "listeners": "Listeners",
            "refused": "Why it is not loaded",
        },
        empty="No plugin is loaded.",
        as_json=as_json,
    )


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The plugin's name, such as stale-policies.")],
    directory: Annotated[
        Path | None, typer.Option(help="The folder to make; else ./atlas-NAME.", show_default=False)
    ] = None,
) -> None:
    """Write a new plugin: an operation, its tests, and all that it takes to install it."""
    folder = write_plugin(name, directory)
    typer.echo(
        f"{folder} is a whole plugin. To try it, in the environment of Atlas:\n"
        f"  cd {shlex.quote(str(folder))}\n"
        "  pip install -e '.[test]'\n"
        "  pytest\n"
        "  atlas plugins list\n"
        f"Then change src/{package_of(name)}/plugin.py, and start Atlas again."
    )


def _row(plugin: Installed) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "operations": plugin.operations,
        "policyTypes": plugin.policy_types,
        "capabilities": plugin.capabilities,
        "listeners": plugin.listeners,
        "refused": plugin.refused,
    }
