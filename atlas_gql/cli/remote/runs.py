"""`atlas runs`: what is read and asked for through the API, with `runs prune` beside it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.output import AsJson, paint, show, tell
from atlas_gql.cli.remote.confirming import Confirming, Key, Reason, confirmed, idempotent
from atlas_gql.cli.remote.connection import Everything, NoWait, OfProfile, OfTenant, connected
from atlas_gql.cli.remote.ending import TROUBLED, ended, finish, started
from atlas_gql.cli.remote.run_view import COLUMNS, LOG_COLUMNS, end_lines, fact_lines, listed, logged
from atlas_gql.cli.runs import prune
from atlas_gql.client import Api
from atlas_gql.client.references import find_tenant, find_workspace, id_of

app = typer.Typer(name="runs", help="Runs: what was done, and what is going on.", no_args_is_help=True)
app.command()(prune)

OfRun = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
SHORT = 20


class Status(StrEnum):
    """Where a run stands, as an option's value."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"


class Outcome(StrEnum):
    """How a run ended, as an option's value."""

    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially-succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@app.command("list")
def list_(
    tenant: OfTenant = None,
    workspace: Annotated[
        str | None, typer.Option(help="The runs of all tenants of this workspace, by name or id.")
    ] = None,
    status: Annotated[list[Status] | None, typer.Option(help="Only these; may be repeated.")] = None,
    outcome: Annotated[list[Outcome] | None, typer.Option(help="Only these; may be repeated.")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only this operation, such as assignments.restore."),
    ] = None,
    internal: Annotated[
        bool, typer.Option("--internal", help="What plugins do when runs have ended, instead.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = SHORT,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """List the runs of a tenant, or of a whole workspace, the newest first."""
    chosen: dict[str, Any] = {"status": _names(status), "outcome": _names(outcome), "type": types or None}
    chosen |= {"internal": True} if internal else {}
    with connected(profile) as api:
        kind = "tenant" if workspace is None else "workspace"
        of = find_tenant(api, tenant) if workspace is None else find_workspace(api, workspace)
        wanted = {"id": of["id"], "filter": chosen, "limit": limit}
        found = list(api.pages(f"{kind}_runs", kind, "runs", **wanted))
    rows = found if as_json else [listed(run) for run in found]
    columns = COLUMNS if workspace is None else {"tenant": "Tenant", **COLUMNS}
    show(rows, columns, empty="There is no such run.", as_json=as_json)


@app.command("show")
def show_(
    run: OfRun,
    everything: Everything = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Show a run, and what in it failed or was left out."""
    with connected(profile) as api:
        found = _run(api, run)
        chosen = None if everything or as_json else TROUBLED
        items = list(api.pages("run_items", "node", "items", id=found["id"], filter=chosen))
    if as_json:
        return tell("", {**found, "items": items}, as_json=True)
    paint([*end_lines(found, items, whole=everything), *fact_lines(found)])
    return None


@app.command()
def log(run: OfRun, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Show what the operation of a run logged, in order."""
    with connected(profile) as api:
        found = _run(api, run)
        lines = list(api.pages("run_log", "node", "log", id=found["id"]))
    rows = lines if as_json else [logged(line) for line in lines]
    show(rows, LOG_COLUMNS, empty="Nothing was logged.", as_json=as_json)


@app.command()
def watch(run: OfRun, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Follow a run to its end, and show how it ended. Ctrl-C stops the watching, not the run."""
    with connected(profile) as api:
        found = _run(api, run)
        done = ended(api, found, found["type"], as_json=as_json)
    finish(exits.of_run(done))


@app.command()
def cancel(run: OfRun, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Ask a run to stop: a queued one ends at once, a running one between two of its items."""
    with connected(profile) as api:
        asked = api.change("cancel", runId=id_of("OperationRun", run))["run"]
    tell(f"The run was asked to stop: `atlas runs watch {asked['uuid']}`.", {"run": asked}, as_json=as_json)


@app.command()
def retry(
    run: OfRun,
    reason: Reason = None,
    confirm: Confirming = None,
    idempotency_key: Key = None,
    no_wait: NoWait = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Do what an ended run left undone, as a new run. A restore has to be confirmed again."""
    with connected(profile) as api:
        found = _run(api, run)
        given: dict[str, Any] = {"runId": found["id"]}
        if found["type"] == "assignments.restore":
            plan = api.node("restore_run", "RestoreRun", found["subject"]["id"])
            given |= {"planDigest": plan["planDigest"], **confirmed(found["tenant"], confirm, reason)}
        with idempotent(idempotency_key) as key:
            payload = api.change("retry", idempotencyKey=key, **given)
        if no_wait:
            return started(payload, "The retry", as_json=as_json)
        done = ended(api, payload["run"], f"Retrying {found['type']}", as_json=as_json)
    finish(exits.of_run(done))
    return None


def _run(api: Api, text: str) -> dict[str, Any]:
    return api.node("run", "OperationRun", id_of("OperationRun", text))


def _names(chosen: list[Status] | list[Outcome] | None) -> list[str] | None:
    """Options as the API spells them."""
    return [value.name for value in chosen] if chosen else None
