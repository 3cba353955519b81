"""Policies and their assignments, for every kind in the table; and assignment filters."""

from __future__ import annotations

from typing import Any

from atlas_gql.simulator import query
from atlas_gql.simulator.assignments import INHERITED, body_of, checked_element, replacement, shown, stored
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import Refused, bad_request, method_not_allowed, no_route, no_such_segment
from atlas_gql.simulator.pages import cut, next_link, page_of, paged
from atlas_gql.simulator.payload import json_body
from atlas_gql.simulator.permissions import require_intune
from atlas_gql.simulator.state import Collection, Document, Policy, Tenant
from atlas_gql.simulator.table import FILTER_PROPERTIES, FILTERS_PATH, FILTERS_STEM, Kind, Write

_LIST = ("$top", "$select", "$expand", "$filter", "$skiptoken")
_ITEM = ("$select", "$expand")


def answer_policies(call: Call, kind: Kind, tenant: Tenant) -> Answer:
    """The answer to a call under a kind's path. Raises Refused."""
    if call.version not in kind.versions:
        raise no_such_segment(kind.path.split("/")[-1]) if call.method == "GET" else method_not_allowed()
    require_intune(call, kind.read_roles if call.method == "GET" else kind.write_roles)
    policies = tenant.policies_of(kind)
    match call.method, *call.segments[kind.depth :]:
        case ["GET"]:
            return _list(call, kind, policies)
        case ["GET", key]:
            return _item(call, kind, _found(policies, key))
        case ["GET", key, "assignments"]:
            return _assignments(call, kind, _found(policies, key))
        case ["GET", key, "assignments", assignment]:
            return _assignment(call, kind, _found(policies, key), assignment)
        case ["POST", key, "assign"] if kind.write is Write.ASSIGN:
            return _assign(call, kind, _found(policies, key), tenant)
        case ["POST", key, "assignments"] if kind.write is Write.ITEMS:
            return _add(call, kind, _found(policies, key), tenant)
        case ["DELETE", key, "assignments", assignment] if kind.write is Write.ITEMS:
            return _remove(call, _found(policies, key), assignment)
    raise no_route(call)


def answer_filters(call: Call, tenant: Tenant) -> Answer:
    """The answer to a read of assignment filters. Raises Refused."""
    if call.version != "beta":
        raise no_such_segment("assignmentFilters") if call.method == "GET" else method_not_allowed()
    require_intune(call, (f"{FILTERS_STEM}.Read.All", f"{FILTERS_STEM}.ReadWrite.All"))
    filters = tenant.filters or Collection()
    metadata = f"{call.base}/beta/$metadata#{FILTERS_PATH}"
    match call.method, *call.segments[2:]:
        case ["GET"]:
            given = query.options(call, ("$top", "$select", "$filter", "$skiptoken"))
            names = query.selected(given, FILTER_PROPERTIES, "microsoft.graph.deviceAndAppManagementFilter")
            return paged(call, given, filters, lambda f: query.chosen(f.document, names), metadata, 1000)
        case ["GET", key]:
            given = query.options(call, ("$select",))
            names = query.selected(given, FILTER_PROPERTIES, "microsoft.graph.deviceAndAppManagementFilter")
            document = query.chosen(_found(filters, key).document, names)
            return Answer(body={"@odata.context": f"{metadata}/$entity", **document})
    raise no_route(call)


def _list(call: Call, kind: Kind, policies: Collection[Policy]) -> Answer:
    given = query.options(call, _LIST)
    names, expand = _shape(kind, given)
    return paged(
        call,
        given,
        policies,
        lambda policy: _shown(call, kind, policy, names, expand),
        _metadata(call, kind, names, expand),
        kind.page_size,
        name_field=kind.name_field,
        counts_page=kind.counts_page,
        flag="isAssigned" if "isAssigned" in kind.selectable else None,
    )


def _item(call: Call, kind: Kind, policy: Policy) -> Answer:
    names, expand = _shape(kind, query.options(call, _ITEM))
    context = f"{_metadata(call, kind, names, expand)}/$entity"
    return Answer(body={"@odata.context": context, **_shown(call, kind, policy, names, expand)})


def _assignments(call: Call, kind: Kind, policy: Policy) -> Answer:
    given = query.options(call, ("$top", "$skiptoken"))
    page = page_of(call, given, default=1000, maximum=1000)
    link = next_link(call, given, page, len(policy.assignments))
    values = [shown(kind, a, call.version) for a in cut(policy.assignments, page)]
    return Answer(body={"@odata.context": _set_context(call, kind, policy), **link, "value": values})


def _assignment(call: Call, kind: Kind, policy: Policy, key: str) -> Answer:
    query.options(call, ())
    found = _held(policy, key)
    context = f"{_set_context(call, kind, policy)}/$entity"
    return Answer(body={"@odata.context": context, **shown(kind, found, call.version)})


def _assign(call: Call, kind: Kind, policy: Policy, tenant: Tenant) -> Answer:
    query.options(call, ())
    policy.assign(replacement(kind, policy, body_of(kind, json_body(call)), tenant, call.version))
    if not kind.returns_set:
        return Answer(status=kind.assign_status)
    values = [shown(kind, assignment, call.version) for assignment in policy.assignments]
    body = {"@odata.context": _set_context(call, kind, policy), "value": values}
    return Answer(status=kind.assign_status, body=body)


def _add(call: Call, kind: Kind, policy: Policy, tenant: Tenant) -> Answer:
    """Add one item: what is there already is added again, so a repeated call doubles."""
    query.options(call, ())
    element = checked_element(kind, json_body(call), tenant, call.version)
    added = stored(kind, policy.id, element, taken=[a["id"] for a in policy.assignments])
    policy.assign((*policy.assignments, added))
    context = f"{_set_context(call, kind, policy)}/$entity"
    return Answer(status=201, body={"@odata.context": context, **added})


def _remove(call: Call, policy: Policy, key: str) -> Answer:
    query.options(call, ())
    found = _held(policy, key)
    if found.get("source") == INHERITED:
        raise bad_request("An assignment that comes from a policy set cannot be deleted.")
    policy.assign(a for a in policy.assignments if a is not found)
    return Answer(status=204)


def _shape(kind: Kind, given: dict[str, str]) -> tuple[tuple[str, ...] | None, bool]:
    type_name = f"microsoft.graph.{kind.path.split('/')[-1]}"
    return query.selected(given, kind.selectable, type_name), query.expands_assignments(given)


def _shown(
    call: Call, kind: Kind, policy: Policy, names: tuple[str, ...] | None, expand: bool
) -> dict[str, Any]:
    document = query.chosen(policy.document, names)
    if expand:
        document["assignments@odata.context"] = _set_context(call, kind, policy)
        document["assignments"] = [shown(kind, a, call.version) for a in policy.assignments]
    return document


def _metadata(call: Call, kind: Kind, names: tuple[str, ...] | None, expand: bool) -> str:
    inside = [*(names or ()), *(["assignments()"] if expand else [])]
    shape = f"({','.join(inside)})" if inside else ""
    return f"{call.base}/{call.version}/$metadata#{kind.path}{shape}"


def _set_context(call: Call, kind: Kind, policy: Policy) -> str:
    return f"{call.base}/{call.version}/$metadata#{kind.path}('{policy.id}')/assignments"


def _found(collection: Collection[Any], key: str) -> Any:
    entity = collection.get(key)
    if entity is None:
        raise Refused(404, "ResourceNotFound", f"The resource '{key}' was not found.", nested=True)
    return entity


def _held(policy: Policy, key: str) -> Document:
    found = next((a for a in policy.assignments if a["id"] == key), None)
    if found is None:
        raise Refused(404, "ResourceNotFound", f"The assignment '{key}' was not found.", nested=True)
    return found
