"""`atlas backup create --all-tenants`: one request, a run for each tenant, followed together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from atlas_gql.cli import exits
from atlas_gql.cli.exits import ExitCode
from atlas_gql.cli.output import clean, console, paint, table, tell
from atlas_gql.cli.remote.confirming import idempotent
from atlas_gql.cli.remote.ending import finish
from atlas_gql.cli.remote.run_view import counts_of, how
from atlas_gql.cli.remote.words import count
from atlas_gql.client import Api, NoAnswer
from atlas_gql.client.many import watch_all
from atlas_gql.client.references import find_workspace

Result = Mapping[str, Any]


def back_up_all(
    api: Api,
    workspace: str | None,
    types: list[str] | None,
    *,
    key: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Back up every tenant of a workspace on which that is allowed; ends the command with its exit code."""
    of = find_workspace(api, workspace)
    wanted = {"workspaceId": of["id"], "operationType": exits.FETCH, "filter": {}}
    with idempotent(key) as own:
        payload = api.change(
            "start_on_tenants", **wanted, input={"policyTypes": types or []}, idempotencyKey=own
        )
    results = payload["results"]
    if not results:
        tell("There is no tenant that you may back up.", {"results": []}, as_json=as_json)
        return
    if wait:
        results = _ended(api, of, results)
    if as_json:
        tell("", {**payload, "results": results}, as_json=True)
    else:
        paint(_lines(results, payload["requestId"]))
    finish(code_of(results) if wait else _code_of_start(results))


def code_of(results: Sequence[Result]) -> ExitCode:
    """The exit code for what became of many runs, which have ended."""
    if not any(one["run"] for one in results):
        return ExitCode.REFUSED
    codes = {exits.of_run(one["run"]) if one["run"] else ExitCode.FAILED_ITEMS for one in results}
    return codes.pop() if len(codes) == 1 else ExitCode.FAILED_ITEMS


def _code_of_start(results: Sequence[Result]) -> ExitCode:
    refused = [one for one in results if one["error"]]
    if not refused:
        return ExitCode.DONE
    return ExitCode.REFUSED if len(refused) == len(results) else ExitCode.FAILED_ITEMS


def _ended(api: Api, workspace: Mapping[str, Any], results: Sequence[Result]) -> list[dict[str, Any]]:
    """The results with their runs as they ended. Ctrl-C ends the command, and leaves the runs alone."""
    runs = [one["run"] for one in results if one["run"]]
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
            task = progress.add_task(f"Backing up {workspace['name']}", total=len(runs), trouble="")

            def look(ended: Mapping[str, Result]) -> None:
                failed = sum(run["outcome"] != "SUCCEEDED" for run in ended.values())
                trouble = f"{failed} not successful" if failed else ""
                progress.update(task, completed=len(ended), trouble=trouble)

            ended = watch_all(api, workspace["id"], runs, [exits.FETCH], look)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped watching. {_go_on(workspace)}", err=True)
        raise typer.Exit(ExitCode.STOPPED) from None
    except NoAnswer as exc:
        raise NoAnswer(f"{exc.message} {_go_on(workspace)}") from exc
    return [{**one, "run": ended[one["run"]["id"]] if one["run"] else None} for one in results]


def _go_on(workspace: Mapping[str, Any]) -> str:
    return f"The runs go on: `atlas runs list --workspace {workspace['uuid']}` shows them."


def _lines(results: Sequence[Result], request_id: str) -> Iterator[RenderableType]:
    rows = [_row(one) for one in clean(list(results))]
    yield table(rows, {"tenant": "Tenant", "how": "Backup", "why": "Why", "uuid": "Run"})
    done = sum(bool(one["run"]) and one["run"]["outcome"] == "SUCCEEDED" for one in results)
    yield f"{done} of {count(len(results), 'tenant')} backed up, request {request_id}"


def _row(one: Result) -> dict[str, Any]:
    run, error = one["run"], one["error"]
    tenant = one["tenant"]["name"] if one["tenant"] else one["tenantId"]
    if run is None:
        return {
            "tenant": tenant,
            "how": "not started",
            "why": f"{error['message']} ({error['code']})",
            "uuid": "",
        }
    failures = run.get("failures") or []
    why = failures[0]["reasonCode"] or failures[0]["code"] if failures else ""
    counted = f": {counts_of(run)}" if "counters" in run else ""
    return {"tenant": tenant, "how": f"{how(run)}{counted}", "why": why, "uuid": run["uuid"]}
