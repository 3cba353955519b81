"""`atlas user`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from atlas_gql.access.members import all_users, create_user
from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction

app = typer.Typer(name="user", help="The people and programs that use Atlas.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The user's name, as nobody else's.")],
    email: Annotated[str | None, typer.Option(help="Where the user gets mail.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a user, who is a member of nothing yet: `atlas membership create` changes that."""

    async def work(tx: Transaction) -> UUID:
        return await create_user(tx, COMMAND, name=name, email=email)

    made = in_transaction(work)
    tell(f"Made the user {name} ({made}).", {"id": made, "name": name}, as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all users, by name."""

    async def work(tx: Transaction) -> list[Row]:
        return await all_users(tx)

    show(
        (row._asdict() for row in in_transaction(work)),
        {
            "name": "Name",
            "id": "Id",
            "email": "Mail",
            "created_at": "Made (UTC)",
            "disabled_at": "Disabled (UTC)",
        },
        empty="There is no user yet: `atlas user create NAME` makes one.",
        as_json=as_json,
    )
