"""`atlas tenant`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Select, Uuid, bindparam, select

from atlas_gql.access.tenants import archive_tenant, create_tenant, rename_tenant, unarchive_tenant
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


Named = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by name or id.")]
OfWorkspace = Annotated[
    str | None, typer.Option(help="Its workspace, by name or id, where several have one of this name.")
]


@app.command()
def rename(
    tenant: Named,
    name: Annotated[str | None, typer.Option(help="Its new name in Atlas.", show_default=False)] = None,
    primary_domain: Annotated[
        str | None, typer.Option(help="Its new primary domain.", show_default=False)
    ] = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Change what a tenant is called."""
    given = {"name": name, "primary_domain": primary_domain}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Give --name or --primary-domain.")

    async def work(tx: Transaction, of: dict[str, UUID]) -> None:
        await rename_tenant(tx, COMMAND, **of, changes=changes)

    _change(tenant, workspace, work, f"Renamed the tenant {tenant}.", as_json=as_json)


@app.command()
def archive(tenant: Named, workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """Archive a tenant: it can be read, and nothing is done there. Workers end its runs that wait."""

    async def work(tx: Transaction, of: dict[str, UUID]) -> None:
        await archive_tenant(tx, COMMAND, **of)

    _change(tenant, workspace, work, f"Archived the tenant {tenant}.", as_json=as_json)


@app.command()
def unarchive(tenant: Named, workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """Take a tenant out of the archive."""

    async def work(tx: Transaction, of: dict[str, UUID]) -> None:
        await unarchive_tenant(tx, COMMAND, **of)

    _change(tenant, workspace, work, f"The tenant {tenant} is archived no longer.", as_json=as_json)


def _change(
    tenant: str,
    workspace: str | None,
    work: Callable[[Transaction, dict[str, UUID]], Awaitable[None]],
    sentence: str,
    *,
    as_json: bool,
) -> None:
    """Do something to a tenant, which `work` is told by its keys."""

    async def found(tx: Transaction) -> UUID:
        of = None if workspace is None else (await find(tx, workspaces, workspace, option="workspace")).id
        row = await find(tx, tenants, tenant, option="tenant", workspace_id=of)
        await work(tx, {"tenant_id": row.id, "workspace_id": row.workspace_id})
        tenant_id: UUID = row.id
        return tenant_id

    tell(sentence, {"id": in_transaction(found)}, as_json=as_json)
