"""`atlas membership`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from atlas_gql.access.capabilities import Role
from atlas_gql.access.members import add_member, members_of
from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import tenants, users, workspaces

app = typer.Typer(name="membership", help="Who may do what in a workspace.", no_args_is_help=True)


@app.command()
def create(
    workspace: Annotated[str, typer.Option(help="The workspace, by name or id.")],
    user: Annotated[str, typer.Option(help="The user, by name or id.")],
    role: Annotated[
        Role,
        typer.Option(
            help="Its role: owner and manager reach every tenant, operator and readonly those of --tenant."
        ),
    ],
    tenant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<str>",
            help="A tenant that an operator or reader reaches, by name or id; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a user a member of a workspace, or give a member a role for further tenants."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await find(tx, workspaces, workspace, option="workspace")
        who = await find(tx, users, user, option="user")
        reached = [await find(tx, tenants, one, option="tenant", workspace_id=of.id) for one in tenant or ()]
        tenant_ids = list(dict.fromkeys(row.id for row in reached))
        await add_member(tx, COMMAND, workspace_id=of.id, user_id=who.id, role=role, tenant_ids=tenant_ids)
        return {"workspace": of.id, "user": who.id, "role": role, "tenants": tenant_ids}

    made = in_transaction(work)
    tell(f"{user} is {role} in the workspace {workspace}.", made, as_json=as_json)


@app.command("list")
def list_(
    workspace: Annotated[str, typer.Option(help="The workspace, by name or id.")],
    as_json: AsJson = False,
) -> None:
    """List a workspace's members by name: one line for each role, with the tenants that it reaches."""

    async def work(tx: Transaction) -> list[Row]:
        of = await find(tx, workspaces, workspace, option="workspace")
        return await members_of(tx, of.id)

    show(
        (row._asdict() for row in in_transaction(work)),
        {"name": "User", "user_id": "User id", "role": "Role", "tenants": "Tenants"},
        empty=f"{workspace} has no member yet: `atlas membership create` makes one.",
        as_json=as_json,
    )
