"""The kinds of policy about enrolment, updates and Cloud PC: a row each."""

from __future__ import annotations

from atlas_gql.simulator.extras import Extra, is_object_or_null
from atlas_gql.simulator.kind import CLOUD_PC, Expand, Family, Kind, Write

_TIMES = "createdDateTime lastModifiedDateTime description roleScopeTagIds"
_CFG = ("DeviceManagementConfiguration",)
_SERVICE_CONFIG = ("DeviceManagementServiceConfig",)
_ENROLMENT = "DeviceEnrollmentFE/StatelessDeviceEnrollmentFEService"
_UPDATES = "SoftwareUpdate/StatelessSoftwareUpdateAdminService"
_ANY = ("v1.0", "beta")

ENROLMENT: tuple[Kind, ...] = (
    Kind(
        path="deviceManagement/windowsAutopilotDeploymentProfiles",
        properties=f"{_TIMES} language locale outOfBoxExperienceSetting outOfBoxExperienceSettings "
        "enrollmentStatusScreenSettings extractHardwareHash hardwareHashExtractionEnabled "
        "deviceNameTemplate deviceType enableWhiteGlove preprovisioningAllowed managementServiceAppId",
        element="windowsAutopilotDeploymentProfileAssignment",
        family=Family.ENROLMENT,
        stems=_SERVICE_CONFIG,
        service=_ENROLMENT,
        write=Write.ITEMS,
        status=201,
        locked_while_assigned=True,
    ),
    Kind(
        path="deviceManagement/deviceEnrollmentConfigurations",
        properties=f"{_TIMES} priority version deviceEnrollmentConfigurationType",
        versions=_ANY,
        element="enrollmentConfigurationAssignment",
        family=Family.ENROLMENT,
        stems=_SERVICE_CONFIG,
        service=_ENROLMENT,
        body_key="enrollmentConfigurationAssignments",
        documented=204,
        returns_set=False,
        filters="devices",
        unfiltered=frozenset({"deviceEnrollmentNotificationConfiguration"}),
    ),
    Kind(
        path="deviceManagement/termsAndConditions",
        properties=f"{_TIMES} title bodyText acceptanceStatement version modifiedDateTime",
        versions=_ANY,
        element="termsAndConditionsAssignment",
        family=Family.TERMS,
        stems=_SERVICE_CONFIG,
        service="TermsAndConditions/StatelessTermsAndConditionsFEService",
        expand=Expand.NEVER,
        write=Write.ITEMS,
        status=201,
        sources=(),
    ),
    Kind(
        path="deviceManagement/appleUserInitiatedEnrollmentProfiles",
        properties="description createdDateTime lastModifiedDateTime priority platform "
        "defaultEnrollmentType availableEnrollmentTypeOptions",
        element="appleEnrollmentProfileAssignment",
        family=Family.ENROLMENT,
        stems=_SERVICE_CONFIG,
        service=_ENROLMENT,
        expand=Expand.UNKNOWN,
        write=Write.ITEMS,
        status=201,
        sources=(),
    ),
    Kind(
        path="deviceManagement/windowsFeatureUpdateProfiles",
        properties=f"{_TIMES} featureUpdateVersion rolloutSettings deployableContentDisplayName "
        "endOfSupportDate",
        element="windowsFeatureUpdateProfileAssignment",
        family=Family.UPDATES,
        stems=_CFG,
        service=_UPDATES,
        expand=Expand.UNKNOWN,
        documented=204,
        returns_set=False,
        sources=(),
    ),
    Kind(
        path="deviceManagement/windowsQualityUpdateProfiles",
        properties=f"{_TIMES} expeditedUpdateSettings releaseDateDisplayName deployableContentDisplayName",
        element="windowsQualityUpdateProfileAssignment",
        family=Family.UPDATES,
        stems=_CFG,
        service=_UPDATES,
        expand=Expand.UNKNOWN,
        documented=204,
        returns_set=False,
        sources=(),
    ),
    Kind(
        path="deviceManagement/windowsQualityUpdatePolicies",
        properties=f"{_TIMES} hotpatchEnabled approvalSettings",
        element="windowsQualityUpdatePolicyAssignment",
        family=Family.UPDATES,
        stems=_CFG,
        service=_UPDATES,
        expand=Expand.UNKNOWN,
        status=204,
        sources=(),
    ),
    Kind(
        path="deviceManagement/windowsDriverUpdateProfiles",
        properties=f"{_TIMES} approvalType deviceReporting newUpdates deploymentDeferralInDays "
        "inventorySyncStatus",
        element="windowsDriverUpdateProfileAssignment",
        family=Family.UPDATES,
        stems=_CFG,
        service=_UPDATES,
        expand=Expand.UNKNOWN,
        documented=204,
        returns_set=False,
        sources=(),
    ),
    Kind(
        path="deviceManagement/virtualEndpoint/provisioningPolicies",
        properties="description cloudPcGroupDisplayName gracePeriodInHours imageId imageDisplayName "
        "imageType localAdminEnabled provisioningType scopeIds managedBy",
        versions=_ANY,
        element="cloudPcProvisioningPolicyAssignment",
        family=Family.CLOUD_PC,
        stems=("CloudPC",),
        service="CloudPC/StatelessCloudPcService",
        expand=Expand.ITEM,
        lists_set=False,
        status=204,
        extras=(Extra(name="userSettingsPersistenceDetail", accepts=is_object_or_null),),
        sources=(),
        targets=frozenset({CLOUD_PC}),
    ),
    Kind(
        path="deviceManagement/virtualEndpoint/userSettings",
        properties="createdDateTime lastModifiedDateTime localAdminEnabled resetEnabled "
        "restorePointSetting provisioningSourceType",
        versions=_ANY,
        element="cloudPcUserSettingAssignment",
        family=Family.CLOUD_PC,
        stems=("CloudPC",),
        service="CloudPC/StatelessCloudPcService",
        expand=Expand.ITEM,
        lists_set=False,
        status=204,
        sources=(),
        targets=frozenset({CLOUD_PC}),
    ),
)
