"""Things as a person names them: tenants by name, domain or id, backup sets by id or as `latest`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atlas_gql.client.api import Api
from atlas_gql.client.errors import Invalid, NotAllowed
from atlas_gql.values import is_guid

LATEST = "latest"
_LISTED = 10

Thing = Mapping[str, Any]


def id_of(kind: str, text: str) -> str:
    """The GraphQL id of a thing that is named by its `uuid`, as tables show it, or by that id."""
    text = text.strip()
    # As `atlas_gql.schema.ids` makes it; importing that would take longer than most commands.
    return b64encode(f"{kind}:{text.lower()}".encode()).decode() if is_guid(text) else text


def find_tenant(api: Api, text: str | None) -> Thing:
    """The tenant of this name, domain or id; without a text, the only one that you reach.

    Raises NotAllowed when there is none, and Invalid when there are several.
    """
    found = list(_tenants(api))
    if text is None:
        if len(found) == 1:
            return found[0]
        raise Invalid(f"Say which tenant. {_known(found)}")
    return _one("tenant", found, text, ("name", "primaryDomain", "entraTenantId"))


def find_workspace(api: Api, text: str | None) -> Thing:
    """The workspace of this name or id, or the only one; raises as `find_tenant`."""
    found = list(_workspaces(api))
    if text is None:
        if len(found) == 1:
            return found[0]
        raise Invalid(f"Say which workspace. {_known(found)}")
    return _one("workspace", found, text, ("name",))


def find_member(api: Api, workspace: Thing, text: str) -> Thing:
    """The member of a workspace whose user has this name, or of this id; raises as `find_tenant`."""
    found: list[Thing] = [
        {**member, "name": member["userName"]}
        for member in api.pages("members", "workspace", "members", workspaceId=workspace["id"])
    ]
    return _one("member", found, text, ("userUuid", "name"))


def find_schedule(api: Api, workspace: Thing, text: str) -> Thing:
    """The schedule of a workspace that has this name or id; raises as `find_tenant`."""
    found = list(api.pages("schedules", "workspace", "schedules", workspaceId=workspace["id"]))
    return _one("schedule", found, text, ("name",))


def find_tenants(api: Api, workspace: Thing, texts: Iterable[str]) -> list[Thing]:
    """The workspace's tenants of these names, domains or ids; raises as `find_tenant`."""
    found = list(api.pages("tenants", "workspace", "tenants", workspaceId=workspace["id"]))
    known: list[Thing] = [{**tenant, "workspace": workspace["name"]} for tenant in found]
    return [_one("tenant", known, text, ("name", "primaryDomain", "entraTenantId")) for text in texts]


def find_set(api: Api, text: str, tenant: str | None) -> Thing:
    """The backup set of this id, or the tenant's latest one that somebody asked for and that can be used.

    Raises NotAllowed when there is none.
    """
    if text.strip() != LATEST:
        return api.node("backup_set", "BackupSet", id_of("BackupSet", text))
    of = find_tenant(api, tenant)
    for candidate in api.pages("backup_sets", "tenant", "backupSets", tenantId=of["id"]):
        if candidate["origin"] == "REQUESTED" and candidate["state"] in ("COMPLETE", "PARTIAL"):
            return {**candidate, "tenant": of}
    raise NotAllowed(f"{of['name']} has no backup yet: `atlas backup create` makes one.")


def find_policies(api: Api, backup_set: Thing, texts: Iterable[str]) -> list[str]:
    """The policies' ids at Microsoft, for policies of the set that are named by their name or that id.

    Raises NotAllowed for one that the set does not hold, and Invalid for a name that several bear.
    """
    return [_policy(api, backup_set, text.strip()) for text in texts]


def _policy(api: Api, backup_set: Thing, text: str) -> str:
    wanted = {"id": backup_set["id"], "filter": {"nameContains": text}}
    found = [item for item in api.pages("backup_items", "node", "items", **wanted) if item["name"] == text]
    if len(found) > 1:
        several = ", ".join(f"{item['externalId']} ({item['policyType']})" for item in found)
        raise Invalid(f"Several policies of the backup are called {text!r}. Give the id: {several}.")
    if found:
        return str(found[0]["externalId"])
    for item in api.pages("backup_items", "node", "items", id=backup_set["id"]):
        if item["externalId"].lower() == text.lower():
            return str(item["externalId"])
    raise NotAllowed(f"The backup holds no policy {text!r}, neither by name nor by id.")


def _tenants(api: Api) -> Iterator[Thing]:
    for workspace in _workspaces(api):
        for tenant in api.pages("tenants", "workspace", "tenants", workspaceId=workspace["id"]):
            yield {**tenant, "workspace": workspace["name"]}


def _workspaces(api: Api) -> Iterator[Thing]:
    return api.pages("workspaces", "viewer", "workspaces")


def _one(noun: str, things: list[Thing], text: str, fields: tuple[str, ...]) -> Thing:
    text = text.strip()
    hits = [thing for thing in things if text in (thing["id"], thing["name"])]
    folded = text.lower()
    hits = hits or [
        thing for thing in things if folded in (str(thing[key]).lower() for key in (*fields, "uuid"))
    ]
    if len(hits) == 1:
        return hits[0]
    if hits:
        several = ", ".join(f"{hit['uuid']} ({hit.get('workspace', hit['name'])})" for hit in hits)
        raise Invalid(f"Several {noun}s are called {text!r}. Give the id: {several}.")
    raise NotAllowed(f"You reach no {noun} {text!r}. {_known(things)}")


def _known(things: list[Thing]) -> str:
    if not things:
        return "You reach none at all."
    names = ", ".join(sorted(thing["name"] for thing in things)[:_LISTED])
    return f"There is: {names}{', and others' if len(things) > _LISTED else ''}."
