"""`atlas plugins`."""

from __future__ import annotations

from typing import Any

import typer

from atlas_gql.cli.output import AsJson, show
from atlas_gql.plugins.loading import discover, load_plugins, names
from atlas_gql.settings import load_settings

app = typer.Typer(name="plugins", help="What adds operations to Atlas.", no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the plugins, what they add, and why one is not loaded. ATLAS_LOAD_PLUGINS restricts them."""
    found = discover(names(load_settings().load_plugins))
    refused = load_plugins(found).refused  # together: they must not take each other's names
    show(
        (_row(name, plugin, refused.get(name)) for name, plugin in found),
        {
            "name": "Name",
            "operations": "Operations",
            "policyTypes": "Policy types",
            "capabilities": "Capabilities",
            "refused": "Why it is not loaded",
        },
        empty="No plugin is loaded.",
        as_json=as_json,
    )


def _row(name: str, plugin: Any, refused: str | None) -> dict[str, Any]:
    offered = load_plugins([] if refused else [(name, plugin)])
    return {
        "name": name,
        "operations": list(offered.operations),
        "policyTypes": [row.policy_type for row in offered.policy_types],
        "capabilities": [added.name for added in offered.capabilities],
        "refused": refused,
    }
