"""`atlas provider`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import credentials, tenants, workspaces
from atlas_gql.providers.providers import CloudName, create_provider
from atlas_gql.providers.providers import set_writes as set_writes_of

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
    write_credential: Annotated[
        str | None,
        typer.Option(help="Another credential, used for restores alone.", show_default=False),
    ] = None,
    enable_writes: Annotated[
        bool, typer.Option("--enable-writes", help="Let restores write; without it, Atlas only reads.")
    ] = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Connect a tenant with Microsoft."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _tenant(tx, tenant, workspace)
        reading = await find(tx, credentials, credential, option="credential", workspace_id=of.workspace_id)
        writing = write_credential and await find(
            tx, credentials, write_credential, option="writeCredential", workspace_id=of.workspace_id
        )
        made = await create_provider(
            tx,
            COMMAND,
            tenant_id=of.id,
            cloud=cloud,
            client_id=client_id,
            credential_id=reading.id,
            write_credential_id=writing.id if writing else None,
            writes_enabled=enable_writes,
        )
        return {"id": made, "tenant": of.id, "cloud": cloud, "writes_enabled": enable_writes}

    made = in_transaction(work)
    writes = "on" if enable_writes else "off"
    tell(f"Made the provider of {tenant} ({made['id']}); writes are {writes}.", made, as_json=as_json)


@app.command("set-writes")
def set_writes(
    tenant: OfTenant,
    switch: Annotated[Switch, typer.Argument(help="Whether restores may write.")],
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Let restores write to a tenant, or not."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _tenant(tx, tenant, workspace)
        enabled = switch is Switch.ON
        changed = await set_writes_of(tx, COMMAND, tenant_id=of.id, enabled=enabled)
        return {"tenant": of.id, "writes_enabled": enabled, "changed": changed}

    done = in_transaction(work)
    before = "" if done["changed"] else ", as before"
    tell(f"Writes to {tenant} are {switch}{before}.", done, as_json=as_json)


async def _tenant(tx: Transaction, tenant: str, workspace: str | None) -> Row:
    of = workspace and await find(tx, workspaces, workspace, option="workspace")
    return await find(tx, tenants, tenant, option="tenant", workspace_id=of.id if of else None)
