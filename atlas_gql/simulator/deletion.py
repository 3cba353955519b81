"""Groups that are renamed, deleted, restored and gone for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from atlas_gql.simulator import query
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import bad_directory_request
from atlas_gql.simulator.lookup import found_group
from atlas_gql.simulator.pages import paged
from atlas_gql.simulator.payload import json_body
from atlas_gql.simulator.permissions import require_directory
from atlas_gql.simulator.state import Collection, Document, Entity, Tenant
from atlas_gql.simulator.table import DELETED_ROLES, GROUP_PROPERTIES, GROUP_WRITE_ROLES, KINDS

KEPT = timedelta(days=30)
_GROUP = "microsoft.graph.group"
_CHANGEABLE = ("displayName", "description", "membershipRule")
_DATE = "%Y-%m-%dT%H:%M:%SZ"


def change_group(call: Call, tenant: Tenant) -> Answer:
    """Rename a group, or give it another description or rule."""
    require_directory(call, GROUP_WRITE_ROLES)
    group = found_group(tenant.groups, call.segments[1])
    body = json_body(call)
    if not isinstance(body, dict) or not body or not set(body) <= set(_CHANGEABLE):
        raise bad_directory_request(f"Only {', '.join(_CHANGEABLE)} can be changed here.")
    if body.get("displayName", "x") in (None, "") or not all(
        isinstance(v, str | None) for v in body.values()
    ):
        raise bad_directory_request("Invalid value specified for a property of resource 'Group'.")
    assert tenant.groups is not None
    tenant.groups.change(group, body)
    return Answer(status=204)


def delete_group(call: Call, tenant: Tenant) -> Answer:
    """Delete a group, which can be restored for 30 days; Intune keeps the assignments to it."""
    require_directory(call, GROUP_WRITE_ROLES)
    group = found_group(tenant.groups, call.segments[1])
    assert tenant.groups is not None
    tenant.groups.remove(group)
    group.document = {**group.document, "deletedDateTime": _at(call.now).strftime(_DATE)}
    if tenant.deleted is None:
        tenant.deleted = Collection()
    tenant.deleted.add(group)
    return Answer(status=204)


def deleted_groups(call: Call, tenant: Tenant) -> Answer:
    """A page of the groups that can be restored."""
    require_directory(call, DELETED_ROLES)
    given = query.options(call, ("$top", "$select", "$filter", "$skiptoken"))
    names = query.selected(given, GROUP_PROPERTIES, _GROUP)
    kept = Collection(group for group in _deleted(tenant).entities if _is_kept(group, call.now))
    context = f"{call.base}/{call.version}/$metadata#groups"
    return paged(call, given, kept, lambda g: query.chosen(g.document, names), context, 100, maximum=999)


def deleted_group(call: Call, tenant: Tenant) -> Answer:
    """One of the groups that can be restored."""
    require_directory(call, DELETED_ROLES)
    names = query.selected(query.options(call, ("$select",)), GROUP_PROPERTIES, _GROUP)
    group = _found(call, tenant)
    context = f"{call.base}/{call.version}/$metadata#directoryObjects/$entity"
    document = {"@odata.type": f"#{_GROUP}", **query.chosen(group.document, names)}
    return Answer(body={"@odata.context": context, **document})


def restore_group(call: Call, tenant: Tenant) -> Answer:
    """Restore a group. Assignments of apps to it come back with empty settings, as was seen."""
    require_directory(call, GROUP_WRITE_ROLES)
    group = _found(call, tenant)
    _deleted(tenant).remove(group)
    group.document = {name: v for name, v in group.document.items() if name != "deletedDateTime"}
    if tenant.groups is None:
        tenant.groups = Collection()
    tenant.groups.add(group)
    _empty_settings(tenant, group.id)
    context = f"{call.base}/{call.version}/$metadata#directoryObjects/$entity"
    return Answer(body={"@odata.context": context, "@odata.type": f"#{_GROUP}", **group.document})


def purge_group(call: Call, tenant: Tenant) -> Answer:
    """Delete a deleted group for good."""
    require_directory(call, GROUP_WRITE_ROLES)
    _deleted(tenant).remove(_found(call, tenant))
    return Answer(status=204)


def _found(call: Call, tenant: Tenant) -> Entity:
    kept = Collection(group for group in _deleted(tenant).entities if _is_kept(group, call.now))
    return found_group(kept, call.segments[2])


def _deleted(tenant: Tenant) -> Collection[Entity]:
    return tenant.deleted or Collection()


def _is_kept(group: Entity, now: float) -> bool:
    deleted = group.document.get("deletedDateTime")
    if not isinstance(deleted, str):
        return True
    return _at(now) < datetime.fromisoformat(deleted) + KEPT


def _empty_settings(tenant: Tenant, group_id: str) -> None:
    for kind in (kind for kind in KINDS.values() if kind.by_intent):
        for policy in tenant.policies_of(kind).entities:
            policy.assign([_without_settings(a, group_id) for a in policy.assignments])


def _without_settings(assignment: Document, group_id: str) -> Document:
    if assignment["target"].get("groupId") != group_id or "settings" not in assignment:
        return assignment
    return {**assignment, "settings": None}


def _at(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
