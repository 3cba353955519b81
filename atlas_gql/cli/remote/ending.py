"""The end of a command that started a run: waited for, shown, and told by the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.output import paint, tell
from atlas_gql.cli.remote.following import follow
from atlas_gql.cli.remote.run_view import end_lines
from atlas_gql.client import Api

TROUBLED = {"state": ["FAILED", "SKIPPED"]}


def started(payload: Mapping[str, Any], label: str, *, as_json: bool) -> None:
    """Say which run was started, for who does not wait for it."""
    run = payload["run"]
    said = "was under way already" if payload["deduplicated"] else "was started"
    sentence = f"{label} {said}: `atlas runs watch {run['uuid']}` follows it."
    tell(sentence, {"run": run, "deduplicated": payload["deduplicated"]}, as_json=as_json)


def ended(api: Api, run: Mapping[str, Any], label: str, *, as_json: bool) -> dict[str, Any]:
    """Wait for a run, show how it ended, and give it."""
    done = follow(api, run, label)
    if as_json:
        tell("", done, as_json=True)
    else:
        items = list(api.pages("run_items", "node", "items", id=done["id"], filter=TROUBLED))
        paint(end_lines(done, items))
    return done


def finish(code: exits.ExitCode) -> None:
    """End the command with this code."""
    raise typer.Exit(code)
