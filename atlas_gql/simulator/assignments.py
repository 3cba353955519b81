"""What `/assign` and `POST /assignments` take, and how an assignment is stored and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from atlas_gql.simulator.calls import is_guid
from atlas_gql.simulator.errors import bad_request, intune_bad_request
from atlas_gql.simulator.extras import odata_type
from atlas_gql.simulator.state import Document, Policy, Tenant
from atlas_gql.simulator.table import ALL_DEVICES, ALL_USERS, ZERO, Kind

ODATA = "#microsoft.graph."
FILTER_ID = "deviceAndAppManagementAssignmentFilterId"
FILTER_TYPE = "deviceAndAppManagementAssignmentFilterType"
INHERITED = "policySets"

GROUP = "groupAssignmentTarget"
EXCLUSION = "exclusionGroupAssignmentTarget"
USERS = "allLicensedUsersAssignmentTarget"
DEVICES = "allDevicesAssignmentTarget"
SCCM = "configurationManagerCollectionAssignmentTarget"

_TARGET_FIELD = {GROUP: "groupId", EXCLUSION: "groupId", SCCM: "collectionId", USERS: None, DEVICES: None}
_INTENTS = ("available", "required", "uninstall", "availableWithoutEnrollment")
_META = frozenset({"@odata.type", "id", "target", "source", "sourceId"})


def replacement(
    kind: Kind, policy: Policy, elements: object, tenant: Tenant, version: str
) -> tuple[Document, ...]:
    """The assignments of a policy after `/assign`: inherited ones stay, the rest is what was sent.

    Of two elements for one target the later is ignored, as the service does. Raises Refused.
    """
    if not isinstance(elements, list):
        raise intune_bad_request(f"The property '{kind.body_key}' is not a collection.")
    checked = [checked_element(kind, element, tenant, version) for element in elements]
    found: dict[tuple[str, ...], Document] = {}
    for element in checked:
        found.setdefault(_identity(kind, element), element)
    kept = tuple(a for a in policy.assignments if a.get("source") == INHERITED)
    return kept + tuple(stored(kind, policy.id, element) for element in found.values())


def stored(
    kind: Kind, policy_id: str, element: Document, *, taken: Iterable[Any] = (), inherited: bool = False
) -> dict[str, Any]:
    """A checked element as beta shows it: with its derived id, which differs from those `taken`."""
    base = assignment_id(kind, policy_id, element)
    ids = set(taken)
    key, n = base, 0
    while key in ids:
        n += 1
        key = f"{base}_{n}"
    head: dict[str, Any] = {"@odata.type": ODATA + kind.element} if kind.typed else {}
    head["id"] = key
    if kind.sourced:
        head |= {"source": INHERITED if inherited else "direct", "sourceId": policy_id}
    extras = {extra.name: element[extra.name] for extra in kind.extras}
    target = dict(element["target"])
    if target[FILTER_TYPE] == "none":
        target[FILTER_ID] = kind.no_filter
    return {**head, **extras, "target": target}


def assignment_id(kind: Kind, policy_id: str, element: Document) -> str:
    """The id that Graph derives: the policy and the group, the pseudo group or the collection."""
    target = element["target"]
    anchor = _anchor(target)
    if not kind.by_intent:
        return f"{policy_id}{kind.separator}{anchor}"
    intent = element.get("intent")
    number = _INTENTS.index(intent) if intent in _INTENTS else 0
    return f"{anchor}_{number}_{int(odata_type(target) == EXCLUSION)}"


def shown(kind: Kind, assignment: Document, version: str) -> Document:
    """An assignment as a version shows it: v1.0 knows no filters, no sources and fewer fields."""
    if version != "v1.0":
        return assignment
    hidden = {"source", "sourceId"} | {extra.name for extra in kind.extras if not extra.v1}
    result = {name: value for name, value in assignment.items() if name not in hidden}
    target = assignment["target"]
    result["target"] = {n: value for n, value in target.items() if n not in (FILTER_ID, FILTER_TYPE)}
    return result


def checked_element(kind: Kind, element: object, tenant: Tenant, version: str) -> dict[str, Any]:
    """An element of a body with every field that is stored. Raises Refused."""
    if not isinstance(element, dict) or not isinstance(element.get("target"), dict):
        raise intune_bad_request("An assignment must have a target.")
    extras = [extra for extra in kind.extras if version == "beta" or extra.v1]
    _known(element, _META | {extra.name for extra in extras}, kind.element)
    if "@odata.type" in element and odata_type(element) != kind.element:
        raise bad_request(f"The type '{element['@odata.type']}' does not fit '{kind.element}'.")
    values = {extra.name: extra.default for extra in kind.extras}
    for extra in extras:
        if extra.name not in element:
            if extra.required:
                raise intune_bad_request(f"The property '{extra.name}' of an assignment is required.")
        elif not extra.accepts(element[extra.name]):
            raise intune_bad_request(f"The value of the property '{extra.name}' is not valid.")
        else:
            values[extra.name] = element[extra.name]
    return {**values, "target": _checked_target(kind, element["target"], tenant, version)}


def _checked_target(kind: Kind, target: Document, tenant: Tenant, version: str) -> dict[str, Any]:
    name = odata_type(dict(target))
    if name not in _TARGET_FIELD:
        raise bad_request(f"Cannot create an assignment target of the type '{name}'.")
    own = _TARGET_FIELD[name]
    filter_fields = {FILTER_ID, FILTER_TYPE} if version == "beta" else set()
    _known(target, {"@odata.type", *filter_fields, *([own] if own else [])}, name)
    filter_id, filter_type = _checked_filter(kind, name, target, tenant)
    result = {"@odata.type": ODATA + name, FILTER_ID: filter_id, FILTER_TYPE: filter_type}
    if own == "groupId":
        if not is_guid(target.get(own)):
            raise intune_bad_request(
                f"Invalid GroupId : {target.get(own)} provided, a valid AADGroupId is expected."
            )
        result[own] = str(target[own]).lower()
    elif own is not None:
        if not target.get(own) or not isinstance(target[own], str):
            raise intune_bad_request("A valid collectionId is expected.")
        result[own] = target[own]
    return result


def _checked_filter(kind: Kind, name: str, target: Document, tenant: Tenant) -> tuple[str | None, str]:
    filter_id, filter_type = target.get(FILTER_ID), target.get(FILTER_TYPE, "none")
    if filter_type not in ("none", "include", "exclude"):
        raise bad_request(f"'{filter_type}' is not a value of {FILTER_TYPE}.")
    if filter_id in (None, ZERO) and filter_type == "none":
        return None, "none"
    if filter_id in (None, ZERO) or filter_type == "none":
        raise intune_bad_request("An assignment filter needs both an id and a type.")
    if not kind.filters:
        raise intune_bad_request("Assignment filters are not supported for this type of policy.")
    if name == EXCLUSION:
        raise intune_bad_request("An exclusion cannot have an assignment filter.")
    found = tenant.filters.get(filter_id) if tenant.filters and isinstance(filter_id, str) else None
    if found is None:
        raise intune_bad_request(f"The assignment filter {filter_id} was not found.")
    return found.id, filter_type


def _known(document: Document, names: Iterable[str], type_name: str) -> None:
    unknown = sorted(document.keys() - set(names))
    if unknown:
        raise bad_request(f"The property '{unknown[0]}' does not exist on type '{ODATA[1:]}{type_name}'.")


def _anchor(target: Mapping[str, Any]) -> str:
    name = odata_type(dict(target))
    if name == USERS:
        return ALL_USERS
    if name == DEVICES:
        return ALL_DEVICES
    return str(target.get("groupId") or target.get("collectionId") or ZERO)


def _identity(kind: Kind, element: Document) -> tuple[str, ...]:
    """What makes two elements one: the group; for apps the kind of target and the intent as well."""
    target = element["target"]
    if kind.by_intent:
        return (target["@odata.type"], _anchor(target), element["intent"])
    return (_anchor(target),)


def body_of(kind: Kind, body: object) -> object:
    """The set in the body of `/assign`. Raises Refused for any key but the kind's."""
    if not isinstance(body, dict) or kind.body_key not in body:
        raise bad_request(f"The request payload must name the parameter '{kind.body_key}'.")
    for name in body:
        if name != kind.body_key:
            raise bad_request(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation "
                "'assign'."
            )
    return body[kind.body_key]
