"""What commands print: a sentence or a table for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_WIDE = 240
"""Columns of a table that goes to a file or a pipe: nothing is cut there."""


def tell(sentence: str, values: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was done: the sentence, or the values as one JSON object."""
    typer.echo(_json(values) if as_json else sentence)


def show(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str, as_json: bool) -> None:
    """Print rows as a table with these columns (key to heading), or as one JSON array of whole rows.

    Without rows a person reads `empty`.
    """
    rows = list(rows)
    if as_json:
        typer.echo(_json(rows))
    elif not rows:
        typer.echo(empty, err=True)
    else:
        _console().print(_table(rows, columns))


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for key, heading in columns.items():
        # An id that is cut or broken cannot be copied.
        table.add_column(heading, min_width=36 if key == "id" else None, overflow="fold")
    for row in rows:
        # Text: what people typed is no markup.
        table.add_row(*(Text(_plain(row[key])) for key in columns))
    return table


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def _plain(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
