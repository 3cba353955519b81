"""What `/assign` and `POST /assignments` take, and how an assignment is stored and shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from atlas_gql.simulator.errors import bad_request, intune_bad_request
from atlas_gql.simulator.extras import odata_type
from atlas_gql.simulator.kind import EXCLUSION, GROUP, Kind, Write
from atlas_gql.simulator.state import Document
from atlas_gql.simulator.targets import (
    FILTER_ID,
    FILTER_TYPE,
    ODATA,
    Writing,
    anchor,
    checked_target,
    refuse_unknown,
)

INHERITED = "policySets"
ITEM_KEYS = ("addedPolicySetItems", "updatedPolicySetItems", "deletedPolicySetItems")

_INTENTS = ("available", "required", "uninstall", "availableWithoutEnrollment")
_STAMP = "lastModifiedDateTime"


def body_of(kind: Kind, body: object) -> list[Any]:
    """The elements in the body of `/assign` or `/update`. Raises Refused for any key but the kind's."""
    if kind.write is Write.UPDATE:
        return _of_update(kind, body)
    keys = [key for key in (kind.body_key, kind.group_key) if key]
    present = [key for key in keys if isinstance(body, dict) and key in body]
    if not isinstance(body, dict) or not present:
        raise bad_request(f"The request payload must name the parameter '{kind.body_key}'.")
    _only(body, present[:1], "assign")
    elements = _list(body, present[0])
    return elements if present[0] == kind.body_key else [_of_group(element) for element in elements]


def replacement(writing: Writing, elements: Iterable[object]) -> tuple[Document, ...]:
    """The assignments of a policy after `/assign`: inherited ones stay, the rest is what was sent.

    Of two elements for one target the later is ignored, as the service does. Raises Refused.
    """
    kind, policy = writing.kind, writing.policy
    checked = [checked_element(writing, element) for element in elements]
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
    sources = {"source": INHERITED if inherited else "direct", "sourceId": policy_id}
    head |= {name: sources[name] for name in kind.sources}
    if kind.stamped:
        head[_STAMP] = "2026-03-02T14:05:00Z"
    extras = {extra.name: element[extra.name] for extra in kind.extras}
    target = dict(element["target"])
    if target.get(FILTER_TYPE) == "none":
        target[FILTER_ID] = kind.no_filter
    return {**head, **extras, "target": target}


def assignment_id(kind: Kind, policy_id: str, element: Document) -> str:
    """The id that Graph derives: the policy and the group, the pseudo group or the collection."""
    target = element["target"]
    if not kind.by_intent:
        return f"{policy_id}{kind.separator}{anchor(target)}"
    intent = element.get("intent")
    number = _INTENTS.index(intent) if intent in _INTENTS else 0
    return f"{anchor(target)}_{number}_{int(odata_type(target) == EXCLUSION)}"


def shown(kind: Kind, assignment: Document, version: str) -> Document:
    """An assignment as a version shows it: v1.0 knows no filters, no sources and fewer fields."""
    if version != "v1.0":
        return assignment
    hidden = {"source", "sourceId"} | {extra.name for extra in kind.extras if not extra.v1}
    result = {name: value for name, value in assignment.items() if name not in hidden}
    target = assignment["target"]
    result["target"] = {n: value for n, value in target.items() if n not in (FILTER_ID, FILTER_TYPE)}
    return result


def checked_element(writing: Writing, element: object) -> dict[str, Any]:
    """An element of a body with every field that is stored. Raises Refused."""
    kind = writing.kind
    if not isinstance(element, dict) or not isinstance(element.get("target"), dict):
        raise intune_bad_request("An assignment must have a target.")
    extras = [extra for extra in kind.extras if writing.is_beta or extra.v1]
    sources = kind.sources if writing.is_beta else ()
    known = {"@odata.type", "id", "target", *sources, *(extra.name for extra in extras)}
    refuse_unknown(element, known, kind.element)
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
    return {**values, "target": checked_target(writing, element["target"])}


def _identity(kind: Kind, element: Document) -> tuple[str, ...]:
    """What makes two elements one: the group; for apps the kind of target and the intent as well."""
    target = element["target"]
    if kind.by_intent:
        return (target["@odata.type"], anchor(target), element["intent"])
    return (anchor(target),)


def _of_update(kind: Kind, body: object) -> list[Any]:
    """The assignments in the update of a policy set, which must leave its items alone."""
    keys = (*ITEM_KEYS, kind.body_key)
    if not isinstance(body, dict):
        raise bad_request(f"The request payload must name the parameter '{kind.body_key}'.")
    for key in keys:
        if key not in body:
            raise bad_request(f"The request payload must name the parameter '{key}'.")
    _only(body, keys, "update")
    if any(_list(body, key) for key in ITEM_KEYS):
        raise intune_bad_request("Items of policy sets cannot be changed here.")
    return _list(body, kind.body_key)


def _of_group(element: object) -> dict[str, Any]:
    """An element of the older key, as one of the newer: `{"targetGroupId", "excludeGroup"}`."""
    if not isinstance(element, dict):
        raise intune_bad_request("An assignment must have a target.")
    refuse_unknown(element, ("@odata.type", "id", "targetGroupId", "excludeGroup"), "groupAssignment")
    name = EXCLUSION if element.get("excludeGroup") is True else GROUP
    return {"target": {"@odata.type": ODATA + name, "groupId": element.get("targetGroupId")}}


def _list(body: Document, key: str) -> list[Any]:
    if not isinstance(body[key], list):
        raise intune_bad_request(f"The property '{key}' is not a collection.")
    elements: list[Any] = body[key]
    return elements


def _only(body: Document, keys: Iterable[str], action: str) -> None:
    unknown = sorted(body.keys() - set(keys))
    if unknown:
        raise bad_request(
            f"The parameter '{unknown[0]}' in the request payload is not a valid parameter for the operation "
            f"'{action}'."
        )
