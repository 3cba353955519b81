"""`atlas tenants settings`: what is set of plugins for a tenant."""

from __future__ import annotations

import typer

from atlas_gql.cli.output import AsJson
from atlas_gql.cli.remote.connection import OfProfile, OfTenant, connected
from atlas_gql.cli.secrets import FromEnv, FromStdin
from atlas_gql.cli.setting import (
    Defaults,
    OfPlugin,
    OfSecret,
    Values,
    read_secrets,
    set_settings,
    show_settings,
)
from atlas_gql.client import Api
from atlas_gql.client.references import find_tenant
from atlas_gql.client.settings import Place, PluginSettings

app = typer.Typer(name="settings", help="What is set of plugins for a tenant.", no_args_is_help=True)


@app.command()
def show(
    plugin: OfPlugin, tenant: OfTenant = None, profile: OfProfile = None, as_json: AsJson = False
) -> None:
    """Show what is set of a plugin for a tenant. Of secrets it tells whether they are set."""
    with connected(profile) as api:
        show_settings(_settings(api, plugin, tenant), as_json=as_json)


@app.command("set")
def set_(
    plugin: OfPlugin,
    values: Values = None,
    tenant: OfTenant = None,
    default: Defaults = None,
    secret: OfSecret = None,
    from_env: FromEnv = None,
    from_stdin: FromStdin = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Set a plugin for a tenant. What is not named stays as it is; runs that begin next have it."""
    secrets = read_secrets(values, default, secret, from_env, from_stdin)
    with connected(profile) as api:
        set_settings(_settings(api, plugin, tenant), values, default, secrets, as_json=as_json)


def _settings(api: Api, plugin: str, tenant: str | None) -> PluginSettings:
    return PluginSettings(api.send, plugin, Place.of_tenant(find_tenant(api, tenant)["id"]))
