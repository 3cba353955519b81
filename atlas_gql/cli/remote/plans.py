"""Plans as commands get and show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlas_gql.cli import exits
from atlas_gql.cli.output import paint, tell
from atlas_gql.cli.remote.ending import finish
from atlas_gql.cli.remote.following import follow
from atlas_gql.cli.remote.plan_view import plan_lines
from atlas_gql.cli.remote.run_view import end_lines
from atlas_gql.client import Api, Refused

_TOLD = {"action": ["WRITE", "BLOCKED", "NOT_IN_BACKUP"]}


def made(api: Api, run: Mapping[str, Any], label: str) -> dict[str, Any]:
    """The plan that a run makes, once it is there. Ends the command when there will be none."""
    done = follow(api, run, label)
    if done["outcome"] != "SUCCEEDED":
        paint(end_lines(done, ()), err=True)
        finish(exits.of_run(done))
    return ready(api, done["subject"]["id"])


def ready(api: Api, plan_id: str) -> dict[str, Any]:
    """A finished plan, without its items. Raises Refused for one that is not finished."""
    found = api.node("restore_run", "RestoreRun", plan_id)
    if found["state"] != "PLANNED":
        raise Refused("The plan is not there yet, or could not be made: `atlas runs list` tells.", result={})
    return found


def show_plan(
    api: Api,
    plan: Mapping[str, Any],
    *,
    whole: bool,
    as_json: bool,
    err: bool = False,
    hint: bool = True,
) -> None:
    """Print a plan with its policies; those that stay as they are only where the whole is wanted."""
    chosen = None if whole or as_json else _TOLD
    items = list(api.pages("restore_items", "node", "items", id=plan["id"], filter=chosen))
    shown = {**plan, "items": items}
    if as_json:
        tell("", shown, as_json=True)
    else:
        paint(plan_lines(shown, whole=whole, hint=hint), err=err)
