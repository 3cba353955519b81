"""The contracts of apps, of what protects and configures them, and of Cloud PCs.

Source: Microsoft's beta schema and documentation, and what tools in production rely on (read 2026-11-23).
"""

from __future__ import annotations

from atlas_gql.graph.contract import Family, PolicyContract, ReadStrategy, WriteStrategy

_APPS = "DeviceManagementApps"
_CONFIGURATION = "DeviceManagementConfiguration"
_CLOUD_PC = "CloudPC"
_CLOUD_PC_GROUP = "cloudPcManagementGroupAssignmentTarget"
_LICENCES = ("servicePlanId", "allotmentDisplayName", "allotmentLicensesCount")

APP_CONTRACTS: tuple[PolicyContract, ...] = (
    PolicyContract(
        path="deviceAppManagement/mobileApps",
        label="App",
        element_type="mobileAppAssignment",
        permission=_APPS,
        family=Family.APPLICATIONS,
        body_key="mobileAppAssignments",
        extra_fields=("intent", "settings"),
        intent_in_identity=True,
    ),
    PolicyContract(
        path="deviceAppManagement/mobileAppConfigurations",
        label="App configuration, managed devices",
        element_type="managedDeviceMobileAppConfigurationAssignment",
        permission=_APPS,
        family=Family.APPLICATIONS,
    ),
    PolicyContract(
        path="deviceAppManagement/targetedManagedAppConfigurations",
        label="App configuration, managed apps",
        element_type="targetedManagedAppPolicyAssignment",
        permission=_APPS,
        family=Family.MANAGED_APPS,
        read=ReadStrategy.BATCH,
    ),
    PolicyContract(
        path="deviceAppManagement/iosManagedAppProtections",
        label="App protection, iOS",
        element_type="targetedManagedAppPolicyAssignment",
        permission=_APPS,
        family=Family.MANAGED_APPS,
        platform="iOS",
        read=ReadStrategy.BATCH,
    ),
    PolicyContract(
        path="deviceAppManagement/androidManagedAppProtections",
        label="App protection, Android",
        element_type="targetedManagedAppPolicyAssignment",
        permission=_APPS,
        family=Family.MANAGED_APPS,
        platform="android",
    ),
    PolicyContract(
        path="deviceAppManagement/windowsManagedAppProtections",
        label="App protection, Windows",
        element_type="targetedManagedAppPolicyAssignment",
        permission=_APPS,
        family=Family.MANAGED_APPS,
        platform="windows10",
        read=ReadStrategy.BATCH,
    ),
    PolicyContract(
        path="deviceAppManagement/mdmWindowsInformationProtectionPolicies",
        label="Information protection, enrolled (retired)",
        element_type="targetedManagedAppPolicyAssignment",
        permission=_APPS,
        family=Family.MANAGED_APPS,
        platform="windows10",
        read=ReadStrategy.BATCH,
    ),
    PolicyContract(
        path="deviceAppManagement/windowsInformationProtectionPolicies",
        label="Information protection, not enrolled (retired)",
        element_type="targetedManagedAppPolicyAssignment",
        permission=_APPS,
        family=Family.MANAGED_APPS,
        platform="windows10",
        read=ReadStrategy.BATCH,
    ),
    PolicyContract(
        path="deviceAppManagement/iosLobAppProvisioningConfigurations",
        label="iOS app provisioning profile",
        element_type="iosLobAppProvisioningConfigurationAssignment",
        permission=_APPS,
        family=Family.APPLICATIONS,
        platform="iOS",
        read=ReadStrategy.BATCH,
        body_key="iOSLobAppProvisioningConfigAssignments",
        supports_filters=False,
    ),
    PolicyContract(
        path="deviceAppManagement/wdacSupplementalPolicies",
        label="Application control supplement",
        element_type="windowsDefenderApplicationControlSupplementalPolicyAssignment",
        permission=_APPS,
        family=Family.APPLICATIONS,
        platform="windows10",
        read=ReadStrategy.BATCH,
        body_key="wdacPolicyAssignments",
    ),
    PolicyContract(
        path="deviceAppManagement/managedEBooks",
        label="eBook",
        element_type="managedEBookAssignment",
        permission=_APPS,
        family=Family.APPLICATIONS,
        tags_field=None,
        platform="iOS",
        read=ReadStrategy.BATCH,
        body_key="managedEBookAssignments",
        extra_fields=("installIntent",),
    ),
    PolicyContract(
        path="deviceAppManagement/policySets",
        label="Policy set",
        element_type="policySetAssignment",
        permission=_CONFIGURATION,
        family=Family.BUNDLES,
        tags_field="roleScopeTags",
        read=ReadStrategy.EXPAND_ITEM,
        write=WriteStrategy.UPDATE,
        supports_filters=False,
    ),
    PolicyContract(
        path="deviceManagement/virtualEndpoint/provisioningPolicies",
        label="Cloud PC provisioning policy",
        element_type="cloudPcProvisioningPolicyAssignment",
        permission=_CLOUD_PC,
        family=Family.CLOUD_PC,
        tags_field="scopeIds",
        platform="windows10",
        read=ReadStrategy.EXPAND_ITEM,
        extra_fields=("userSettingsPersistenceDetail",),
        supports_filters=False,
        group_target=_CLOUD_PC_GROUP,
        target_fields=_LICENCES,
    ),
    PolicyContract(
        path="deviceManagement/virtualEndpoint/userSettings",
        label="Cloud PC user settings",
        element_type="cloudPcUserSettingAssignment",
        permission=_CLOUD_PC,
        family=Family.CLOUD_PC,
        tags_field=None,
        platform="windows10",
        read=ReadStrategy.EXPAND_ITEM,
        supports_filters=False,
        group_target=_CLOUD_PC_GROUP,
        target_fields=_LICENCES,
    ),
)
