"""Targets of assignments: which a kind takes, with which filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from atlas_gql.simulator.calls import Call, is_guid
from atlas_gql.simulator.errors import bad_request, intune_bad_request
from atlas_gql.simulator.extras import odata_type
from atlas_gql.simulator.kind import (
    ALL_DEVICES,
    ALL_USERS,
    CLOUD_PC,
    DEVICES,
    EXCLUSION,
    GROUP,
    SCCM,
    USERS,
    ZERO,
    Kind,
)
from atlas_gql.simulator.state import Document, Policy, Tenant

ODATA = "#microsoft.graph."
FILTER_ID = "deviceAndAppManagementAssignmentFilterId"
FILTER_TYPE = "deviceAndAppManagementAssignmentFilterType"

_FIELDS: dict[str, tuple[str, ...]] = {
    GROUP: ("groupId",),
    EXCLUSION: ("groupId",),
    SCCM: ("collectionId",),
    USERS: (),
    DEVICES: (),
    CLOUD_PC: ("groupId", "servicePlanId", "allotmentDisplayName", "allotmentLicensesCount"),
}
_CLOUD_PC_DETAILS: dict[str, Callable[[Any], bool]] = {
    "servicePlanId": lambda value: value is None or is_guid(value),
    "allotmentDisplayName": lambda value: value is None or isinstance(value, str),
    "allotmentLicensesCount": lambda value: value is None or (isinstance(value, int) and value >= 0),
}
_PLATFORMS = {
    "windows": ("windows", "win32", "winget", "azureadwindows"),
    "ios": ("ios",),
    "macos": ("macos",),
    "android": ("android", "aosp"),
    "linux": ("linux",),
}


@dataclass(frozen=True, kw_only=True)
class Writing:
    """A write to the assignments of a policy: what an element of its body is checked against."""

    kind: Kind
    policy: Policy
    tenant: Tenant
    call: Call

    @property
    def is_beta(self) -> bool:
        return self.call.version == "beta"


def checked_target(writing: Writing, target: Document) -> dict[str, Any]:
    """A target with every field that is stored. Raises Refused."""
    name = odata_type(dict(target))
    if name not in _FIELDS:
        raise bad_request(f"Cannot create an assignment target of the type '{name}'.")
    if name not in writing.kind.targets:
        raise intune_bad_request(f"The target '{name}' is not supported for this type of policy.")
    filterable = name != CLOUD_PC
    filter_fields = {FILTER_ID, FILTER_TYPE} if writing.is_beta and filterable else set()
    refuse_unknown(target, {"@odata.type", *filter_fields, *_FIELDS[name]}, name)
    result: dict[str, Any] = {"@odata.type": ODATA + name}
    if filterable:
        result[FILTER_ID], result[FILTER_TYPE] = _checked_filter(writing, name, target)
    if "groupId" in _FIELDS[name]:
        result["groupId"] = _checked_group(writing, target.get("groupId"))
    if name == SCCM:
        if not target.get("collectionId") or not isinstance(target["collectionId"], str):
            raise intune_bad_request("A valid collectionId is expected.")
        result["collectionId"] = target["collectionId"]
    return result | (_checked_details(target) if name == CLOUD_PC else {})


def anchor(target: Mapping[str, Any]) -> str:
    """What a target points at: the group, the pseudo group or the collection."""
    name = odata_type(dict(target))
    if name == USERS:
        return ALL_USERS
    if name == DEVICES:
        return ALL_DEVICES
    return str(target.get("groupId") or target.get("collectionId") or ZERO)


def refuse_unknown(document: Document, names: Iterable[str], type_name: str) -> None:
    """Raises Refused for a property that the type lacks."""
    unknown = sorted(document.keys() - set(names))
    if unknown:
        raise bad_request(f"The property '{unknown[0]}' does not exist on type '{ODATA[1:]}{type_name}'.")


def _checked_group(writing: Writing, key: object) -> str:
    if not is_guid(key):
        raise intune_bad_request(f"Invalid GroupId : {key} provided, a valid AADGroupId is expected.")
    groups = writing.tenant.groups
    unknown = groups is None or groups.get(str(key)) is None
    if unknown and writing.call.habits.unknownGroups == "refused":
        raise intune_bad_request(f"Invalid GroupId : {key} was not found.")
    return str(key).lower()


def _checked_details(target: Document) -> dict[str, Any]:
    for name, accepts in _CLOUD_PC_DETAILS.items():
        if not accepts(target.get(name)):
            raise intune_bad_request(f"The value of the property '{name}' is not valid.")
    return {name: target.get(name) for name in _CLOUD_PC_DETAILS}


def _checked_filter(writing: Writing, name: str, target: Document) -> tuple[str | None, str]:
    filter_id, filter_type = target.get(FILTER_ID), target.get(FILTER_TYPE, "none")
    if filter_type not in ("none", "include", "exclude"):
        raise bad_request(f"'{filter_type}' is not a value of {FILTER_TYPE}.")
    if filter_id in (None, ZERO) and filter_type == "none":
        return None, "none"
    if filter_id in (None, ZERO) or filter_type == "none":
        raise intune_bad_request("An assignment filter needs both an id and a type.")
    if not _takes_filters(writing.kind, writing.policy.document):
        raise intune_bad_request("Assignment filters are not supported for this type of policy.")
    if name == EXCLUSION:
        raise intune_bad_request("An exclusion cannot have an assignment filter.")
    filters = writing.tenant.filters
    found = filters.get(filter_id) if filters and isinstance(filter_id, str) else None
    if found is None:
        raise intune_bad_request(f"The assignment filter {filter_id} was not found.")
    _check_fit(writing, found.document)
    return found.id, filter_type


def _takes_filters(kind: Kind, policy: Document) -> bool:
    """Whether policies like this can be filtered: no Linux, no baselines, no policies of some types."""
    template = policy.get("templateReference") or {}
    return (
        bool(kind.filters)
        and odata_type(dict(policy)) not in kind.unfiltered
        and policy.get("platforms") != "linux"
        and template.get("templateFamily") != "baseline"
    )


def _check_fit(writing: Writing, found: Document) -> None:
    """Raises Refused for a filter that is for other things, or for another platform, than the policy."""
    if found.get("assignmentFilterManagementType", "devices") != writing.kind.filters:
        raise intune_bad_request(f"The assignment filter is not for {writing.kind.filters}.")
    policy = writing.policy.document
    own = _platform(str(policy.get("platforms") or odata_type(dict(policy)) or writing.kind.name))
    other = _platform(str(found.get("platform")))
    if own and other and own != other and writing.call.habits.filterPlatforms:
        raise intune_bad_request(f"The assignment filter is for {other}, the policy for {own}.")


def _platform(word: str) -> str:
    """The platform that a type or a platform's name begins with; empty when it tells none."""
    lower = word.lower()
    return next((name for name, starts in _PLATFORMS.items() if lower.startswith(starts)), "")
