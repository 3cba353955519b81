"""`atlas backup`: made, looked at, compared, deleted; `archives` has what makes files of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.backups import prune
from atlas_gql.cli.output import AsJson, console, show, tell
from atlas_gql.cli.remote import archives
from atlas_gql.cli.remote.backing_up_many import back_up_all
from atlas_gql.cli.remote.confirming import Key, agreed
from atlas_gql.cli.remote.connection import Everything, NoWait, OfProfile, OfTenant, OfWorkspace, connected
from atlas_gql.cli.remote.ending import ended, finish, started
from atlas_gql.cli.remote.plans import made, show_plan
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
from atlas_gql.cli.remote.words import moment, policies, word
from atlas_gql.client.references import LATEST, find_set, find_tenant, id_of

app = typer.Typer(name="backup", help="Backups of a tenant's assignments.", no_args_is_help=True)
app.command()(prune)

SHORT = 20


@app.command()
def create(
    tenant: OfTenant = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Every tenant of the workspace that you may back up.")
    ] = False,
    workspace: OfWorkspace = None,
    types: OfTypes = None,
    idempotency_key: Key = None,
    no_wait: NoWait = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Back a tenant's assignments up, or those of all tenants, and wait for the end."""
    if all_tenants and tenant is not None:
        raise typer.BadParameter("Give either --tenant or --all-tenants.")
    if not all_tenants and (workspace is not None or idempotency_key is not None):
        raise typer.BadParameter("--workspace and --idempotency-key go with --all-tenants.")
    with connected(profile) as api:
        if all_tenants:
            return back_up_all(api, workspace, types, key=idempotency_key, wait=not no_wait, as_json=as_json)
        of = find_tenant(api, tenant)
        payload = api.change("fetch", tenantId=of["id"], policyTypes=types or [])
        if no_wait:
            return started(payload, "The backup", as_json=as_json)
        run = ended(api, payload["run"], f"Backing up {of['name']}", as_json=as_json)
    if not as_json and run["subject"]:
        typer.echo(f"Backup set {run['subject']['uuid']}")
    finish(exits.of_run(run))
    return None


@app.command("list")
def list_(
    tenant: OfTenant = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = SHORT,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """List a tenant's backup sets, the newest first."""
    with connected(profile) as api:
        of = find_tenant(api, tenant)
        sets = list(api.pages("backup_sets", "tenant", "backupSets", tenantId=of["id"], limit=limit))
    rows = sets if as_json else [{**row, **_words(row)} for row in sets]
    columns = {
        "uuid": "Id",
        "made": "Made",
        "origin": "Why",
        "state": "State",
        "itemCount": "Policies",
        "failedCount": "Unknown",
    }
    none = f"{of['name']} has no backup: `atlas backup create` makes one."
    show(rows, columns, empty=none, as_json=as_json)


@app.command("show")
def show_(
    backup_set: OfSet = LATEST,
    tenant: OfTenant = None,
    types: OfTypes = None,
    name: Annotated[
        str | None, typer.Option(help="Only policies whose name contains this.", show_default=False)
    ] = None,
    everything: Everything = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Show a backup set and its policies; what could not be read stands first."""
    with connected(profile) as api:
        found = find_set(api, backup_set, tenant)
        chosen = {"policyType": types or None, "nameContains": name}
        items = list(api.pages("backup_items", "node", "items", id=found["id"], filter=chosen))
    items.sort(key=lambda item: item["assignmentsState"] == "FETCHED")
    if as_json:
        return tell("", {**found, "items": items}, as_json=True)
    words = _words(found)
    typer.echo(f"Backup set {found['uuid']} of {found['tenant']['name']}, {words['made']}")
    typer.echo(
        f"  {words['state']}, {words['origin']}: {policies(found['itemCount'])},"
        f" of {found['failedCount']} the assignments are not known"
    )
    if found["overlappedWrite"]:
        typer.echo("  Atlas wrote to the tenant meanwhile: it may hold some policies as they were after.")
    rows = [{**item, "known": item["reasonCode"] or word(item["assignmentsState"])} for item in items]
    columns = {"name": "Policy", "policyType": "Type", "assignmentCount": "Assignments", "known": "State"}
    show(rows if everything else rows[:SHORT], columns, empty="No policy of that kind.", as_json=False)
    if len(rows) > SHORT and not everything:
        console().print(f"... and {len(rows) - SHORT} more: --all shows them")
    return None


@app.command()
def compare(
    backup_set: OfSet = LATEST,
    tenant: OfTenant = None,
    source: OfSource = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="SET",
            help="Another backup set of the tenant, by id, to compare with; else the tenant as it is now.",
            show_default=False,
        ),
    ] = None,
    types: OfTypes = None,
    policies: OfPolicies = None,
    map_group: GroupMappings = None,
    map_filter: FilterMappings = None,
    everything: Everything = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between a backup set and the tenant now, or another set: what drifted."""
    mappings = mapped(map_group, map_filter)
    with connected(profile) as api:
        of, given = selection(
            api, backup_set, tenant=tenant, source=source, types=types, policies=policies, mappings=mappings
        )
        other = id_of("BackupSet", against) if against else None
        payload = api.change("compare", againstSetId=other, **given)
        compared = made(api, payload["run"], f"Comparing {of['name']}")
        show_plan(api, compared, whole=everything, as_json=as_json)
    finish(exits.of_plan(compared))


archives.register(app)


@app.command()
def delete(
    backup_set: Annotated[str, typer.Argument(metavar="SET", help="The backup set, by id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Delete a backup set for ever, unless a run, a plan that can be executed or an undo needs it."""
    with connected(profile) as api:
        found = api.node("backup_set", "BackupSet", id_of("BackupSet", backup_set))
        named = f"the backup set {found['uuid']} of {found['tenant']['name']}"
        if not yes:
            held = policies(found["itemCount"])
            agreed(f"Delete {named}, made {moment(found['createdAt'])}, with {held}?")
        deleted = api.change("delete_set", backupSetId=found["id"])["deletedId"]
    tell(f"Deleted {named}.", {"deletedId": deleted, "uuid": found["uuid"]}, as_json=as_json)


def _words(row: Mapping[str, Any]) -> dict[str, str]:
    """A backup set's columns in words."""
    return {"made": moment(row["createdAt"]), "origin": word(row["origin"]), "state": word(row["state"])}
