"""The `atlas` command. `app` is all of it, for whoever looks at the commands instead of running one."""

from __future__ import annotations

from typing import Any

from atlas_gql.cli.command import build, main

__all__ = ["app", "build", "main"]


def __getattr__(name: str) -> Any:
    # made when it is asked for: `main` makes only what it needs
    if name == "app":
        return build()
    raise AttributeError(name)
