"""`atlas restore`: planned and looked at here, executed in `executing`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.output import AsJson
from atlas_gql.cli.remote import executing
from atlas_gql.cli.remote.connection import Everything, NoWait, OfProfile, OfTenant, connected
from atlas_gql.cli.remote.ending import finish, started
from atlas_gql.cli.remote.executing import OfPlan
from atlas_gql.cli.remote.plans import made, ready, show_plan
from atlas_gql.cli.remote.selecting import (
    FilterMappings,
    GroupMappings,
    OfPolicies,
    OfSet,
    OfSource,
    OfTypes,
    mapped,
    selection,
)
from atlas_gql.client.references import LATEST, id_of

app = typer.Typer(
    name="restore",
    help="Restores of assignments: planned, looked at, executed, undone.",
    no_args_is_help=True,
)


class Mode(StrEnum):
    """What a restore makes of what is there, as an option's value."""

    REPLACE = "replace"
    MERGE = "merge"


class Unresolved(StrEnum):
    """What to do about an included group that is not there, as an option's value."""

    BLOCK = "block"
    SKIP = "skip"


@app.command()
def plan(
    backup_set: OfSet = LATEST,
    tenant: OfTenant = None,
    source: OfSource = None,
    types: OfTypes = None,
    policies: OfPolicies = None,
    mode: Annotated[
        Mode, typer.Option(help="Whether a policy loses the assignments that the backup does not name.")
    ] = Mode.REPLACE,
    missing_groups: Annotated[
        Unresolved, typer.Option(help="Whether an included group that is not there blocks its policy.")
    ] = Unresolved.BLOCK,
    map_group: GroupMappings = None,
    map_filter: FilterMappings = None,
    everything: Everything = False,
    no_wait: NoWait = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Compute what restoring a backup set would do, and show it. Nothing is written to the tenant."""
    mappings = mapped(map_group, map_filter)
    with connected(profile) as api:
        of, given = selection(
            api, backup_set, tenant=tenant, source=source, types=types, policies=policies, mappings=mappings
        )
        payload = api.change("plan", mode=mode.name, unresolvedIncludes=missing_groups.name, **given)
        if no_wait:
            started(payload, "The planning", as_json=as_json)
            return
        planned = made(api, payload["run"], f"Planning for {of['name']}")
        show_plan(api, planned, whole=everything, as_json=as_json)
    finish(exits.of_plan(planned))


@app.command()
def show(
    plan: OfPlan, everything: Everything = False, profile: OfProfile = None, as_json: AsJson = False
) -> None:
    """Show a plan: warnings, blocked policies, changes, groups and filters, numbers."""
    with connected(profile) as api:
        show_plan(api, ready(api, id_of("RestoreRun", plan)), whole=everything, as_json=as_json)


executing.register(app)
