"""Graph's JSON as values: policies with their assignments, groups, filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlas_gql.errors import GraphError
from atlas_gql.graph.answers import invalid_response
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.model import Assignment, Filter, Group, Policy, parse_assignment

GROUP_FIELDS = "id,displayName,groupTypes,membershipRule,createdDateTime"
FILTER_FIELDS = "id,displayName,platform,rule"

_PLATFORMS = (
    ("iOS", ("ios", "managedios")),
    ("macOS", ("macos",)),
    ("android", ("android", "aosp", "managedandroid")),
    (
        "windows10",
        (
            "windows",
            "win32",
            "winget",
            "officesuite",
            "microsoftstore",
            "sharedpc",
            "editionupgrade",
            "azuread",
            "activedirectory",
        ),
    ),
)
"""Platforms in the words of the settings catalog, and how the names of Graph's types begin for each."""


def policy_fields(contract: PolicyContract) -> str:
    """The `$select` of what is kept of a policy."""
    fields = ("id", contract.name_field, contract.platform_field, contract.tags_field)
    return ",".join(name for name in fields if name)


def policy_of(contract: PolicyContract, raw: Mapping[str, Any]) -> Policy:
    """A policy with the assignments that came along; an `error` instead where they did not come whole.

    Raises GraphError (INVALID_RESPONSE) for a policy without an id.
    """
    policy_id = raw.get("id")
    if not isinstance(policy_id, str) or not policy_id:
        raise invalid_response("Microsoft's list holds a policy without an id.")
    assignments: tuple[Assignment, ...] = ()
    error = None
    try:
        assignments = expanded(contract, raw)
    except GraphError as exc:
        error = exc
    tags = raw.get(contract.tags_field) if contract.tags_field else None
    return Policy(
        policy_type=contract.policy_type,
        id=policy_id,
        name=str(raw.get(contract.name_field) or ""),
        platform=_platform(contract, raw),
        scope_tag_ids=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        assignments=assignments,
        error=error,
    )


def expanded(contract: PolicyContract, raw: Mapping[str, Any]) -> tuple[Assignment, ...]:
    """The assignments that came along with a policy. Raises GraphError (INVALID_RESPONSE) unless whole."""
    if "assignments@odata.nextLink" in raw:
        raise invalid_response("Microsoft gave only a part of the policy's assignments.")
    return assignments_of(contract, raw.get("assignments"))


def assignments_of(contract: PolicyContract, raw: Any) -> tuple[Assignment, ...]:
    """A policy's assignments. Raises GraphError (INVALID_RESPONSE) unless it is a list of assignments."""
    if not isinstance(raw, list):
        raise invalid_response("Microsoft gave no list of the policy's assignments.")
    try:
        return tuple(parse_assignment(contract, item) for item in raw)
    except ValueError as exc:
        raise invalid_response("Microsoft gave an assignment without a target.") from exc


def group_of(raw: Mapping[str, Any]) -> Group:
    """A group. Raises GraphError (INVALID_RESPONSE) without an id."""
    group_id = raw.get("id")
    if not isinstance(group_id, str):
        raise invalid_response("Microsoft gave a group without an id.")
    types = raw.get("groupTypes")
    types = types if isinstance(types, list) else []
    dynamic = "DynamicMembership" in types
    kind = "dynamic" if dynamic else "microsoft365" if "Unified" in types else "assigned"
    return Group(
        id=group_id.lower(),
        name=str(raw.get("displayName") or ""),
        kind=kind,
        rule=_text(raw.get("membershipRule")) if dynamic else None,
        created=_text(raw.get("createdDateTime")),
        deleted=_text(raw.get("deletedDateTime")),
    )


def filter_of(raw: Mapping[str, Any]) -> Filter:
    """An assignment filter. Raises GraphError (INVALID_RESPONSE) without an id."""
    filter_id = raw.get("id")
    if not isinstance(filter_id, str):
        raise invalid_response("Microsoft gave an assignment filter without an id.")
    return Filter(
        id=filter_id.lower(),
        name=str(raw.get("displayName") or ""),
        platform=str(raw.get("platform") or ""),
        rule=str(raw.get("rule") or ""),
    )


def _platform(contract: PolicyContract, raw: Mapping[str, Any]) -> str | None:
    if contract.platform_field:
        return _text(raw.get(contract.platform_field))
    if contract.platform:
        return contract.platform
    kind = str(raw.get("@odata.type") or "").lower()
    name = kind.removeprefix("#").removeprefix("microsoft.graph.")
    return next((platform for platform, starts in _PLATFORMS if name.startswith(starts)), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
