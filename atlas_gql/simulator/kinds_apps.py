"""The kinds of policy below `deviceAppManagement`: a row each."""

from __future__ import annotations

from atlas_gql.simulator.extras import Extra, is_app_settings, one_of
from atlas_gql.simulator.kind import Expand, Family, Kind, Write

_TIMES = "createdDateTime lastModifiedDateTime description roleScopeTagIds"
_APPS = ("DeviceManagementApps",)
_LIFECYCLE = "AppLifecycle_2601/StatelessAppMetadataFEService"
_MAM = "MAMAdmin_2601/StatelessMAMAdminFEService"
_ANY = ("v1.0", "beta")
_INSTALL = one_of("available", "required", "uninstall", "availableWithoutEnrollment")


def _protection(path: str, *, expand: Expand = Expand.UNKNOWN, also: str = "", filters: str = "") -> Kind:
    """A kind of app protection or configuration for managed apps: they differ in little."""
    beta_only = path.startswith("windowsManaged")
    return Kind(
        path=f"deviceAppManagement/{path}",
        properties=f"{_TIMES} version isAssigned deployedAppCount appGroupType targetedAppManagementLevels",
        versions=("beta",) if beta_only else _ANY,
        element="targetedManagedAppPolicyAssignment",
        family=Family.MANAGED_APPS,
        stems=_APPS,
        service=_MAM,
        expand=expand,
        expands_also=frozenset(also.split()),
        status=204,
        approval="appProtectionPolicy",
        filters=filters,
    )


APPS: tuple[Kind, ...] = (
    Kind(
        path="deviceAppManagement/mobileApps",
        properties=f"{_TIMES} publisher largeIcon isFeatured privacyInformationUrl informationUrl owner "
        "developer notes uploadState publishingState isAssigned dependentAppCount supersedingAppCount "
        "supersededAppCount",
        versions=_ANY,
        element="mobileAppAssignment",
        family=Family.APPLICATIONS,
        stems=_APPS,
        service=_LIFECYCLE,
        body_key="mobileAppAssignments",
        status=204,
        extras=(
            Extra(name="intent", accepts=_INSTALL, required=True, v1=True),
            Extra(name="settings", accepts=is_app_settings, v1=True),
        ),
        typed=True,
        by_intent=True,
        filters="devices",
        approval="app",
    ),
    Kind(
        path="deviceAppManagement/mobileAppConfigurations",
        properties=f"{_TIMES} version targetedMobileApps",
        versions=_ANY,
        element="managedDeviceMobileAppConfigurationAssignment",
        family=Family.APPLICATIONS,
        stems=_APPS,
        service=_LIFECYCLE,
        cast="microsoft.graph.managedDeviceMobileAppConfiguration",
        documented=204,
        returns_set=False,
        sources=(),
        filters="devices",
    ),
    _protection("iosManagedAppProtections", filters="apps"),
    _protection("androidManagedAppProtections", expand=Expand.BOTH, also="apps", filters="apps"),
    _protection("windowsManagedAppProtections", filters="apps"),
    _protection("targetedManagedAppConfigurations", expand=Expand.ITEM, also="apps", filters="apps"),
    _protection("mdmWindowsInformationProtectionPolicies"),
    _protection("windowsInformationProtectionPolicies"),
    Kind(
        path="deviceAppManagement/policySets",
        properties="description createdDateTime lastModifiedDateTime roleScopeTags status errorCode "
        "guidedDeploymentTags",
        element="policySetAssignment",
        family=Family.BUNDLES,
        stems=("DeviceManagementConfiguration",),
        service="PolicySet/StatelessPolicySetFEService",
        expand=Expand.ITEM,
        expands_also=frozenset({"items"}),
        lists_set=False,
        write=Write.UPDATE,
        status=204,
        sources=(),
        stamped=True,
        approval="policySet",
    ),
    Kind(
        path="deviceAppManagement/iosLobAppProvisioningConfigurations",
        properties=f"{_TIMES} version expirationDateTime payloadFileName",
        element="iosLobAppProvisioningConfigurationAssignment",
        family=Family.APPLICATIONS,
        stems=_APPS,
        service=_LIFECYCLE,
        expand=Expand.UNKNOWN,
        body_key="iOSLobAppProvisioningConfigAssignments",
        group_key="appProvisioningConfigurationGroupAssignments",
        status=204,
        sources=(),
    ),
    Kind(
        path="deviceAppManagement/wdacSupplementalPolicies",
        properties=f"{_TIMES} version contentFileName creationDateTime",
        element="windowsDefenderApplicationControlSupplementalPolicyAssignment",
        family=Family.APPLICATIONS,
        stems=_APPS,
        service=_LIFECYCLE,
        expand=Expand.UNKNOWN,
        body_key="wdacPolicyAssignments",
        status=204,
        sources=(),
    ),
    Kind(
        path="deviceAppManagement/managedEBooks",
        properties="createdDateTime lastModifiedDateTime description publisher publishedDateTime "
        "informationUrl privacyInformationUrl",
        versions=_ANY,
        element="managedEBookAssignment",
        family=Family.APPLICATIONS,
        stems=_APPS,
        service=_LIFECYCLE,
        expand=Expand.UNKNOWN,
        body_key="managedEBookAssignments",
        status=204,
        extras=(Extra(name="installIntent", accepts=_INSTALL, required=True, v1=True),),
        sources=(),
    ),
)
