"""What of a backup is planned or compared, as options: the set, the tenants, policies, mappings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from atlas_gql.client import Api
from atlas_gql.client.references import Thing, find_policies, find_set, find_tenant

OfSet = Annotated[
    str,
    typer.Argument(metavar="[SET]", help="The backup set, by id, or `latest`: the newest that can be used."),
]
OfSource = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TENANT",
        help="The tenant whose latest backup is meant, where that is another one.",
        show_default=False,
    ),
]
OfTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="TYPE",
        help="Only this kind of policy, such as deviceConfigurations; may be given several times.",
        show_default=False,
    ),
]
OfPolicies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="POLICY",
        help="Only this policy, by its name in the backup or its id at Microsoft; may be repeated.",
        show_default=False,
    ),
]


def _mapping(what: str) -> Any:
    return typer.Option(
        f"--map-{what}",
        metavar="SOURCE=TARGET",
        help=f"This {what} of the backup is that one of the tenant, by Microsoft's ids; may be repeated.",
        show_default=False,
    )


GroupMappings = Annotated[list[str] | None, _mapping("group")]
FilterMappings = Annotated[list[str] | None, _mapping("filter")]


def selection(
    api: Api,
    backup_set: str,
    *,
    tenant: str | None,
    source: str | None,
    types: list[str] | None,
    policies: list[str] | None,
    mappings: dict[str, list[dict[str, str]]],
) -> tuple[Thing, dict[str, Any]]:
    """The tenant, and the input's fields that a plan and a comparison have in common."""
    found = find_set(api, backup_set, source or tenant)
    of = find_tenant(api, tenant) if tenant or source else found["tenant"]
    return of, {
        "tenantId": of["id"],
        "backupSetId": found["id"],
        "policyTypes": types or [],
        "policyIds": find_policies(api, found, policies or ()),
        **mappings,
    }


def mapped(groups: list[str] | None, filters: list[str] | None) -> dict[str, list[dict[str, str]]]:
    """`groupMappings` and `filterMappings`. Raises BadParameter for what is not `SOURCE=TARGET`."""
    return {
        "groupMappings": _pairs(groups, "--map-group"),
        "filterMappings": _pairs(filters, "--map-filter"),
    }


def _pairs(given: list[str] | None, option: str) -> list[dict[str, str]]:
    pairs = [text.partition("=") for text in given or ()]
    if not all(source.strip() and target.strip() for source, _, target in pairs):
        raise typer.BadParameter(f"{option} takes SOURCE=TARGET.")
    return [{"sourceId": source.strip(), "targetId": target.strip()} for source, _, target in pairs]
