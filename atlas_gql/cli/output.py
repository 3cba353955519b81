"""What commands print: a sentence or a table for people, JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, RenderableType
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
        paint([table(rows, columns)])


_WHOLE = ("id", "uuid", "created", "made", "at")
"""Columns that are never broken: an id in two pieces cannot be copied."""


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    """A table of rows; columns are key to heading."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for key, heading in columns.items():
        made.add_column(heading, no_wrap=key in _WHOLE, overflow="fold")
    for row in rows:
        # Text: what people typed is no markup.
        made.add_row(*(Text(_plain(row[key])) for key in columns))
    return made


def grid(rows: Iterable[Sequence[str | Text]], *, widths: Sequence[int] = ()) -> Table:
    """Columns without lines or headings; `widths` are the least ones of the first columns."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for width in widths:
        made.add_column(min_width=width)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def paint(parts: Iterable[RenderableType], *, err: bool = False) -> None:
    """Print what people read, without the space that would fill its lines."""
    screen = console(err=err)
    with screen.capture() as captured:
        for part in parts:
            screen.print(part)
    lines = captured.get().splitlines()
    typer.echo("\n".join(line.rstrip() for line in lines), err=err, color=True)


def console(*, err: bool = False) -> Console:
    """Where people read: as wide as the terminal, or as COLUMNS says; coloured on a terminal only."""
    stream = sys.stderr if err else sys.stdout
    sized = stream.isatty() or "COLUMNS" in os.environ
    return Console(file=stream, highlight=False, markup=False, width=None if sized else _WIDE)


def clean(value: Any) -> Any:
    """The value with no text in it that a terminal would obey, or show where it does not stand.

    A policy's name is whatever somebody made of it: escape sequences, or letters that run backwards.
    """
    match value:
        case str():
            return "".join(letter if letter.isprintable() else "\ufffd" for letter in value)
        case dict():
            return {key: clean(inner) for key, inner in value.items()}
        case list() | tuple():
            return [clean(inner) for inner in value]
        case _:
            return value


def _plain(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple():
            return ", ".join(map(_plain, value))
        case _:
            return str(clean(str(value)))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
