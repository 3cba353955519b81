"""`atlas schedule`: what is started by itself, again and again, in the tenants of a workspace."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from atlas_gql.cli import exits
from atlas_gql.cli.output import AsJson, paint, show, tell
from atlas_gql.cli.remote.confirming import agreed
from atlas_gql.cli.remote.connection import OfProfile, OfWorkspace, connected
from atlas_gql.cli.remote.schedule_view import COLUMNS, row_of, schedule_lines
from atlas_gql.cli.remote.words import moment
from atlas_gql.client.references import find_schedule, find_tenants, find_workspace

app = typer.Typer(name="schedule", help="What is started by itself, again and again.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule, by name or id.")]
Tenants = Annotated[
    list[str] | None,
    typer.Option(
        "--tenant",
        "-t",
        metavar="TENANT",
        help="A tenant to start in, by name, domain or id; repeatable.",
        show_default=False,
    ),
]
AllTenants = Annotated[
    bool, typer.Option("--all-tenants", help="Every tenant of the workspace, also those that come later.")
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="JSON",
        help="The operation's input, as its mutation takes it without the tenant.",
        show_default=False,
    ),
]
CRON = "When: minute, hour, day of month, month, day of week, as in '0 2 * * *'."
ZONE = "The time zone of --cron, such as Europe/Berlin."
JITTER = "Spread the tenants' runs over so many seconds."


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name.")],
    cron: Annotated[str, typer.Option(help=CRON)],
    time_zone: Annotated[str, typer.Option(help=ZONE)] = "UTC",
    operation: Annotated[
        str, typer.Option(metavar="TYPE", help="What to start: an operation's type.")
    ] = exits.FETCH,
    tenant: Tenants = None,
    all_tenants: AllTenants = False,
    given: Input = None,
    jitter: Annotated[int, typer.Option(metavar="SECONDS", help=JITTER)] = 0,
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Start an operation by itself from now on: a backup, unless another one is named. It is yours."""
    if bool(tenant) == all_tenants:
        raise typer.BadParameter("Give either --tenant or --all-tenants.")
    wanted = {"name": name, "operationType": operation, "cron": cron, "timeZone": time_zone}
    if given is not None:
        wanted["input"] = _json(given)
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        selected = _selected(api, of, tenant, all_tenants)
        made = api.change(
            "create_schedule", workspaceId=of["id"], jitterSeconds=jitter, **wanted, **selected
        )["schedule"]
    tell(
        f"{made['name']} starts {made['operationType']} at {moment(made['nextAt'])}.",
        {"schedule": made},
        as_json=as_json,
    )


@app.command("list")
def list_(workspace: OfWorkspace = None, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """List a workspace's schedules: what they start, when, and what came of it last."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        found = list(api.pages("schedules", "workspace", "schedules", workspaceId=of["id"]))
    rows = found if as_json else map(row_of, found)
    show(rows, COLUMNS, empty=f"{of['name']} has no schedule.", as_json=as_json)


@app.command("show")
def show_(
    schedule: Named, workspace: OfWorkspace = None, profile: OfProfile = None, as_json: AsJson = False
) -> None:
    """Show a schedule, when it is due, and the runs that it started last."""
    with connected(profile) as api:
        named = find_schedule(api, find_workspace(api, workspace), schedule)
        found = api.node("schedule", "Schedule", named["id"])
    if as_json:
        tell("", found, as_json=True)
    else:
        paint(schedule_lines(found))


@app.command()
def update(
    schedule: Named,
    name: Annotated[str | None, typer.Option(help="Its new name.", show_default=False)] = None,
    cron: Annotated[str | None, typer.Option(help=CRON, show_default=False)] = None,
    time_zone: Annotated[str | None, typer.Option(help=ZONE, show_default=False)] = None,
    tenant: Tenants = None,
    all_tenants: AllTenants = False,
    given: Input = None,
    jitter: Annotated[int | None, typer.Option(metavar="SECONDS", help=JITTER, show_default=False)] = None,
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Change a schedule; what is left out stays. It is yours from then on."""
    if tenant and all_tenants:
        raise typer.BadParameter("Give either --tenant or --all-tenants.")
    named = {"name": name, "cron": cron, "timeZone": time_zone, "jitterSeconds": jitter}
    changes: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if given is not None:
        changes["input"] = _json(given)
    if not changes and not tenant and not all_tenants:
        raise typer.BadParameter("Say what to change.")
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        found = find_schedule(api, of, schedule)
        changes |= _selected(api, of, tenant, all_tenants)
        made = api.change("update_schedule", scheduleId=found["id"], **changes)["schedule"]
    _tell_next(made, as_json=as_json)


@app.command()
def enable(
    schedule: Named, workspace: OfWorkspace = None, profile: OfProfile = None, as_json: AsJson = False
) -> None:
    """Let a schedule start again when it is next due. It is yours from then on."""
    with connected(profile) as api:
        found = find_schedule(api, find_workspace(api, workspace), schedule)
        made = api.change("enable_schedule", scheduleId=found["id"])["schedule"]
    _tell_next(made, as_json=as_json)


@app.command()
def disable(
    schedule: Named, workspace: OfWorkspace = None, profile: OfProfile = None, as_json: AsJson = False
) -> None:
    """Let a schedule start nothing any more; runs that it has started go on."""
    with connected(profile) as api:
        found = find_schedule(api, find_workspace(api, workspace), schedule)
        made = api.change("disable_schedule", scheduleId=found["id"])["schedule"]
    _tell_next(made, as_json=as_json)


@app.command()
def delete(
    schedule: Named,
    workspace: OfWorkspace = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """End a schedule for good; its runs stay, and name it."""
    with connected(profile) as api:
        found = find_schedule(api, find_workspace(api, workspace), schedule)
        if not yes:
            agreed(f"Delete {found['name']}?")
        deleted = api.change("delete_schedule", scheduleId=found["id"])["deletedId"]
    values = {"deletedId": deleted, "uuid": found["uuid"]}
    tell(f"Deleted {found['name']}.", values, as_json=as_json)


def _selected(api: Any, workspace: Any, tenant: list[str] | None, all_tenants: bool) -> dict[str, Any]:
    """Where to start, as the API takes it; nothing where nothing was said."""
    if all_tenants:
        return {"allTenants": True}
    return {"tenantIds": [one["id"] for one in find_tenants(api, workspace, tenant)]} if tenant else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise typer.BadParameter("--input is no JSON.") from None


def _tell_next(made: dict[str, Any], *, as_json: bool) -> None:
    then = f"starts at {moment(made['nextAt'])}" if made["enabled"] else "is disabled"
    tell(f"{made['name']} {then}.", {"schedule": made}, as_json=as_json)
