"""`atlas members`: who is what in a workspace, through the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.remote.confirming import agreed
from atlas_gql.cli.remote.connection import OfProfile, OfWorkspace, connected
from atlas_gql.cli.remote.words import count, moment, word
from atlas_gql.client.references import find_member, find_tenants, find_workspace

app = typer.Typer(name="members", help="Who may do what in a workspace.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="MEMBER", help="The member, by the user's name or an id.")]
Tenants = Annotated[
    list[str],
    typer.Option("--tenant", "-t", metavar="TENANT", help="A tenant, by name, domain or id; repeatable."),
]
SHORT = 5


class WholeRole(StrEnum):
    """What a member is in the workspace as a whole, as an argument's value."""

    OWNER = "owner"
    MANAGER = "manager"
    MEMBER = "member"


class TenantRole(StrEnum):
    """What a member is for a tenant, as an option's value."""

    OPERATOR = "operator"
    READONLY = "readonly"


@app.command("list")
def list_(workspace: OfWorkspace = None, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """List a workspace's members, with their roles and the tenants that they reach."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        found = list(api.pages("members", "workspace", "members", workspaceId=of["id"]))
    rows = found if as_json else [{**member, **_words(member)} for member in found]
    columns = {"userName": "User", "is": "Role", "reaches": "Tenants", "since": "Since"}
    show(rows, columns, empty="There is no member.", as_json=as_json)


@app.command("set-role")
def set_role(
    member: Named,
    role: Annotated[
        WholeRole,
        typer.Argument(help="Owner or manager of all tenants, or member: of those that are granted."),
    ],
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Change what a member is in the workspace as a whole. A workspace keeps an owner."""
    with connected(profile) as api:
        named = find_member(api, find_workspace(api, workspace), member)
        made = api.change("change_role", memberId=named["id"], role=role.name)["member"]
    tell(f"{made['userName']} is {word(made['role'])} now.", {"member": made}, as_json=as_json)


@app.command()
def grant(
    member: Named,
    tenant: Tenants,
    role: Annotated[TenantRole, typer.Option(help="What the member will be there.")],
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Make a member operator or reader of tenants."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        named, tenants = find_member(api, of, member), find_tenants(api, of, tenant)
        given = {"tenantIds": [one["id"] for one in tenants], "role": role.name}
        made = api.change("grant_tenants", memberId=named["id"], **given)["member"]
    names = ", ".join(one["name"] for one in tenants)
    tell(f"{made['userName']} is {word(role.name)} of {names}.", {"member": made}, as_json=as_json)


@app.command()
def revoke(
    member: Named,
    tenant: Tenants,
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Take tenants away from a member."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        named, tenants = find_member(api, of, member), find_tenants(api, of, tenant)
        given = {"tenantIds": [one["id"] for one in tenants]}
        made = api.change("revoke_grants", memberId=named["id"], **given)["member"]
    names = ", ".join(one["name"] for one in tenants)
    tell(f"{made['userName']} no longer reaches {names}.", {"member": made}, as_json=as_json)


@app.command()
def remove(
    member: Named,
    workspace: OfWorkspace = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Remove a member from the workspace. Their waiting runs will not be carried out."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        named = find_member(api, of, member)
        if not yes:
            agreed(f"Remove {named['userName']} from {of['name']}?")
        deleted = api.change("remove_member", memberId=named["id"])["deletedId"]
    values = {"deletedId": deleted, "uuid": named["uuid"]}
    tell(f"Removed {named['userName']} from {of['name']}.", values, as_json=as_json)


def _words(member: dict[str, Any]) -> dict[str, str]:
    disabled = ", disabled" if member["disabledAt"] else ""
    return {
        "is": word(member["role"]) + disabled,
        "reaches": _reach(member),
        "since": moment(member["joinedAt"]),
    }


def _reach(member: dict[str, Any]) -> str:
    if member["role"] != "MEMBER":
        return "all"
    grants = member["grants"]
    named = [f"{one['tenant']['name']} ({word(one['role'])})" for one in grants["nodes"][:SHORT]]
    more = grants["totalCount"] - len(named)
    return ", ".join([*named, count(more, "more", "more")] if more else named) or "none"
