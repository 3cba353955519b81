"""`atlas workspace`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select

from atlas_gql.access.workspaces import create_workspace
from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import workspaces

app = typer.Typer(
    name="workspace", help="The organisations that own tenants and members.", no_args_is_help=True
)

_ALL = select(workspaces.c.id, workspaces.c.name, workspaces.c.created_at).order_by(workspaces.c.name)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name, as nobody else's.")], as_json: AsJson = False
) -> None:
    """Make a workspace."""

    async def work(tx: Transaction) -> UUID:
        return await create_workspace(tx, COMMAND, name=name)

    made = in_transaction(work)
    tell(f"Made the workspace {name} ({made}).", {"id": made, "name": name}, as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all workspaces, by name."""

    async def work(tx: Transaction) -> list[Row]:
        return await tx.fetch(_ALL)

    show(
        (row._asdict() for row in in_transaction(work)),
        {"name": "Name", "id": "Id", "created_at": "Made (UTC)"},
        empty="There is no workspace yet: `atlas workspace create NAME` makes one.",
        as_json=as_json,
    )
