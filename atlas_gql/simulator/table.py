"""Every kind of policy that the simulator serves, as Microsoft's service treats it, and the directory.

Statuses are those that tools in production insist on, else those of the documentation or the schema.
"""

from __future__ import annotations

from atlas_gql.simulator.kind import ALL_DEVICES, ALL_USERS, ZERO, Family, Kind, Write, words
from atlas_gql.simulator.kinds_apps import APPS
from atlas_gql.simulator.kinds_enrolment import ENROLMENT
from atlas_gql.simulator.kinds_management import MANAGEMENT

__all__ = ["ALL_DEVICES", "ALL_USERS", "KINDS", "ZERO", "Family", "Kind", "Write", "family_of", "kind_of"]

KINDS: dict[str, Kind] = {kind.path: kind for kind in (*MANAGEMENT, *ENROLMENT, *APPS)}
"""Every kind that is served, by its path below the version."""

PROTECTIONS = "deviceAppManagement/managedAppPolicies"
"""Where policies of these kinds may be assigned as well."""
PROTECTED = (
    "deviceAppManagement/iosManagedAppProtections",
    "deviceAppManagement/androidManagedAppProtections",
)

FILTERS_PATH = "deviceManagement/assignmentFilters"
FILTERS_STEM = "DeviceManagementConfiguration"
FILTER_PROPERTIES = words(
    "id displayName description platform rule roleScopeTags assignmentFilterManagementType "
    "createdDateTime lastModifiedDateTime payloads"
)

DEVICES_PATH = "deviceManagement/managedDevices"
DEVICE_PROPERTIES = words(
    "id deviceName managedDeviceName operatingSystem complianceState lastSyncDateTime deviceActionResults"
)
DEVICE_ROLES = ("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All")
DEVICE_ACTION_ROLE = "DeviceManagementManagedDevices.PrivilegedOperations.All"

APPROVAL_POLICIES = "deviceManagement/operationApprovalPolicies"
APPROVAL_REQUESTS = "deviceManagement/operationApprovalRequests"
APPROVAL_ROLES = tuple(
    f"{stem}.{access}.All"
    for stem in ("DeviceManagementConfiguration", "DeviceManagementRBAC")
    for access in ("Read", "ReadWrite")
)

GROUP_PROPERTIES = words(
    "id displayName description groupTypes membershipRule membershipRuleProcessingState "
    "securityEnabled mailEnabled mailNickname mail visibility createdDateTime "
    "deletedDateTime renewedDateTime securityIdentifier isAssignableToRole "
    "onPremisesSyncEnabled"
)
GROUP_ROLES = ("GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All")
GROUP_WRITE_ROLES = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
DELETED_ROLES = ("Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
OBJECT_ROLES = ("Directory.Read.All", "Directory.ReadWrite.All")
ORGANIZATION_ROLES = ("Organization.Read.All", "Directory.Read.All")
DIRECTORY = frozenset({"groups", "directoryObjects", "directory", "organization"})
"""The first segments that belong to the directory."""

ALL_ROLES = frozenset(
    {role for kind in KINDS.values() for roles in (*kind.read_roles, *kind.write_roles) for role in roles}
    | {*GROUP_ROLES, *OBJECT_ROLES, *ORGANIZATION_ROLES, *APPROVAL_ROLES}
    | {*DEVICE_ROLES, DEVICE_ACTION_ROLE}
)
"""Every application role that some route asks for."""


def kind_of(segments: tuple[str, ...]) -> Kind | None:
    """The kind whose path these segments begin with, in its exact case; None for none."""
    for depth in (2, 3):
        kind = KINDS.get("/".join(segments[:depth]))
        if kind is not None:
            return kind
    return None


def family_of(segments: tuple[str, ...]) -> Family | None:
    """The family that a call with this path counts in; None for a path that is not there."""
    kind = kind_of(segments)
    if kind is not None:
        return kind.family
    if segments[:1] and segments[0] in DIRECTORY:
        return Family.IDENTITY
    return _OTHER_FAMILIES.get("/".join(segments[:2]))


_OTHER_FAMILIES = {
    PROTECTIONS: Family.MANAGED_APPS,
    FILTERS_PATH: Family.BUNDLES,
    DEVICES_PATH: Family.DEVICES,
    APPROVAL_POLICIES: Family.RBAC,
    APPROVAL_REQUESTS: Family.RBAC,
}
