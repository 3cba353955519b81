"""`atlas restore execute` and `undo`: what writes to Microsoft, confirmed by a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.output import AsJson, paint
from atlas_gql.cli.remote.confirming import (
    Acknowledging,
    Confirming,
    Key,
    Reason,
    acknowledged,
    confirmed,
    idempotent,
    need_terminal,
)
from atlas_gql.cli.remote.connection import Everything, NoWait, OfProfile, connected
from atlas_gql.cli.remote.ending import ended, finish, started
from atlas_gql.cli.remote.plan_view import summary_lines
from atlas_gql.cli.remote.plans import made, ready, show_plan
from atlas_gql.client import Api
from atlas_gql.client.references import id_of

OfPlan = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, as `restore plan` shows it.")]


def register(app: typer.Typer) -> None:
    """Add them to `atlas restore`."""
    app.command()(execute)
    app.command()(undo)


def execute(
    plan: OfPlan,
    reason: Reason = None,
    acknowledge: Acknowledging = None,
    confirm: Confirming = None,
    idempotency_key: Key = None,
    no_wait: NoWait = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Carry out a plan as it was shown, confirmed with the tenant's domain, a reason and its warnings."""
    with connected(profile) as api:
        planned = ready(api, id_of("RestoreRun", plan))
        paint(summary_lines(planned), err=as_json)
        given = acknowledged(planned["warnings"], acknowledge)
        given |= confirmed(planned["tenant"], confirm, reason)
        _carry_out(api, planned, given, key=idempotency_key, no_wait=no_wait, as_json=as_json)


def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run of the restore, however it ended.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this policy, by its id at Microsoft; may be repeated."),
    ] = None,
    reason: Reason = None,
    acknowledge: Acknowledging = None,
    confirm: Confirming = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Only plan and show it; `restore execute` does the rest.")
    ] = False,
    everything: Everything = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Plan the way back to the state before a restore, show it, and do it after one confirmation.

    What somebody else has changed since stays as it is.
    """
    if confirm is None and not plan_only:
        need_terminal("--confirm DOMAIN, or --plan-only")
    with connected(profile) as api:
        done = api.node("run", "OperationRun", id_of("OperationRun", run))
        wanted = {"tenantId": done["tenant"]["id"], "runId": done["id"], "policyIds": policy or []}
        payload = api.change("undo", **wanted)
        planned = made(api, payload["run"], f"Planning the way back for {done['tenant']['name']}")
        to_show = {"as_json": as_json and plan_only, "err": as_json, "hint": plan_only}
        show_plan(api, planned, whole=everything, **to_show)
        if plan_only or not planned["summary"]["policies"]["write"]:
            finish(exits.of_plan(planned))
        typed = confirmed(planned["tenant"], confirm, reason or f"Undo of the run {done['uuid']}")
        # Who typed the domain below the warnings has seen them; a script has to say so.
        seen = ["all"] if confirm is None else acknowledge
        given = acknowledged(planned["warnings"], seen) | typed
        _carry_out(api, planned, given, key=None, no_wait=False, as_json=as_json)


def _carry_out(
    api: Api,
    planned: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    key: str | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Execute a plan, wait for the end, show it, and end the command."""
    with idempotent(key) as one:
        wanted = {"restoreRunId": planned["id"], "planDigest": planned["planDigest"], **given}
        payload = api.change("restore", idempotencyKey=one, **wanted)
    if no_wait:
        started(payload, "The restore", as_json=as_json)
        return
    done = ended(api, payload["run"], f"Restoring {planned['tenant']['name']}", as_json=as_json)
    if not as_json:
        typer.echo(f"  to go back: atlas restore undo {done['uuid']}")
    finish(exits.of_run(done))
