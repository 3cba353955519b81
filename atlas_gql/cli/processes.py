"""`atlas serve`, `worker`, `dev`, `demo` and `schema`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands that run processes."""
