"""What a restore's plan warns of: the closed list, append-only as the reason codes are."""

from __future__ import annotations

from enum import StrEnum


class WarningCode(StrEnum):
    """What a plan warns of: a change of who is reached, and how, that a person has to have seen.

    .. versionadded:: 0.1
    """

    ALL_USERS_TARGETED = "ALL_USERS_TARGETED"
    ALL_DEVICES_TARGETED = "ALL_DEVICES_TARGETED"
    EXCLUSION_REMOVED = "EXCLUSION_REMOVED"
    FILTER_CHANGED = "FILTER_CHANGED"
    FILTER_REMOVED = "FILTER_REMOVED"
    INCLUDE_REMOVED = "INCLUDE_REMOVED"
    POLICY_EMPTIED = "POLICY_EMPTIED"
    INTENT_BECOMES_REQUIRED = "INTENT_BECOMES_REQUIRED"
    INTENT_BECOMES_UNINSTALL = "INTENT_BECOMES_UNINSTALL"
    REMEDIATION_SWITCHED_ON = "REMEDIATION_SWITCHED_ON"
    GROUP_RULE_DIFFERS = "GROUP_RULE_DIFFERS"
    FILTER_RULE_DIFFERS = "FILTER_RULE_DIFFERS"
    MATCHED_BY_NAME = "MATCHED_BY_NAME"
    SETTINGS_MISSING = "SETTINGS_MISSING"


WARNINGS: dict[WarningCode, str] = {
    WarningCode.ALL_USERS_TARGETED: "The policy will reach all users, and does not name them now.",
    WarningCode.ALL_DEVICES_TARGETED: "The policy will reach all devices, and does not name them now.",
    WarningCode.EXCLUSION_REMOVED: "A group that is excluded now will be excluded no longer.",
    WarningCode.FILTER_CHANGED: "An assignment will get a filter, or another filter or filter mode.",
    WarningCode.FILTER_REMOVED: "An assignment will lose its filter.",
    WarningCode.INCLUDE_REMOVED: "A target that is included now will be included no longer.",
    WarningCode.POLICY_EMPTIED: "The policy reaches somebody now and will reach nobody.",
    WarningCode.INTENT_BECOMES_REQUIRED: "An app will be required for a target for which it is not now.",
    WarningCode.INTENT_BECOMES_UNINSTALL: "An app will be uninstalled for a target for which it is not now.",
    WarningCode.REMEDIATION_SWITCHED_ON: "A script will remediate for a target for which it does not now.",
    WarningCode.GROUP_RULE_DIFFERS: "A group's membership rule is not the one that was backed up.",
    WarningCode.FILTER_RULE_DIFFERS: "A filter's rule is not the one that was backed up.",
    WarningCode.MATCHED_BY_NAME: "A policy, group or filter was recognised by its name only.",
    WarningCode.SETTINGS_MISSING: "The backup has an app assignment without the settings it once had.",
}
"""One public sentence for each warning code."""
