"""`atlas user`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from atlas_gql.access import identities
from atlas_gql.access.members import all_users, create_user
from atlas_gql.audit import COMMAND
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import users

app = typer.Typer(name="user", help="The people and programs that use Atlas.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="USER", help="The user, by name or id.")]
OfIssuer = Annotated[str, typer.Option(help="The issuer, as ATLAS_OIDC_ISSUERS names it.")]
OfSubject = Annotated[
    str, typer.Option(help="Who the user is to the issuer; for Microsoft Entra, the object id.")
]


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


@app.command()
def link(user: Named, issuer: OfIssuer, subject: OfSubject, as_json: AsJson = False) -> None:
    """Let whoever logs in as this subject of an OpenID Connect issuer be a user who is there already."""

    async def work(tx: Transaction) -> tuple[UUID, bool]:
        who = await find(tx, users, user, option="user")
        return who.id, await identities.link(tx, user_id=who.id, issuer=issuer, subject=subject)

    user_id, made = in_transaction(work)
    sentence = f"{user} logs in with {issuer} now." if made else f"{user} was linked before."
    tell(sentence, {"id": user_id, "changed": made}, as_json=as_json)


@app.command()
def unlink(user: Named, issuer: OfIssuer, subject: OfSubject, as_json: AsJson = False) -> None:
    """Let a subject of an issuer be a user no more; tokens of the user stay as they are."""

    async def work(tx: Transaction) -> tuple[UUID, bool]:
        who = await find(tx, users, user, option="user")
        return who.id, await identities.unlink(tx, user_id=who.id, issuer=issuer, subject=subject)

    user_id, ended = in_transaction(work)
    sentence = f"{user} is no longer this login." if ended else f"{user} was not this login."
    tell(sentence, {"id": user_id, "changed": ended}, as_json=as_json)
