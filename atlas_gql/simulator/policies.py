"""Policies and their assignments, for every kind in the table: which part answers, and what is read."""

from __future__ import annotations

from typing import Any

from atlas_gql.simulator import query, writes
from atlas_gql.simulator.assignments import shown
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import Refused, method_not_allowed, no_route, no_such_segment
from atlas_gql.simulator.habits import ALL, Habits
from atlas_gql.simulator.kind import Expand, Kind, Write
from atlas_gql.simulator.lookup import found, held, set_context
from atlas_gql.simulator.pages import cut, next_link, page_of, paged
from atlas_gql.simulator.permissions import require_intune
from atlas_gql.simulator.state import Collection, Policy, Tenant
from atlas_gql.simulator.targets import Writing

_LIST = ("$top", "$select", "$expand", "$filter", "$skiptoken")
_ITEM = ("$select", "$expand")


def answer_policies(call: Call, kind: Kind, tenant: Tenant) -> Answer:
    """The answer to a call under a kind's path. Raises Refused."""
    if call.version not in kind.versions:
        raise no_such_segment(kind.name) if call.method == "GET" else method_not_allowed()
    require_intune(call, kind.read_roles if call.method == "GET" else kind.write_roles)
    if call.habits.unlicensed & {kind.name, ALL}:
        raise Refused(403, "Forbidden", "An error has occurred", nested=True)
    policies = tenant.policies_of(kind)
    if call.method == "GET":
        return _read(call, kind, policies)
    return _write(call, kind, policies, tenant)


def _read(call: Call, kind: Kind, policies: Collection[Policy]) -> Answer:
    match call.segments[kind.depth :]:
        case ():
            return _list(call, kind, policies)
        case (key,):
            return _item(call, kind, found(policies, key))
        case (key, "assignments") if kind.lists_set or call.habits.assumptions:
            return _assignments(call, kind, found(policies, key))
        case (key, "assignments", assignment) if kind.lists_set or call.habits.assumptions:
            return _assignment(call, kind, found(policies, key), assignment)
    raise no_route(call)


def _write(call: Call, kind: Kind, policies: Collection[Policy], tenant: Tenant) -> Answer:
    match call.method, *call.segments[kind.depth :]:
        case ["PATCH", key]:
            return writes.change(call, kind, policies, found(policies, key), tenant)
        case ["DELETE", key]:
            return writes.delete(call, kind, policies, found(policies, key), tenant)
    if kind.assumed and not call.habits.assumptions:
        raise no_route(call)

    def writing(key: str) -> Writing:
        return Writing(kind=kind, policy=found(policies, key), tenant=tenant, call=call)

    match call.method, *call.segments[kind.depth :]:
        case ["POST", key, "assign"] if kind.write is Write.ASSIGN:
            return writes.assign(writing(key))
        case ["POST", key, kind.cast, "assign"] if kind.cast and kind.write is Write.ASSIGN:
            return writes.assign(writing(key))
        case ["POST", key, "update"] if kind.write is Write.UPDATE:
            return writes.assign(writing(key))
        case ["POST", key, "assignments"] if kind.write is Write.ITEMS:
            return writes.add(writing(key))
        case ["DELETE", key, "assignments", assignment] if kind.write is Write.ITEMS:
            return writes.remove(writing(key), assignment)
    raise no_route(call)


def _list(call: Call, kind: Kind, policies: Collection[Policy]) -> Answer:
    given = query.options(call, _LIST)
    names, expands = _shape(kind, given, _expandable_on_list(kind, call.habits))
    return paged(
        call,
        given,
        policies,
        lambda policy: _shown(call, kind, policy, names, expands),
        _metadata(call, kind, names, expands),
        kind.page_size,
        name_field=kind.name_field if kind.filterable else None,
        counts_page=kind.counts_page,
        flag="isAssigned" if "isAssigned" in kind.selectable else None,
    )


def _item(call: Call, kind: Kind, policy: Policy) -> Answer:
    names, expands = _shape(kind, query.options(call, _ITEM), _expandable_on_item(kind, call.habits))
    context = f"{_metadata(call, kind, names, expands)}/$entity"
    return Answer(body={"@odata.context": context, **_shown(call, kind, policy, names, expands)})


def _assignments(call: Call, kind: Kind, policy: Policy) -> Answer:
    given = query.options(call, ("$top", "$skiptoken"))
    page = page_of(call, given, default=1000, maximum=1000)
    assignments = policy.read(call.now)
    link = next_link(call, given, page, len(assignments))
    values = [shown(kind, a, call.version) for a in cut(assignments, page)]
    return Answer(body={"@odata.context": set_context(call, kind, policy), **link, "value": values})


def _assignment(call: Call, kind: Kind, policy: Policy, key: str) -> Answer:
    query.options(call, ())
    context = f"{set_context(call, kind, policy)}/$entity"
    assignment = held(policy.read(call.now), key)
    return Answer(body={"@odata.context": context, **shown(kind, assignment, call.version)})


def _expandable_on_item(kind: Kind, habits: Habits) -> frozenset[str]:
    if kind.expand is Expand.NEVER:
        return frozenset()
    if kind.expand is Expand.UNKNOWN and not habits.assumptions:
        return kind.expands_also
    return kind.expands_also | {"assignments"}


def _expandable_on_list(kind: Kind, habits: Habits) -> frozenset[str]:
    return frozenset() if kind.expand is Expand.ITEM else _expandable_on_item(kind, habits)


def _shape(
    kind: Kind, given: dict[str, str], expandable: frozenset[str]
) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    names = query.selected(given, kind.selectable, f"microsoft.graph.{kind.name}")
    return names, query.expanded(given, expandable)


def _shown(
    call: Call, kind: Kind, policy: Policy, names: tuple[str, ...] | None, expands: frozenset[str]
) -> dict[str, Any]:
    document = query.chosen(policy.document, names)
    for name in sorted(expands - {"assignments"}):
        document[name] = policy.aside.get(name, [])
    if "assignments" in expands:
        assignments = () if kind.expand is Expand.EMPTY else policy.read(call.now)
        document["assignments@odata.context"] = set_context(call, kind, policy)
        document["assignments"] = [shown(kind, a, call.version) for a in assignments]
    return document


def _metadata(call: Call, kind: Kind, names: tuple[str, ...] | None, expands: frozenset[str]) -> str:
    inside = [*(names or ()), *(f"{name}()" for name in sorted(expands))]
    shape = f"({','.join(inside)})" if inside else ""
    return f"{call.base}/{call.version}/$metadata#{kind.path}{shape}"
