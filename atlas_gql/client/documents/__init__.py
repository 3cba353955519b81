"""Every operation that the client sends, one in a `.graphql` file of its name."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def document(name: str) -> str:
    """The text of an operation."""
    return (files(__name__) / f"{name}.graphql").read_text(encoding="utf-8")
