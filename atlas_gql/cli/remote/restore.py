"""`atlas restore`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.output import AsJson, paint, tell
from atlas_gql.cli.remote.backup import OfSet, OfTypes
from atlas_gql.cli.remote.confirming import (
    Acknowledging,
    Confirming,
    Key,
    Reason,
    acknowledged,
    confirmed,
    idempotent,
)
from atlas_gql.cli.remote.connection import Everything, NoWait, OfProfile, OfTenant, connected
from atlas_gql.cli.remote.ending import ended, finish, started
from atlas_gql.cli.remote.following import follow
from atlas_gql.cli.remote.plan_view import plan_lines, summary_lines
from atlas_gql.cli.remote.run_view import end_lines
from atlas_gql.client import Api, Refused
from atlas_gql.client.references import LATEST, find_policies, find_set, find_tenant, id_of

app = typer.Typer(
    name="restore", help="Restores of assignments: planned, looked at, executed.", no_args_is_help=True
)

OfPlan = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, as `restore plan` shows it.")]


class Mode(StrEnum):
    """What a restore makes of what is there, as an option's value."""

    REPLACE = "replace"
    MERGE = "merge"


class Unresolved(StrEnum):
    """What to do about an included group that is not there, as an option's value."""

    BLOCK = "block"
    SKIP = "skip"


def _mapping(what: str) -> Any:
    return typer.Option(
        f"--map-{what}",
        metavar="SOURCE=TARGET",
        help=f"This {what} of the backup is that one of the tenant, by Microsoft's ids; may be repeated.",
        show_default=False,
    )


@app.command()
def plan(
    backup_set: OfSet = LATEST,
    tenant: OfTenant = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TENANT",
            help="The tenant whose latest backup is meant, where that is another one.",
            show_default=False,
        ),
    ] = None,
    types: OfTypes = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this policy, by its name in the backup or its id at Microsoft; may be repeated."
        ),
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="Whether a policy loses the assignments that the backup does not name.")
    ] = Mode.REPLACE,
    missing_groups: Annotated[
        Unresolved, typer.Option(help="Whether an included group that is not there blocks its policy.")
    ] = Unresolved.BLOCK,
    map_group: Annotated[list[str] | None, _mapping("group")] = None,
    map_filter: Annotated[list[str] | None, _mapping("filter")] = None,
    everything: Everything = False,
    no_wait: NoWait = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Compute what restoring a backup set would do, and show it. Nothing is written to the tenant."""
    groups, filters = _mappings(map_group, "--map-group"), _mappings(map_filter, "--map-filter")
    with connected(profile) as api:
        found = find_set(api, backup_set, source or tenant)
        of = find_tenant(api, tenant) if tenant or source else found["tenant"]
        payload = api.change(
            "plan",
            tenantId=of["id"],
            backupSetId=found["id"],
            mode=mode.name,
            policyTypes=types or [],
            policyIds=find_policies(api, found, policy or ()),
            unresolvedIncludes=missing_groups.name,
            groupMappings=groups,
            filterMappings=filters,
        )
        if no_wait:
            return started(payload, "The planning", as_json=as_json)
        planned = _planned(api, payload["run"], f"Planning for {of['name']}", whole=everything or as_json)
    _show(planned, everything, as_json=as_json)
    finish(exits.of_plan(planned))
    return None


@app.command()
def show(
    plan: OfPlan, everything: Everything = False, profile: OfProfile = None, as_json: AsJson = False
) -> None:
    """Show a plan: warnings, blocked policies, changes, groups and filters, numbers."""
    with connected(profile) as api:
        planned = _with_items(api, _ready(api, id_of("RestoreRun", plan)), whole=everything or as_json)
    _show(planned, everything, as_json=as_json)


@app.command()
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
        planned = _ready(api, id_of("RestoreRun", plan))
        paint(summary_lines(planned), err=as_json)
        given = acknowledged(planned["warnings"], acknowledge)
        given |= confirmed(planned["tenant"], confirm, reason)
        with idempotent(idempotency_key) as key:
            payload = api.change(
                "restore",
                restoreRunId=planned["id"],
                planDigest=planned["planDigest"],
                idempotencyKey=key,
                **given,
            )
        if no_wait:
            return started(payload, "The restore", as_json=as_json)
        done = ended(api, payload["run"], f"Restoring {planned['tenant']['name']}", as_json=as_json)
    finish(exits.of_run(done))
    return None


def _planned(api: Api, run: dict[str, Any], label: str, *, whole: bool) -> dict[str, Any]:
    """The plan that a run makes, with its items. Ends the command when there is none."""
    done = follow(api, run, label)
    if done["outcome"] != "SUCCEEDED":
        paint(end_lines(done, ()), err=True)
        finish(exits.of_run(done))
    return _with_items(api, _ready(api, done["subject"]["id"]), whole=whole)


def _ready(api: Api, plan_id: str) -> dict[str, Any]:
    """A finished plan. Raises Refused for one that is not."""
    found = api.node("restore_run", "RestoreRun", plan_id)
    if found["state"] != "PLANNED":
        raise Refused("The plan is not there yet, or could not be made: `atlas runs list` tells.", result={})
    return found


def _with_items(api: Api, plan: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The plan with its policies; without those that are as wanted, unless the whole is to be shown."""
    chosen = None if whole else {"action": ["WRITE", "BLOCKED"]}
    items = api.pages("restore_items", "node", "items", id=plan["id"], filter=chosen)
    return {**plan, "items": list(items)}


def _show(planned: dict[str, Any], everything: bool, *, as_json: bool) -> None:
    if as_json:
        tell("", planned, as_json=True)
    else:
        paint(plan_lines(planned, whole=everything))


def _mappings(given: list[str] | None, option: str) -> list[dict[str, str]]:
    """`SOURCE=TARGET`, taken apart."""
    pairs = [text.partition("=") for text in given or ()]
    if not all(source.strip() and target.strip() for source, _, target in pairs):
        raise typer.BadParameter(f"{option} takes SOURCE=TARGET.")
    return [{"sourceId": source.strip(), "targetId": target.strip()} for source, _, target in pairs]
