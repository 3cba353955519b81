"""`atlas plugins`."""

from __future__ import annotations

import typer

from atlas_gql.cli.output import AsJson, show
from atlas_gql.plugins.loading import discover, load_operations, names
from atlas_gql.settings import load_settings

app = typer.Typer(name="plugins", help="What adds operations to Atlas.", no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the plugins that are loaded, and their operations. ATLAS_LOAD_PLUGINS restricts them."""
    found = discover(names(load_settings().load_plugins))
    load_operations(found)  # together: they must not take each other's names
    show(
        ({"name": name, "operations": sorted(load_operations([(name, plugin)]))} for name, plugin in found),
        {"name": "Name", "operations": "Operations"},
        empty="No plugin is loaded.",
        as_json=as_json,
    )
