"""`atlas tenant`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Select, Uuid, bindparam, select

from atlas_gql.access.tenants import create_tenant
from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import providers, tenants, workspaces

app = typer.Typer(
    name="tenant", help="The Microsoft Entra tenants that Atlas looks after.", no_args_is_help=True
)

_ALL: Select[tuple[object, ...]] = (
    select(
        tenants.c.id,
        tenants.c.name,
        tenants.c.workspace_id,
        workspaces.c.name.label("workspace"),
        tenants.c.entra_tenant_id,
        tenants.c.primary_domain,
        providers.c.cloud,
        providers.c.writes_enabled,
        tenants.c.archived_at,
    )
    .select_from(tenants.join(workspaces).outerjoin(providers, providers.c.tenant_id == tenants.c.id))
    .order_by(workspaces.c.name, tenants.c.name, tenants.c.id)
)
_OF_WORKSPACE = _ALL.where(tenants.c.workspace_id == bindparam("of_workspace", type_=Uuid))


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name in Atlas.")],
    workspace: Annotated[str, typer.Option(help="The workspace that owns it, by name or id.")],
    entra_tenant_id: Annotated[str, typer.Option(help="The GUID that Microsoft Entra shows as tenant id.")],
    primary_domain: Annotated[
        str,
        typer.Option(help="Its primary domain; typing it confirms a restore into this tenant."),
    ],
    as_json: AsJson = False,
) -> None:
    """Add a tenant to a workspace; `atlas provider create` then tells how to reach it."""

    async def work(tx: Transaction) -> UUID:
        of = await find(tx, workspaces, workspace, option="workspace")
        return await create_tenant(
            tx,
            COMMAND,
            workspace_id=of.id,
            name=name,
            entra_tenant_id=entra_tenant_id,
            primary_domain=primary_domain,
        )

    made = in_transaction(work)
    tell(f"Made the tenant {name} ({made}).", {"id": made, "name": name}, as_json=as_json)


@app.command("list")
def list_(
    workspace: Annotated[
        str | None,
        typer.Option(help="Only this workspace's tenants, by its name or id.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List tenants, by workspace and name."""

    async def work(tx: Transaction) -> list[Row]:
        if workspace is None:
            return await tx.fetch(_ALL)
        of = await find(tx, workspaces, workspace, option="workspace")
        return await tx.fetch(_OF_WORKSPACE, of_workspace=of.id)

    show(
        (row._asdict() for row in in_transaction(work)),
        {
            "name": "Name",
            "workspace": "Workspace",
            "primary_domain": "Domain",
            "id": "Id",
            "cloud": "Cloud",
            "writes_enabled": "Writes",
        },
        empty="There is no tenant yet: `atlas tenant create NAME ...` adds one.",
        as_json=as_json,
    )
