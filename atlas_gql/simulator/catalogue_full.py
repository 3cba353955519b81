"""What the demo tenants hold besides when they are to have policies of every kind.

Assignments are written in short, as in the catalogue of the demo; `%` stands before a group's name for
what Cloud PC's policies are assigned to.
"""

from __future__ import annotations

from typing import Any

# name, platform, rule
APP_FILTERS: tuple[tuple[str, str, str], ...] = (
    ("Managed iOS apps", "iOSMobileApplicationManagement", '(app.osVersion -startsWith "17")'),
    ("Managed Android apps", "androidMobileApplicationManagement", '(app.osVersion -startsWith "14")'),
)

_M = "deviceManagement"
_A = "deviceAppManagement"
_EVERYONE = "@users; -Contractors"

# path, name, @odata.type or none, other fields, assignments
POLICIES: tuple[tuple[str, str, str | None, dict[str, Any], str], ...] = (
    (f"{_M}/compliancePolicies", "Linux - Compliance", None, {"platforms": "linux"}, "Engineering"),
    (
        f"{_M}/groupPolicyConfigurations",
        "Templates - Office",
        None,
        {"policyConfigurationIngestionType": "builtIn"},
        "All Staff ? include Corporate Windows; -Contractors",
    ),
    (f"{_M}/deviceShellScripts", "macOS - Dock", None, {"fileName": "dock.sh"}, "Mac Users; -Executives"),
    (
        f"{_M}/deviceCustomAttributeShellScripts",
        "macOS - Battery cycles",
        None,
        {"customAttributeName": "Battery", "customAttributeType": "integer"},
        "Mac Users",
    ),
    (f"{_M}/deviceComplianceScripts", "Discovery - Firmware", None, {"publisher": "IT"}, "Windows Laptops"),
    (f"{_M}/intents", "Endpoint security - Disk", None, {"templateId": "d1"}, "Windows Laptops; -Test Bench"),
    (f"{_M}/roleScopeTags", "Warehouse", None, {"isBuiltIn": False}, "Warehouse Tablets"),
    (
        f"{_M}/intuneBrandingProfiles",
        "Larkspur",
        None,
        {"profileName": "Warehouse portal", "isDefaultProfile": False},
        "Warehouse Tablets",
    ),
    (f"{_M}/hardwareConfigurations", "BIOS - Laptops", None, {"version": 1}, "Windows Laptops"),
    (f"{_M}/embeddedSIMActivationCodePools", "SIM - Field", None, {"activationCodeCount": 8}, "Sales"),
    (
        f"{_M}/resourceAccessProfiles",
        "Certificate - Office",
        "windows10XTrustedRootCertificate",
        {"version": 1},
        "Windows Laptops; -Kiosk Devices",
    ),
    (f"{_M}/inventoryPolicies", "Inventory - Windows", None, {"platforms": "windows10"}, "@devices"),
    (
        f"{_M}/deviceEnrollmentConfigurations",
        "Enrolment status page",
        "windows10EnrollmentCompletionPageConfiguration",
        {"priority": 1, "version": 1},
        "All Staff ? include Corporate Windows",
    ),
    (
        f"{_M}/deviceEnrollmentConfigurations",
        "Enrolment notification",
        "deviceEnrollmentNotificationConfiguration",
        {"priority": 0, "version": 1},
        "All Staff",
    ),
    (f"{_M}/termsAndConditions", "Terms of use", None, {"title": "Terms", "version": 1}, "All Staff; Sales"),
    (
        f"{_M}/appleUserInitiatedEnrollmentProfiles",
        "Apple - Company",
        None,
        {"platform": "iOS", "priority": 1},
        "Company Phones",
    ),
    (
        f"{_M}/windowsFeatureUpdateProfiles",
        "Features - 24H2",
        None,
        {"featureUpdateVersion": "Windows 11, version 24H2"},
        "Broad Ring; -Executives",
    ),
    (f"{_M}/windowsQualityUpdateProfiles", "Expedite - March", None, {}, "Early Ring; Pilot Ring"),
    (f"{_M}/windowsQualityUpdatePolicies", "Hotpatch", None, {"hotpatchEnabled": True}, "Broad Ring"),
    (
        f"{_M}/windowsDriverUpdateProfiles",
        "Drivers",
        None,
        {"approvalType": "manual"},
        "Pilot Ring; -Kiosk Devices",
    ),
    (
        f"{_M}/virtualEndpoint/provisioningPolicies",
        "Cloud PC - Contractors",
        None,
        {"imageType": "gallery", "provisioningType": "dedicated"},
        "%Contractors; %Engineering",
    ),
    (f"{_M}/virtualEndpoint/userSettings", "Cloud PC - Reset", None, {"resetEnabled": True}, "%Engineering"),
    (
        f"{_A}/mobileAppConfigurations",
        "Mail on phones",
        "iosMobileAppConfiguration",
        {"version": 1},
        "Company Phones ? include Supervised iPads; -Contractors",
    ),
    (
        f"{_A}/iosManagedAppProtections",
        "Protect - iOS",
        "iosManagedAppProtection",
        {"isAssigned": False},
        "All Staff ? include Managed iOS apps",
    ),
    (
        f"{_A}/androidManagedAppProtections",
        "Protect - Android",
        "androidManagedAppProtection",
        {"isAssigned": False},
        "All Staff ? exclude Managed Android apps; -Executives",
    ),
    (f"{_A}/windowsManagedAppProtections", "Protect - Windows", None, {"isAssigned": False}, "Finance"),
    (
        f"{_A}/targetedManagedAppConfigurations",
        "Browser on phones",
        None,
        {"isAssigned": False},
        "All Staff; ^Sales",
    ),
    (f"{_A}/mdmWindowsInformationProtectionPolicies", "Data - Enrolled", None, {}, "Finance; -Executives"),
    (f"{_A}/windowsInformationProtectionPolicies", "Data - Personal", None, {}, "Finance"),
    (f"{_A}/policySets", "Office starter set", None, {"status": "success"}, "All Staff; -Contractors"),
    (f"{_A}/iosLobAppProvisioningConfigurations", "Scanner app", None, {"version": 1}, "Company Phones"),
    (f"{_A}/wdacSupplementalPolicies", "S mode - Tools", None, {"version": "1"}, "Engineering"),
    (f"{_A}/managedEBooks", "Safety handbook", "iosVppEBook", {"publisher": "IT"}, _EVERYONE),
)

EXTRAS: dict[str, dict[str, Any]] = {
    f"{_M}/deviceComplianceScripts": {
        "runSchedule": {
            "@odata.type": "#microsoft.graph.deviceHealthScriptHourlySchedule",
            "interval": 12,
        }
    },
    f"{_M}/resourceAccessProfiles": {"intent": "apply"},
    f"{_M}/virtualEndpoint/provisioningPolicies": {
        "userSettingsPersistenceDetail": {
            "userSettingsPersistenceEnabled": True,
            "userSettingsPersistenceStorageSizeCategory": "eightGB",
        }
    },
    f"{_A}/managedEBooks": {"installIntent": "required"},
}
"""What the assignments of a kind carry beside their target, by path."""
