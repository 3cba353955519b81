"""Waiting for a run: a progress bar on a terminal, and words when the waiting ends before the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from atlas_gql.cli.exits import ExitCode
from atlas_gql.cli.output import console
from atlas_gql.client import Api, NoAnswer, runs


def follow(api: Api, run: Mapping[str, Any], label: str) -> dict[str, Any]:
    """The run once it has ended. Ctrl-C ends the command, and leaves the run alone.

    Raises NoAnswer, which names the run, when the API stays away.
    """
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    screen = console(err=True)
    try:
        with Progress(
            *columns,
            TextColumn("{task.fields[trouble]}"),
            TimeElapsedColumn(),
            console=screen,
            disable=not screen.is_terminal,
        ) as progress:
            task = progress.add_task(label, total=None, trouble="")

            def tell(counters: Mapping[str, Any]) -> None:
                progress.update(
                    task,
                    total=counters["total"],
                    completed=counters["processed"] + counters["failed"],
                    trouble=_trouble(counters),
                )

            return runs.watch(api, run["id"], tell)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped watching. {_goes_on(run)}", err=True)
        raise typer.Exit(ExitCode.STOPPED) from None
    except NoAnswer as exc:
        raise NoAnswer(f"{exc.message} {_goes_on(run)}") from exc


def _goes_on(run: Mapping[str, Any]) -> str:
    return (
        f"The run goes on: `atlas runs watch {run['uuid']}` follows it, `atlas runs cancel {run['uuid']}`"
        " ends it."
    )


def _trouble(counters: Mapping[str, Any]) -> str:
    parts = [f"{counters[name]} {name}" for name in ("failed", "skipped") if counters[name]]
    return ", ".join(parts)
