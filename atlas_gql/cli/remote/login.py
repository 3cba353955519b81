"""`atlas login`, `logout` and `whoami`. A token comes from the environment, standard input or a prompt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.remote.connection import OfProfile, connected
from atlas_gql.cli.secrets import FromEnv, FromStdin, read_secret
from atlas_gql.client import Api, Profiles
from atlas_gql.client.profiles import DEFAULT, checked_access, checked_url


def register(app: typer.Typer) -> None:
    """Add the commands that say who asks."""
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)


def login(
    url: Annotated[
        str | None,
        typer.Option(help="Where the API is, such as https://atlas.example.com; else ATLAS_URL."),
    ] = None,
    profile: OfProfile = None,
    from_env: FromEnv = None,
    from_stdin: FromStdin = False,
    insecure_http: Annotated[
        bool,
        typer.Option("--insecure-http", help="Send the token by plain HTTP, where anybody may read it."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Store where the API is and a token for it, once the API has taken the token."""
    url = url or os.environ.get("ATLAS_URL")
    if not url:
        raise typer.BadParameter("Say where the API is: --url, or ATLAS_URL.")
    # before the token is asked for: nobody should type one that is not going to be sent
    url = checked_url(url, insecure_http=insecure_http)
    token = read_secret("Token", from_env, from_stdin)
    access = checked_access(url, token, insecure_http=insecure_http)
    with Api(access) as api:
        viewer = api.query("viewer")["viewer"]
    profiles, name = Profiles(), _name(profile)
    profiles.put(name, access)
    where = _short(profiles.path)
    tell(
        f"Logged in at {url} as {viewer['name']}. The token is in {where}, for your eyes only.",
        {"url": url, "profile": name, "user": viewer},
        as_json=as_json,
    )


def logout(profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Forget the stored token. It stays valid until it ends, or `atlas token revoke` ends it."""
    name = _name(profile)
    there = Profiles().remove(name)
    sentence = f"Forgot the profile {name}." if there else f"There was no profile {name}."
    tell(sentence, {"profile": name, "changed": there}, as_json=as_json)


def whoami(profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Tell who you are for the API, and which tenants you reach with which rights."""
    with connected(profile) as api:
        viewer = api.query("viewer")["viewer"]
        tenants = [
            {**tenant, "workspace": workspace["name"]}
            for workspace in api.pages("workspaces", "viewer", "workspaces")
            for tenant in api.pages("tenants", "workspace", "tenants", workspaceId=workspace["id"])
        ]
        values: dict[str, Any] = {"url": api.url, "user": viewer, "tenants": tenants}
    tell(f"{viewer['name']}, at {values['url']}", values, as_json=as_json)
    if not as_json:
        columns = {
            "workspace": "Workspace",
            "name": "Tenant",
            "primaryDomain": "Domain",
            "may": "You may",
        }
        rows = [{**tenant, "may": _may(tenant["viewerCapabilities"])} for tenant in tenants]
        show(rows, columns, empty="You reach no tenant.", as_json=False)


def _short(path: Path) -> str:
    """A path as people write it: `~/.config/...`."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _may(capabilities: list[str]) -> str:
    """The steps of a restore that the capabilities allow."""
    steps = {"backups.create": "back up", "restores.plan": "plan", "restores.execute": "restore"}
    return ", ".join(step for name, step in steps.items() if name in capabilities) or "look"


def _name(profile: str | None) -> str:
    return profile or os.environ.get("ATLAS_PROFILE") or DEFAULT
