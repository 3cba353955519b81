"""The commands of administrators: they ask the API, with a token, and never the database."""

from __future__ import annotations

import typer

from atlas_gql.cli.remote import backup, login, members, restore, runs, schedule, tenants, tokens

NAMES = frozenset(
    {"login", "logout", "whoami", "backup", "restore", "runs", "schedule", "tenants", "members", "tokens"}
)


def register(app: typer.Typer) -> None:
    """Add them, in the order in which they are used."""
    login.register(app)
    for noun in (backup, restore, runs, schedule, tenants, members, tokens):
        app.add_typer(noun.app)
