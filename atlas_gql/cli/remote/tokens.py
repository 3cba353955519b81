"""`atlas tokens`: API tokens of one's own and of a workspace, through the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.remote.connection import OfProfile, OfWorkspace, connected
from atlas_gql.cli.remote.words import moment
from atlas_gql.client.references import find_tenants, find_workspace, id_of

app = typer.Typer(name="tokens", help="API tokens: yours, and those for a workspace.", no_args_is_help=True)

COLUMNS = {
    "name": "Token",
    "uuid": "Id",
    "opens": "Opens",
    "ends": "Ends",
    "used": "Last used",
}


@app.command("list")
def list_(
    everybodys: Annotated[
        bool,
        typer.Option("--everybody", help="Those that all members made for the workspace, instead of yours."),
    ] = False,
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """List your tokens, or a workspace's, the newest first; not the tokens themselves, which nobody knows."""
    if workspace is not None and not everybodys:
        raise typer.BadParameter("--workspace goes with --everybody.")
    with connected(profile) as api:
        if everybodys:
            of = find_workspace(api, workspace)["id"]
            found = list(api.pages("workspace_tokens", "workspace", "tokens", workspaceId=of))
        else:
            found = list(api.pages("tokens", "viewer", "tokens"))
    rows = found if as_json else [{**token, **_words(token)} for token in found]
    columns = {"whose": "Of", **COLUMNS} if everybodys else COLUMNS
    show(rows, columns, empty="There is no token.", as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, so that it can be told from others.")],
    capability: Annotated[
        list[str] | None,
        typer.Option(
            "--capability",
            metavar="CAPABILITY",
            help="A capability that it leaves of yours, such as runs.view; repeatable.",
            show_default=False,
        ),
    ] = None,
    tenant: Annotated[
        list[str] | None,
        typer.Option(
            "--tenant",
            "-t",
            metavar="TENANT",
            help="A tenant that it opens, by name, domain or id; repeatable.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="After how many days it ends; 90 when absent.", show_default=False),
    ] = None,
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for a workspace with your rights, or some of them, and print it: it is shown once."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        given: dict[str, Any] = {"workspaceId": of["id"], "name": name}
        if capability:
            given["capabilities"] = capability
        if tenant:
            given["tenantIds"] = [one["id"] for one in find_tenants(api, of, tenant)]
        if days is not None:
            given["expiresAt"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        made = api.change("create_token", **given)
    token = made["apiToken"]
    tell(made["token"], {"token": made["token"], "apiToken": token}, as_json=as_json)
    typer.echo(
        f"This token for {of['name']} works until {moment(token['expiresAt'])} and is not shown again."
        f" `atlas tokens revoke {token['uuid']}` ends it.",
        err=True,
    )


@app.command()
def revoke(
    token: Annotated[
        str, typer.Argument(metavar="ID", help="The token's id, as `atlas tokens list` shows it.")
    ],
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Make a token open nothing any more, at once, and with it what a limited one has made."""
    with connected(profile) as api:
        revoked = api.change("revoke_token", tokenId=id_of("ApiToken", token))["apiToken"]
    tell(f"The token {revoked['name']} is revoked.", {"apiToken": revoked}, as_json=as_json)


def _words(token: dict[str, Any]) -> dict[str, str]:
    expired = datetime.fromisoformat(token["expiresAt"]) <= datetime.now(UTC)
    ended = "revoked" if token["revokedAt"] else "expired" if expired else ""
    return {
        "whose": token["owner"]["name"],
        "opens": _opens(token),
        "ends": ended or moment(token["expiresAt"]),
        "used": moment(token["lastUsedAt"]),
    }


def _opens(token: dict[str, Any]) -> str:
    tenants, workspace = token["tenants"], token["workspace"]
    where = workspace["name"] if workspace else "all workspaces"
    if tenants is not None:
        where = ", ".join(tenant["name"] for tenant in tenants) or "no tenant that you reach"
    return where if token["capabilities"] is None else f"{where} ({', '.join(token['capabilities'])})"
