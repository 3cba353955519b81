"""`atlas tenants`: those of a workspace, through the API: how they stand, added, renamed, archived."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.remote import plugin_settings
from atlas_gql.cli.remote.connection import OfProfile, OfWorkspace, connected
from atlas_gql.cli.remote.words import moment, word
from atlas_gql.client.references import find_tenant, find_workspace

app = typer.Typer(name="tenants", help="The tenants of a workspace.", no_args_is_help=True)
app.add_typer(plugin_settings.app)

Named = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by name, domain or id.")]


@app.command("list")
def list_(
    workspace: OfWorkspace = None,
    archived: Annotated[
        bool, typer.Option("--archived", help="Those that are archived, and no others.")
    ] = False,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """List the tenants that you reach: how Atlas's way in stands, and their last whole backup."""
    with connected(profile) as api:
        of = find_workspace(api, workspace)
        wanted = {"workspaceId": of["id"], "filter": {"archived": archived}}
        found = list(api.pages("tenants_stand", "workspace", "tenants", **wanted))
    rows = found if as_json else [{**tenant, **_words(tenant)} for tenant in found]
    columns = {
        "name": "Tenant",
        "primaryDomain": "Domain",
        "way": "Way in",
        "backup": "Last whole backup",
    }
    none = f"{of['name']} has no {'archived ' if archived else ''}tenant that you reach."
    show(rows, columns, empty=none, as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name in Atlas.")],
    entra_tenant_id: Annotated[str, typer.Option(help="The GUID that Microsoft Entra shows as tenant id.")],
    primary_domain: Annotated[
        str, typer.Option(help="Its primary domain; typing it confirms a restore into this tenant.")
    ],
    workspace: OfWorkspace = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Add a tenant to a workspace."""
    with connected(profile) as api:
        given = {"entraTenantId": entra_tenant_id, "primaryDomain": primary_domain}
        of = find_workspace(api, workspace)
        made = api.change("create_tenant", workspaceId=of["id"], name=name, **given)["tenant"]
    tell(f"Added the tenant {made['name']} ({made['uuid']}).", {"tenant": made}, as_json=as_json)


@app.command()
def rename(
    tenant: Named,
    name: Annotated[str | None, typer.Option(help="Its new name.", show_default=False)] = None,
    primary_domain: Annotated[
        str | None, typer.Option(help="Its new primary domain.", show_default=False)
    ] = None,
    profile: OfProfile = None,
    as_json: AsJson = False,
) -> None:
    """Change what a tenant is called."""
    given = {"name": name, "primaryDomain": primary_domain}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Give --name or --primary-domain.")
    with connected(profile) as api:
        of = find_tenant(api, tenant)
        made = api.change("rename_tenant", tenantId=of["id"], **changes)["tenant"]
    tell(f"It is now {made['name']}, {made['primaryDomain']}.", {"tenant": made}, as_json=as_json)


@app.command()
def archive(tenant: Named, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Archive a tenant: it can be read, and nothing is done there. Runs that wait are cancelled."""
    with connected(profile) as api:
        made = api.change("archive_tenant", tenantId=find_tenant(api, tenant)["id"])["tenant"]
    tell(f"Archived {made['name']}.", {"tenant": made}, as_json=as_json)


@app.command()
def unarchive(tenant: Named, profile: OfProfile = None, as_json: AsJson = False) -> None:
    """Take a tenant out of the archive."""
    with connected(profile) as api:
        made = api.change("unarchive_tenant", tenantId=find_tenant(api, tenant)["id"])["tenant"]
    tell(f"{made['name']} is archived no longer.", {"tenant": made}, as_json=as_json)


def _words(tenant: dict[str, Any]) -> dict[str, str]:
    return {"way": word(tenant["providerStatus"]), "backup": moment(tenant["lastSuccessfulBackupAt"])}
