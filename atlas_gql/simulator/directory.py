"""Entra's objects: groups, deleted ones too, look-ups of many ids, the organization."""

from __future__ import annotations

from collections.abc import Callable

from atlas_gql.simulator import deletion, query
from atlas_gql.simulator.calls import Answer, Call, is_guid
from atlas_gql.simulator.errors import bad_directory_request, method_not_allowed, no_such_segment
from atlas_gql.simulator.lookup import found_group
from atlas_gql.simulator.pages import paged
from atlas_gql.simulator.payload import json_body
from atlas_gql.simulator.permissions import require_directory
from atlas_gql.simulator.state import Collection, Tenant
from atlas_gql.simulator.table import GROUP_PROPERTIES, GROUP_ROLES, OBJECT_ROLES, ORGANIZATION_ROLES
from atlas_gql.simulator.throttle import units

MAX_IDS = 1000
MAX_PAGE = 999
_GROUP = "microsoft.graph.group"
_GROUPS = ("$top", "$select", "$filter", "$skiptoken", "$count")


def answer_directory(call: Call, tenant: Tenant) -> Answer:
    """The answer to a call on the directory. Raises Refused."""
    cost = {"x-ms-resource-unit": str(units(call))}
    answer = _route(call)(call, tenant)
    return Answer(
        status=answer.status,
        headers={**answer.headers, **cost},
        body=answer.body,
        content_type=answer.content_type,
    )


def _route(call: Call) -> Callable[[Call, Tenant], Answer]:
    match call.method, *call.segments:
        case ["GET", "groups"]:
            return _groups
        case ["GET", "groups", "$count"]:
            return _count
        case ["GET", "groups", _]:
            return _group
        case ["GET", "groups", _, "members", "$count"]:
            return _member_count
        case ["PATCH", "groups", _]:
            return deletion.change_group
        case ["DELETE", "groups", _]:
            return deletion.delete_group
        case ["GET", "directory", "deletedItems", "microsoft.graph.group"]:
            return deletion.deleted_groups
        case ["GET", "directory", "deletedItems", _]:
            return deletion.deleted_group
        case ["POST", "directory", "deletedItems", _, "restore"]:
            return deletion.restore_group
        case ["DELETE", "directory", "deletedItems", _]:
            return deletion.purge_group
        case ["POST", "directoryObjects", "getByIds"]:
            return _by_ids
        case ["GET", "organization"]:
            return _organization
        case [verb, "groups" | "organization", *_] if verb != "GET":
            raise method_not_allowed()
        case [_, "directoryObjects", "getByIds"]:
            raise method_not_allowed()
    raise no_such_segment(call.segments[-1])


def _groups(call: Call, tenant: Tenant) -> Answer:
    require_directory(call, GROUP_ROLES)
    given = query.options(call, _GROUPS)
    names = query.selected(given, GROUP_PROPERTIES, _GROUP)
    if given.get("$top", "").isdecimal() and int(given["$top"]) > MAX_PAGE:
        raise bad_directory_request(
            f"Invalid page size specified: '{given['$top']}'. Must be between 1 and 999 inclusive."
        )
    if "$count" in given:
        _needs_eventual(call)
    groups = tenant.groups or Collection()
    context = f"{call.base}/{call.version}/$metadata#groups"
    if names:
        context += f"({','.join(names)})"
    answer = paged(
        call, given, groups, lambda group: query.chosen(group.document, names), context, 100, maximum=MAX_PAGE
    )
    if given.get("$count") == "true" and "$skiptoken" not in given:
        named = query.equals(given, "displayName")
        total = len(groups.entities if named is None else groups.named(named))
        return Answer(body={"@odata.count": total, **answer.body})
    return answer


def _group(call: Call, tenant: Tenant) -> Answer:
    require_directory(call, GROUP_ROLES)
    names = query.selected(query.options(call, ("$select",)), GROUP_PROPERTIES, _GROUP)
    group = found_group(tenant.groups, call.segments[1])
    context = f"{call.base}/{call.version}/$metadata#groups/$entity"
    return Answer(body={"@odata.context": context, **query.chosen(group.document, names)})


def _count(call: Call, tenant: Tenant) -> Answer:
    require_directory(call, GROUP_ROLES)
    query.options(call, ())
    _needs_eventual(call)
    return _number(len((tenant.groups or Collection()).entities))


def _member_count(call: Call, tenant: Tenant) -> Answer:
    """How many members: `members@odata.count` of the document, else the length of its `members`."""
    require_directory(call, GROUP_ROLES)
    query.options(call, ())
    _needs_eventual(call)
    aside = found_group(tenant.groups, call.segments[1]).aside
    return _number(aside.get("members@odata.count", len(aside.get("members", ()))))


def _by_ids(call: Call, tenant: Tenant) -> Answer:
    """The objects of these ids; ids that are not there are left out."""
    require_directory(call, OBJECT_ROLES)
    query.options(call, ())
    body = json_body(call)
    ids = body.get("ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not set(body) <= {"ids", "types"}:
        raise bad_directory_request("A collection of ids is expected.")
    if len(ids) > MAX_IDS:
        raise bad_directory_request(f"Too many ids were given; the maximum is {MAX_IDS}.")
    for key in ids:
        if not is_guid(key):
            raise bad_directory_request(f"Invalid GUID:{key}")
    wanted = "group" in body.get("types", ["group"])
    groups = tenant.groups or Collection()
    found = [group for key in dict.fromkeys(ids) if wanted and (group := groups.get(key)) is not None]
    values = [{"@odata.type": f"#{_GROUP}", **group.document} for group in found]
    context = f"{call.base}/{call.version}/$metadata#directoryObjects"
    return Answer(body={"@odata.context": context, "value": values})


def _organization(call: Call, tenant: Tenant) -> Answer:
    require_directory(call, ORGANIZATION_ROLES)
    names = query.selected(
        query.options(call, ("$select",)),
        frozenset({"id", "displayName", "verifiedDomains"}),
        "microsoft.graph.organization",
    )
    context = f"{call.base}/{call.version}/$metadata#organization"
    return Answer(body={"@odata.context": context, "value": [query.chosen(tenant.described, names)]})


def _needs_eventual(call: Call) -> None:
    if call.headers.get("consistencylevel", "").lower() != "eventual":
        raise bad_directory_request("$count needs the header 'ConsistencyLevel: eventual'.")


def _number(count: int) -> Answer:
    return Answer(body=str(count), content_type="text/plain")
