"""`atlas provider`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import credentials, tenants, workspaces
from atlas_gql.providers import providers as service
from atlas_gql.providers.providers import Changes, CloudName

app = typer.Typer(
    name="provider", help="How Atlas reaches a tenant, and whether it may write.", no_args_is_help=True
)

OfTenant = Annotated[str, typer.Option("--tenant", help="The tenant, by name or id.")]
InWorkspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        help="The tenant's workspace, by name or id; needed only where several have a tenant of that name.",
        show_default=False,
    ),
]


ForWrites = Annotated[
    str | None,
    typer.Option(
        "--write-credential", help="Another credential, used for restores alone.", show_default=False
    ),
]
ForWritesClient = Annotated[
    str | None,
    typer.Option(
        "--write-client-id",
        help="The application of the write credential, where it is another one.",
        show_default=False,
    ),
]


class Switch(StrEnum):
    """Whether something is on."""

    ON = "on"
    OFF = "off"


@app.command()
def create(
    tenant: OfTenant,
    cloud: Annotated[CloudName, typer.Option(help="Where the tenant lives.")],
    client_id: Annotated[str, typer.Option(help="The application's (client) id, a GUID.")],
    credential: Annotated[str, typer.Option(help="The application's credential, by name or id.")],
    write_credential: ForWrites = None,
    write_client_id: ForWritesClient = None,
    enable_writes: Annotated[
        bool, typer.Option("--enable-writes", help="Let restores write; without it, Atlas only reads.")
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Connect a tenant with Microsoft."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _tenant(tx, tenant, workspace)
        made = await service.create_provider(
            tx,
            COMMAND,
            tenant_id=of.id,
            cloud=cloud,
            client_id=client_id,
            credential_id=await _credential(tx, credential, of, "credential"),
            write_credential_id=await _credential(tx, write_credential, of, "writeCredential")
            if write_credential
            else None,
            write_client_id=write_client_id,
            writes_enabled=enable_writes,
        )
        return {"id": made, "tenant": of.id, "cloud": cloud, "writes_enabled": enable_writes}

    made = in_transaction(work)
    writes = "on" if enable_writes else "off"
    tell(f"Made the provider of {tenant} ({made['id']}); writes are {writes}.", made, as_json=as_json)


@app.command()
def update(
    tenant: OfTenant,
    cloud: Annotated[
        CloudName | None, typer.Option(help="Where the tenant lives.", show_default=False)
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(help="The application's (client) id, a GUID.", show_default=False)
    ] = None,
    credential: Annotated[
        str | None, typer.Option(help="The application's credential, by name or id.", show_default=False)
    ] = None,
    write_credential: ForWrites = None,
    write_client_id: ForWritesClient = None,
    no_write_credential: Annotated[
        bool,
        typer.Option("--no-write-credential", help="Restores use the credential that backups use."),
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Change how a tenant is reached; what is not given stays. `set-writes` says whether it is written to."""
    if no_write_credential and (write_credential or write_client_id):
        raise typer.BadParameter("--no-write-credential excludes the other options on writes.")

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _tenant(tx, tenant, workspace)
        changes: Changes = {}
        if cloud is not None:
            changes["cloud"] = cloud
        if client_id is not None:
            changes["client_id"] = client_id
        if credential is not None:
            changes["credential_id"] = await _credential(tx, credential, of, "credential")
        if write_credential is not None:
            changes["write_credential_id"] = await _credential(tx, write_credential, of, "writeCredential")
        if write_client_id is not None:
            changes["write_client_id"] = write_client_id
        if no_write_credential:
            changes["write_credential_id"] = None
        return await _update(tx, of, changes)

    done = in_transaction(work)
    sentence = "is changed" if done["changed"] else "is as before"
    tell(f"The provider of {tenant} {sentence}.", done, as_json=as_json)


@app.command("set-writes")
def set_writes(
    tenant: OfTenant,
    switch: Annotated[Switch, typer.Argument(help="Whether restores may write.")],
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Let restores write to a tenant, or not."""
    enabled = switch is Switch.ON

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _tenant(tx, tenant, workspace)
        return {**await _update(tx, of, {"writes_enabled": enabled}), "writes_enabled": enabled}

    done = in_transaction(work)
    before = "" if done["changed"] else ", as before"
    tell(f"Writes to {tenant} are {switch}{before}.", done, as_json=as_json)


@app.command()
def delete(tenant: OfTenant, workspace: InWorkspace = None, as_json: AsJson = False) -> None:
    """Disconnect a tenant from Microsoft. Its backups stay; its credential serves others still."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _tenant(tx, tenant, workspace)
        provider_id = await service.provider_of(tx, of.id)
        await service.delete_provider(tx, COMMAND, provider_id=provider_id)
        return {"id": provider_id, "tenant": of.id}

    done = in_transaction(work)
    tell(f"Deleted the provider of {tenant}.", done, as_json=as_json)


@app.command("list")
def list_(
    workspace: Annotated[
        str | None,
        typer.Option(help="Only this workspace's providers, by its name or id.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List providers, by workspace and tenant."""

    async def work(tx: Transaction) -> list[Row]:
        of = workspace and await find(tx, workspaces, workspace, option="workspace")
        return await service.all_providers(tx, of.id if of else None)

    show(
        (row._asdict() for row in in_transaction(work)),
        {
            "tenant": "Tenant",
            "workspace": "Workspace",
            "cloud": "Cloud",
            "client_id": "Client id",
            "credential": "Credential",
            "write_credential": "For writes",
            "writes_enabled": "Writes",
        },
        empty="There is no provider yet: `atlas provider create --tenant NAME ...` makes one.",
        as_json=as_json,
    )


async def _tenant(tx: Transaction, tenant: str, workspace: str | None) -> Row:
    of = workspace and await find(tx, workspaces, workspace, option="workspace")
    return await find(tx, tenants, tenant, option="tenant", workspace_id=of.id if of else None)


async def _credential(tx: Transaction, credential: str, tenant: Row, option: str) -> UUID:
    row = await find(tx, credentials, credential, option=option, workspace_id=tenant.workspace_id)
    found: UUID = row.id
    return found


async def _update(tx: Transaction, tenant: Row, changes: Changes) -> dict[str, Any]:
    provider_id = await service.provider_of(tx, tenant.id)
    changed = await service.update_provider(tx, COMMAND, provider_id=provider_id, changes=changes)
    return {"tenant": tenant.id, "changed": changed}
