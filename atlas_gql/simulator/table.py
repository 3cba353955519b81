"""The kinds of policy that the simulator serves: one row per kind, as Microsoft's service treats it.

Statuses are those that tools in production insist on, else the documented ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from atlas_gql.simulator.extras import Extra, is_app_settings, is_bool, is_run_schedule, one_of

ZERO = "00000000-0000-0000-0000-000000000000"
ALL_USERS = "acacacac-9df4-4c7d-9d50-4ef0226f57a9"
ALL_DEVICES = "adadadad-808e-44e2-905a-0b7873a8a531"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Write(StrEnum):
    """How assignments are written: the whole set by `/assign`, or single items."""

    ASSIGN = "assign"
    ITEMS = "items"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of policy, as served."""

    path: str
    properties: str
    """The selectable properties beside `id` and the name, separated by blanks."""
    element: str
    """The `@odata.type` of an assignment, without its prefix."""
    stem: str
    """Reading takes the role `<stem>.Read.All`, writing `<stem>.ReadWrite.All`."""
    service: str
    """The service behind Graph that errors name; `{account}` stands for the tenant."""
    name_field: str = "displayName"
    versions: tuple[str, ...] = ("v1.0", "beta")
    write: Write = Write.ASSIGN
    body_key: str = ""
    assign_status: int = 200
    returns_set: bool = True
    """Whether `/assign` answers with the stored set; else its body is empty."""
    extras: tuple[Extra, ...] = ()
    sourced: bool = True
    """Whether an assignment tells its `source` and `sourceId` (beta)."""
    typed: bool = False
    """Whether an assignment comes with its `@odata.type`."""
    by_intent: bool = False
    """Whether one group may be assigned once per intent (apps)."""
    filters: bool = True
    no_filter: str | None = None
    """How the absence of a filter is spelt in `deviceAndAppManagementAssignmentFilterId`."""
    separator: str = "_"
    page_size: int = 1000
    counts_page: bool = False
    """Whether a page carries `@odata.count`, the size of that page."""

    @property
    def depth(self) -> int:
        """How many segments the path has."""
        return self.path.count("/") + 1

    @property
    def selectable(self) -> frozenset[str]:
        return frozenset({"id", self.name_field, "assignments"}) | _names(self.properties)

    @property
    def read_roles(self) -> tuple[str, ...]:
        return (f"{self.stem}.Read.All", f"{self.stem}.ReadWrite.All")

    @property
    def write_roles(self) -> tuple[str, ...]:
        return (f"{self.stem}.ReadWrite.All",)


_TIMES = "createdDateTime lastModifiedDateTime description roleScopeTagIds"
_CONFIGURATION = "DeviceConfiguration_2601/StatelessDeviceConfigurationFEService"

KINDS: dict[str, Kind] = {
    kind.path: kind
    for kind in (
        Kind(
            path="deviceManagement/deviceConfigurations",
            properties=f"{_TIMES} version supportsScopeTags deviceManagementApplicabilityRuleOsEdition "
            "deviceManagementApplicabilityRuleOsVersion deviceManagementApplicabilityRuleDeviceMode",
            element="deviceConfigurationAssignment",
            stem="DeviceManagementConfiguration",
            service=_CONFIGURATION,
            body_key="assignments",
            extras=(Extra(name="intent", accepts=one_of("apply", "remove"), default="apply"),),
        ),
        Kind(
            path="deviceManagement/configurationPolicies",
            properties=f"{_TIMES} platforms technologies settingCount creationSource isAssigned "
            "templateReference priorityMetaData",
            name_field="name",
            versions=("beta",),
            element="deviceManagementConfigurationPolicyAssignment",
            stem="DeviceManagementConfiguration",
            service="DeviceConfigV2/DCV2GraphService/{account}",
            body_key="assignments",
            page_size=25,
            counts_page=True,
        ),
        Kind(
            path="deviceManagement/deviceCompliancePolicies",
            properties=f"{_TIMES} version",
            element="deviceCompliancePolicyAssignment",
            stem="DeviceManagementConfiguration",
            service=_CONFIGURATION,
            body_key="assignments",
        ),
        Kind(
            path="deviceManagement/deviceManagementScripts",
            properties=f"{_TIMES} scriptContent runAsAccount enforceSignatureCheck fileName runAs32Bit",
            versions=("beta",),
            element="deviceManagementScriptAssignment",
            stem="DeviceManagementScripts",
            service="SideCar/StatelessSideCarGatewayService",
            body_key="deviceManagementScriptAssignments",
            returns_set=False,
            sourced=False,
            filters=False,
        ),
        Kind(
            path="deviceManagement/deviceHealthScripts",
            properties=f"{_TIMES} publisher version detectionScriptContent remediationScriptContent "
            "runAsAccount enforceSignatureCheck runAs32Bit isGlobalScript highestAvailableVersion "
            "deviceHealthScriptType detectionScriptParameters remediationScriptParameters",
            versions=("beta",),
            element="deviceHealthScriptAssignment",
            stem="DeviceManagementScripts",
            service="SideCar/StatelessSideCarGatewayService",
            body_key="deviceHealthScriptAssignments",
            returns_set=False,
            extras=(
                Extra(name="runRemediationScript", accepts=is_bool, default=False),
                Extra(name="runSchedule", accepts=is_run_schedule),
            ),
            sourced=False,
            no_filter=ZERO,
            separator=":",
        ),
        Kind(
            path="deviceAppManagement/mobileApps",
            properties=f"{_TIMES} publisher largeIcon isFeatured privacyInformationUrl informationUrl owner "
            "developer notes uploadState publishingState isAssigned dependentAppCount supersedingAppCount "
            "supersededAppCount",
            element="mobileAppAssignment",
            stem="DeviceManagementApps",
            service="AppLifecycle_2601/StatelessAppMetadataFEService",
            body_key="mobileAppAssignments",
            assign_status=204,
            returns_set=False,
            extras=(
                Extra(
                    name="intent",
                    accepts=one_of("available", "required", "uninstall", "availableWithoutEnrollment"),
                    required=True,
                    v1=True,
                ),
                Extra(name="settings", accepts=is_app_settings, v1=True),
            ),
            typed=True,
            by_intent=True,
        ),
        Kind(
            path="deviceManagement/windowsAutopilotDeploymentProfiles",
            properties=f"{_TIMES} language locale outOfBoxExperienceSetting outOfBoxExperienceSettings "
            "enrollmentStatusScreenSettings extractHardwareHash hardwareHashExtractionEnabled "
            "deviceNameTemplate deviceType enableWhiteGlove preprovisioningAllowed managementServiceAppId",
            versions=("beta",),
            element="windowsAutopilotDeploymentProfileAssignment",
            stem="DeviceManagementServiceConfig",
            service="DeviceEnrollmentFE/StatelessDeviceEnrollmentFEService",
            write=Write.ITEMS,
            filters=False,
        ),
    )
}
"""Every kind that is served, by its path below the version."""

FILTERS_PATH = "deviceManagement/assignmentFilters"
FILTERS_STEM = "DeviceManagementConfiguration"
FILTER_PROPERTIES = _names(
    "id displayName description platform rule roleScopeTags assignmentFilterManagementType "
    "createdDateTime lastModifiedDateTime payloads"
)

GROUP_PROPERTIES = _names(
    "id displayName description groupTypes membershipRule membershipRuleProcessingState securityEnabled "
    "mailEnabled mailNickname mail visibility createdDateTime deletedDateTime renewedDateTime "
    "securityIdentifier isAssignableToRole onPremisesSyncEnabled"
)
GROUP_ROLES = ("GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All")
OBJECT_ROLES = ("Directory.Read.All", "Directory.ReadWrite.All")
ORGANIZATION_ROLES = ("Organization.Read.All", "Directory.Read.All")

ALL_ROLES = frozenset(
    {role for kind in KINDS.values() for role in (*kind.read_roles, *kind.write_roles)}
    | {*GROUP_ROLES, *OBJECT_ROLES, *ORGANIZATION_ROLES, "DeviceManagementRBAC.Read.All"}
)
"""Every application role that some route asks for."""


def kind_of(segments: tuple[str, ...]) -> Kind | None:
    """The kind whose path these segments begin with, in its exact case; None for none."""
    for depth in (2, 3):
        kind = KINDS.get("/".join(segments[:depth]))
        if kind is not None:
            return kind
    return None
