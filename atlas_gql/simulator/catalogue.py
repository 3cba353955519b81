"""What the demo tenants are made of, as data a person can read and change.

Assignments are written in short: names of groups separated by `;`, with `@users` for all users and
`@devices` for all devices; `-` before an excluded group, `^` before one inherited from a policy set,
`intent:` before an app's, ` ? include FILTER` or ` ? exclude FILTER` behind. `@gone` is a group that was
deleted.
"""

from __future__ import annotations

from typing import Any

# name, membership rule (None: assigned, "": a Microsoft 365 group), members
GROUPS: tuple[tuple[str, str | None, int], ...] = (
    ("All Staff", '(user.userType -eq "Member")', 1840),
    ("Windows Laptops", '(device.deviceOSType -eq "Windows")', 1205),
    ("Company Phones", '(device.deviceOwnership -eq "Company")', 640),
    ("Mac Users", None, 96),
    ("Pilot Ring", None, 25),
    ("Early Ring", None, 180),
    ("Broad Ring", None, 1500),
    ("Finance", '(user.department -eq "Finance")', 74),
    ("Sales", "", 212),
    ("Engineering", '(user.department -eq "Engineering")', 305),
    ("Executives", None, 12),
    ("Warehouse Tablets", None, 130),
    ("Kiosk Devices", None, 44),
    ("Reception's Shared PCs", None, 9),
    ("Contractors", None, 58),
    ("Test Bench", None, 6),
)
DOUBLED_IN_SECOND = "Kiosk Devices"
MISSING_IN_SECOND = frozenset({"Contractors", "Test Bench"})

# name, platform, rule
FILTERS: tuple[tuple[str, str, str], ...] = (
    ("Corporate Windows", "windows10AndLater", '(device.deviceOwnership -eq "Corporate")'),
    ("Windows 11", "windows10AndLater", '(device.osVersion -startsWith "10.0.2")'),
    ("Virtual Machines", "windows10AndLater", '(device.model -contains "Virtual")'),
    ("Supervised iPads", "iOS", '(device.isSupervised -eq "True")'),
    ("Personal Android", "androidForWork", '(device.deviceOwnership -eq "Personal")'),
    ("Corporate Macs", "macOS", '(device.deviceOwnership -eq "Corporate")'),
)
FILTER_MISSING_IN_SECOND = "Personal Android"

# name, @odata.type, assignments
DEVICE_CONFIGURATIONS: tuple[tuple[str, str, str], ...] = (
    ("Windows - Device restrictions", "windows10GeneralConfiguration", "Windows Laptops; -Kiosk Devices"),
    ("Windows - Edition upgrade", "editionUpgradeConfiguration", "Windows Laptops ? include Windows 11"),
    ("Windows - Update ring pilot", "windowsUpdateForBusinessConfiguration", "Pilot Ring"),
    (
        "Windows - Update ring early",
        "windowsUpdateForBusinessConfiguration",
        "Early Ring; -Pilot Ring; -Executives",
    ),
    (
        "Windows - Update ring broad",
        "windowsUpdateForBusinessConfiguration",
        "@devices ? exclude Virtual Machines; -Pilot Ring; -Early Ring",
    ),
    ("Windows - Kiosk mode", "windowsKioskConfiguration", "Kiosk Devices; Reception's Shared PCs"),
    ("Windows - Office Wi-Fi", "windowsWifiConfiguration", "@devices ? include Corporate Windows"),
    ("Windows - Root certificate", "windows81TrustedRootCertificate", "@users; @devices"),
    (
        "iOS - Device restrictions",
        "iosGeneralDeviceConfiguration",
        "Company Phones ? include Supervised iPads",
    ),
    ("iOS - Office Wi-Fi", "iosWiFiConfiguration", "Company Phones; Warehouse Tablets; ^All Staff"),
    ("Android - Work profile", "androidWorkProfileGeneralDeviceConfiguration", "All Staff; -Contractors"),
    (
        "Android - Personal devices",
        "androidWorkProfileGeneralDeviceConfiguration",
        "All Staff ? include Personal Android",
    ),
    ("macOS - Device restrictions", "macOSGeneralDeviceConfiguration", "Mac Users ? include Corporate Macs"),
    ("macOS - Software updates", "macOSSoftwareUpdateConfiguration", "Mac Users; @gone"),
)

# name, platforms, assignments
CONFIGURATION_POLICIES: tuple[tuple[str, str, str], ...] = (
    ("Baseline - BitLocker", "windows10", "@devices ? include Corporate Windows; -Test Bench"),
    ("Baseline - Defender antivirus", "windows10", "@devices"),
    ("Baseline - Defender exclusions", "windows10", "Engineering"),
    ("Baseline - Firewall", "windows10", "Windows Laptops; Kiosk Devices"),
    ("Baseline - Attack surface reduction", "windows10", "Broad Ring; -Engineering"),
    ("Baseline - Attack surface audit", "windows10", "Engineering; Pilot Ring"),
    ("Baseline - Account protection", "windows10", "@users"),
    ("Baseline - Local administrators", "windows10", "Windows Laptops; -Engineering"),
    ("Baseline - Windows LAPS", "windows10", "@devices ? exclude Virtual Machines"),
    ("Baseline - Credential guard", "windows10", "Windows Laptops ? include Windows 11"),
    ("Browser - Edge common", "windows10", "@users"),
    ("Browser - Edge finance", "windows10", "Finance"),
    ("Browser - Edge kiosk", "windows10", "Kiosk Devices; Reception's Shared PCs"),
    ("Browser - Chrome common", "windows10", "@users; -Contractors"),
    ("Office - Macro policy", "windows10", "@users; -Finance"),
    ("Office - Macro policy finance", "windows10", "Finance"),
    ("Office - Update channel", "windows10", "Broad Ring; Early Ring"),
    ("Office - Preview channel", "windows10", "Pilot Ring"),
    ("OneDrive - Known folders", "windows10", "All Staff; ^Sales"),
    ("Power - Laptops", "windows10", "Windows Laptops"),
    ("Power - Kiosks", "windows10", "Kiosk Devices"),
    ("Time - Zone and sync", "windows10", "@devices"),
    ("Printing - Warehouse", "windows10", "Warehouse Tablets; Reception's Shared PCs"),
    ("Remote desktop - Engineering", "windows10", "Engineering; -Contractors"),
    ("macOS - FileVault", "macOS", "Mac Users ? include Corporate Macs"),
    ("macOS - Gatekeeper", "macOS", "Mac Users"),
    ("macOS - Login items", "macOS", "Mac Users; -Executives"),
    ("iOS - Managed settings", "iOS", "Company Phones ? exclude Supervised iPads"),
    ("Draft - Passkeys", "windows10", ""),
)

# name, @odata.type, assignments
COMPLIANCE_POLICIES: tuple[tuple[str, str, str], ...] = (
    ("Compliance - Windows", "windows10CompliancePolicy", "@devices ? include Corporate Windows"),
    ("Compliance - Windows executives", "windows10CompliancePolicy", "Executives"),
    ("Compliance - iOS", "iosCompliancePolicy", "Company Phones; -Warehouse Tablets"),
    ("Compliance - Android", "androidWorkProfileCompliancePolicy", "@users"),
    ("Compliance - macOS", "macOSCompliancePolicy", "Mac Users; @gone"),
)

# name, file, assignments
SCRIPTS: tuple[tuple[str, str, str], ...] = (
    ("Script - Map drives", "map-drives.ps1", "Finance; Sales"),
    ("Script - Remove bloatware", "remove-bloatware.ps1", "Windows Laptops; -Test Bench"),
    ("Script - Kiosk wallpaper", "kiosk-wallpaper.ps1", "Kiosk Devices"),
)

# name, schedule, whether it remediates, assignments
REMEDIATIONS: tuple[tuple[str, str, bool, str], ...] = (
    ("Remediation - Disk space", "daily", True, "Windows Laptops ? include Corporate Windows"),
    ("Remediation - Stale certificates", "hourly", True, "@devices; -Kiosk Devices"),
    ("Remediation - Time drift", "once", False, "Pilot Ring; Early Ring"),
)
SCHEDULES: dict[str, dict[str, Any]] = {
    "hourly": {"@odata.type": "#microsoft.graph.deviceHealthScriptHourlySchedule", "interval": 8},
    "daily": {
        "@odata.type": "#microsoft.graph.deviceHealthScriptDailySchedule",
        "interval": 1,
        "useUtc": False,
        "time": "02:30:00.0000000",
    },
    "once": {
        "@odata.type": "#microsoft.graph.deviceHealthScriptRunOnceSchedule",
        "interval": 1,
        "useUtc": True,
        "time": "09:00:00.0000000",
        "date": "2026-02-01",
    },
}

# name, @odata.type, assignments
APPS: tuple[tuple[str, str, str], ...] = (
    ("Packing List", "win32LobApp", "required:Warehouse Tablets; available:All Staff; required:-Test Bench"),
    ("Ledger Desktop", "win32LobApp", "required:Finance ? include Corporate Windows; uninstall:Contractors"),
    ("Route Planner", "iosVppApp", "required:Company Phones; available:@users"),
    ("Design Studio", "macOSLobApp", "available:Mac Users"),
    ("Terminal", "winGetApp", "available:Engineering; required:Pilot Ring"),
    ("Dock Scanner", "androidManagedStoreApp", "required:Warehouse Tablets; required:-Contractors"),
    ("Old Messenger", "win32LobApp", "uninstall:@devices"),
)
APP_SETTINGS: dict[str, dict[str, Any] | None] = {
    "win32LobApp": {
        "@odata.type": "#microsoft.graph.win32LobAppAssignmentSettings",
        "notifications": "showReboot",
        "restartSettings": {"gracePeriodInMinutes": 1440, "countdownDisplayBeforeRestartInMinutes": 15},
        "installTimeSettings": None,
        "deliveryOptimizationPriority": "foreground",
        "autoUpdateSettings": None,
    },
    "iosVppApp": {
        "@odata.type": "#microsoft.graph.iosVppAppAssignmentSettings",
        "useDeviceLicensing": True,
        "vpnConfigurationId": None,
        "uninstallOnDeviceRemoval": True,
        "isRemovable": False,
        "preventManagedAppBackup": True,
        "preventAutoAppUpdate": False,
    },
    "macOSLobApp": None,
    "winGetApp": {
        "@odata.type": "#microsoft.graph.winGetAppAssignmentSettings",
        "notifications": "hideAll",
        "restartSettings": None,
        "installTimeSettings": None,
    },
    "androidManagedStoreApp": {
        "@odata.type": "#microsoft.graph.androidManagedStoreAppAssignmentSettings",
        "androidManagedStoreAppTrackIds": [],
        "autoUpdateMode": "priority",
    },
}

# name, device name template, assignments
AUTOPILOT_PROFILES: tuple[tuple[str, str, str], ...] = (
    ("Autopilot - Office", "OFF-%SERIAL%", "Windows Laptops; -Kiosk Devices"),
    ("Autopilot - Kiosk", "KSK-%SERIAL%", "Kiosk Devices"),
)
