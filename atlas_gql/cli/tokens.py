"""`atlas token`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from atlas_gql.access import tokens
from atlas_gql.access.bounds import bounds
from atlas_gql.access.capabilities import Capability
from atlas_gql.access.tokens import Plane
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import tenants, users, workspaces
from atlas_gql.errors import ValidationError
from atlas_gql.settings import load_settings
from atlas_gql.values import checked_guid

app = typer.Typer(name="token", help="API tokens: what a client of the API sends.", no_args_is_help=True)

OfUser = Annotated[str, typer.Option("--user", help="The user, by name or id.")]


@app.command()
def create(
    user: OfUser,
    name: Annotated[str, typer.Option(help="What it is for, so that it can be told from others.")],
    days: Annotated[int, typer.Option(min=1, help="After how many days it ends.")] = 90,
    workspace: Annotated[
        str | None,
        typer.Option(help="The only workspace that it opens, by name or id.", show_default=False),
    ] = None,
    capability: Annotated[
        list[Capability] | None,
        typer.Option(
            metavar="<str>",
            help="A capability that it leaves of the user's, such as runs.view; may be repeated.",
            show_default=False,
        ),
    ] = None,
    tenant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<str>",
            help="A tenant of --workspace that it opens, by name or id; may be repeated.",
            show_default=False,
        ),
    ] = None,
    plane: Annotated[
        Plane,
        typer.Option(
            help="What it opens: `workspace` is /graphql; `platform` is for the installation alone."
        ),
    ] = Plane.WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Make a token with the user's rights, or with some of them, and print it: the only time it is shown."""
    longest = load_settings().token_days
    if days > longest:
        raise ValidationError(f"A token lives for {longest} days at most (ATLAS_TOKEN_DAYS).", field="days")
    token_id, expires_at = new_id(), datetime.now(UTC) + timedelta(days=days)

    async def work(tx: Transaction) -> str:
        who = await find(tx, users, user, option="user")
        of = await find(tx, workspaces, workspace, option="workspace") if workspace else None
        reached = [
            await find(tx, tenants, one, option="tenant", workspace_id=of.id if of else None)
            for one in tenant or ()
        ]
        return await tokens.create(
            tx,
            user_id=who.id,
            name=name,
            plane=plane,
            expires_at=expires_at,
            token_id=token_id,
            within=bounds(
                of.id if of else None, capability or None, [row.id for row in reached] if reached else None
            ),
        )

    token = in_transaction(work)
    values = {"id": token_id, "token": token, "name": name, "plane": plane, "expires_at": expires_at}
    tell(token, values, as_json=as_json)
    typer.echo(
        f"This token of {user} works until {expires_at:%Y-%m-%d} and is not shown again."
        f" `atlas token revoke {token_id}` ends it.",
        err=True,
    )


@app.command()
def revoke(
    token: Annotated[
        str, typer.Argument(metavar="ID", help="The token's id, as `atlas token list` shows it.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a token open nothing any more, at once."""
    token_id = checked_guid(token, field="id")

    async def work(tx: Transaction) -> bool:
        return await tokens.revoke(tx, token_id=token_id)

    revoked = in_transaction(work)
    sentence = "The token is revoked." if revoked else "The token was revoked before."
    tell(sentence, {"id": token_id, "changed": revoked}, as_json=as_json)


@app.command("list")
def list_(user: OfUser, as_json: AsJson = False) -> None:
    """List a user's tokens, the newest first; not the tokens themselves, which nobody knows."""

    async def work(tx: Transaction) -> list[Row]:
        who = await find(tx, users, user, option="user")
        return await tokens.tokens_of(tx, who.id)

    show(
        map(_described, in_transaction(work)),
        {
            "name": "Name",
            "id": "Id",
            "plane": "Plane",
            "state": "State",
            "expires_at": "Ends (UTC)",
            "last_used_at": "Last used (UTC)",
        },
        empty=f"{user} has no token: `atlas token create` makes one.",
        as_json=as_json,
    )


def _described(row: Row) -> dict[str, Any]:
    expired = row.expires_at <= datetime.now(UTC)
    return {**row._asdict(), "state": "revoked" if row.revoked_at else "expired" if expired else "valid"}
