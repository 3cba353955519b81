"""How each kind of policy keeps its assignments: one row per kind, readable by a person.

Everything that differs between kinds stands here and nowhere else: where the list is, how assignments
are read and written, which fields an assignment carries beside its target, which permissions it takes.
A kind that is not in the table is never called. Source: Microsoft's beta schema and documentation, and
what tools in production rely on (read 2026-11-23).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from atlas_gql.errors import OperationFailure
from atlas_gql.reasons import ReasonCode


class WriteStrategy(StrEnum):
    """How a set of assignments is written."""

    ASSIGN = "assign"
    """One `POST /{id}/assign` that replaces the whole set; may be repeated."""
    ITEMS = "items"
    """`POST` and `DELETE` of single items under `/{id}/assignments`; a repeated POST doubles."""


class Family(StrEnum):
    """The throttling family a path belongs to; Microsoft counts requests per family."""

    CONFIGURATION = "configuration"
    DEVICES = "devices"
    APPLICATIONS = "applications"
    ENROLMENT = "enrolment"
    BUNDLES = "bundles"
    IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True)
class PolicyContract:
    """One kind of policy, and how its assignments are read and written."""

    policy_type: str
    """Graph's own name of the collection, unique in the table."""
    label: str
    path: str
    """The collection's path below the version, without slashes at the ends."""
    body_key: str
    """The property of the `/assign` body that holds the set; empty for single-item kinds."""
    element_type: str
    """The `@odata.type` of one assignment, without `#microsoft.graph.`."""
    permission: str
    """The permission's stem: reading takes `<stem>.Read.All`, writing `<stem>.ReadWrite.All`."""
    family: Family
    name_field: str = "displayName"
    platform_field: str | None = None
    """The field of the policy that names its platform; else the policy's `@odata.type` tells it."""
    write: WriteStrategy = WriteStrategy.ASSIGN
    extra_fields: tuple[str, ...] = ()
    """Fields of an assignment, beside its target, that are part of its value."""
    intent_in_identity: bool = False
    """Whether one group may be assigned once per intent (apps)."""
    supports_filters: bool = True
    success: tuple[int, ...] = (200, 204)
    version: str = "beta"

    @property
    def collection(self) -> str:
        """The list's path with its version: `/beta/deviceManagement/deviceConfigurations`."""
        return f"/{self.version}/{self.path}"


_M = "deviceManagement"
_A = "deviceAppManagement"

CONTRACTS: dict[str, PolicyContract] = {
    contract.policy_type: contract
    for contract in (
        PolicyContract(
            policy_type="deviceConfigurations",
            label="Device configuration",
            path=f"{_M}/deviceConfigurations",
            body_key="assignments",
            element_type="deviceConfigurationAssignment",
            extra_fields=("intent",),
            permission="DeviceManagementConfiguration",
            family=Family.CONFIGURATION,
        ),
        PolicyContract(
            policy_type="configurationPolicies",
            label="Settings catalog",
            path=f"{_M}/configurationPolicies",
            name_field="name",
            platform_field="platforms",
            body_key="assignments",
            element_type="deviceManagementConfigurationPolicyAssignment",
            permission="DeviceManagementConfiguration",
            family=Family.CONFIGURATION,
        ),
        PolicyContract(
            policy_type="deviceCompliancePolicies",
            label="Compliance policy",
            path=f"{_M}/deviceCompliancePolicies",
            body_key="assignments",
            element_type="deviceCompliancePolicyAssignment",
            permission="DeviceManagementConfiguration",
            family=Family.CONFIGURATION,
        ),
        PolicyContract(
            policy_type="deviceManagementScripts",
            label="PowerShell script",
            path=f"{_M}/deviceManagementScripts",
            body_key="deviceManagementScriptAssignments",
            element_type="deviceManagementScriptAssignment",
            supports_filters=False,
            permission="DeviceManagementScripts",
            family=Family.DEVICES,
        ),
        PolicyContract(
            policy_type="deviceHealthScripts",
            label="Remediation",
            path=f"{_M}/deviceHealthScripts",
            body_key="deviceHealthScriptAssignments",
            element_type="deviceHealthScriptAssignment",
            extra_fields=("runRemediationScript", "runSchedule"),
            permission="DeviceManagementScripts",
            family=Family.DEVICES,
        ),
        PolicyContract(
            policy_type="mobileApps",
            label="App",
            path=f"{_A}/mobileApps",
            body_key="mobileAppAssignments",
            element_type="mobileAppAssignment",
            extra_fields=("intent", "settings"),
            intent_in_identity=True,
            permission="DeviceManagementApps",
            family=Family.APPLICATIONS,
        ),
        PolicyContract(
            policy_type="windowsAutopilotDeploymentProfiles",
            label="Autopilot deployment profile",
            path=f"{_M}/windowsAutopilotDeploymentProfiles",
            body_key="",
            element_type="windowsAutopilotDeploymentProfileAssignment",
            write=WriteStrategy.ITEMS,
            supports_filters=False,
            success=(200, 201, 204),
            permission="DeviceManagementServiceConfig",
            family=Family.ENROLMENT,
        ),
    )
}
"""Every kind of policy that Atlas reads and writes, by `policy_type`, in the order of the table."""


def contract_of(policy_type: str) -> PolicyContract:
    """The contract of a policy type. Raises OperationFailure (UNSUPPORTED) for an unknown one."""
    try:
        return CONTRACTS[policy_type]
    except KeyError:
        raise OperationFailure(
            "Atlas does not know this kind of policy.", reason=ReasonCode.UNSUPPORTED, code="unsupported_type"
        ) from None
