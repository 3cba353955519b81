"""The commands of whoever runs the installation: they work on its database, or are its processes."""

from __future__ import annotations

import typer

from atlas_gql.cli import (
    credentials,
    database,
    keys,
    memberships,
    plugins,
    processes,
    providers,
    simulator,
    tenants,
    tokens,
    users,
    workspaces,
)


def register(app: typer.Typer) -> None:
    """Add them, in the order of a first setup."""
    for noun in (
        database,
        keys,
        workspaces,
        users,
        memberships,
        tenants,
        credentials,
        providers,
        tokens,
        plugins,
    ):
        app.add_typer(noun.app)
    simulator.register(app)
    processes.register(app)
