"""Enums of the schema. Their values are what the database holds, so that rows need no conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Any, TypeVar

import strawberry

from atlas_gql.access.capabilities import Role
from atlas_gql.ops.schedules import ScheduleDisabledReason
from atlas_gql.plan_warnings import WARNINGS, WarningCode
from atlas_gql.plugins.verification import ProviderHealth, ReadinessState
from atlas_gql.providers.material import CredentialKind
from atlas_gql.providers.providers import CloudName
from atlas_gql.reasons import DESCRIPTIONS, ReasonCode

E = TypeVar("E", bound=type[Enum])


def described(description: str, values: Mapping[Any, str]) -> Callable[[E], E]:
    """Make an enum a GraphQL enum, with a sentence for each of its values."""

    def describe(enum: E) -> E:
        strawberry.enum(enum, description=description)
        for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined] # just set
            value.description = values[value.value]
        return enum

    return describe


described("The normalised cause of a failure, the same for every operation.", DESCRIPTIONS)(ReasonCode)

described(
    "What a member is: owner and manager of a workspace, operator and readonly of some of its tenants.",
    {
        "owner": "Everything, members and tokens too.",
        "manager": "Everything but members, tokens and removing tenants for good.",
        "operator": "Looks, backs up and plans.",
        "readonly": "Looks.",
    },
)(Role)

described(
    "What an application proves its identity with.",
    {
        "secret": "A client secret.",
        "certificate": "A certificate and its private key.",
        "federated": "The assertion of a workload identity, which the worker reads from a file.",
    },
)(CredentialKind)
described(
    "Why Atlas itself disabled a schedule.",
    {
        "owner_not_permitted": "Its owner, or the limited token that the owner used, may not look after"
        " schedules here any more, or may not start this operation.",
        "unknown_operation": "No worker offers its operation any more.",
        "not_for_schedules": "Its operation writes to Microsoft now, or works on one tenant's things.",
        "input_invalid": "Its operation does not take its input any more.",
        "no_tenants": "None of the tenants that it names is left.",
    },
)(ScheduleDisabledReason)
described(
    "Where a tenant lives.",
    {
        "global": "Microsoft's global cloud, GCC too.",
        "us_government": "US Government L4: GCC High.",
        "us_government_dod": "US Government L5: DoD.",
        "china": "China, operated by 21Vianet.",
        "simulator": "A simulator, of the installation's operator.",
    },
)(CloudName)
RestoreWarningCode = StrEnum(  # type: ignore[misc] # made of another enum's members
    "RestoreWarningCode", {code.name: code.value for code in WarningCode}
)
"""What a plan warns of, under the name that it has in the API."""
described("What a plan warns of.", {code.value: text for code, text in WARNINGS.items()})(RestoreWarningCode)

_NOTES = {
    "ORPHANED": "What it names was gone already when it was backed up; it is left as it is.",
    "INHERITED": "It came with a policy set, and is never written as a direct assignment.",
}
PlanNote = StrEnum(  # type: ignore[misc] # made of another enum's members
    "PlanNote", {name: name for name in [*(reason.value for reason in ReasonCode), *_NOTES]}
)
"""Why a plan does not do something: any reason code, or what is no failure at all."""
described(
    "Why a plan leaves something out or blocks it: a reason code, or something that is no failure.",
    {**{reason.value: text for reason, text in DESCRIPTIONS.items()}, **_NOTES},
)(PlanNote)


described(
    "Whether something can be done in a tenant.",
    {
        "ready": "It can.",
        "missing_permission": "The application lacks the permission.",
        "not_licensed": "The tenant lacks the licence.",
        "needs_approval": "It can, once a second administrator has approved it (Multi Admin Approval).",
        "unreachable": "It could not be found out, or Microsoft refuses it; see the reason code.",
    },
)(ReadinessState)
described(
    "What a verification of a provider comes to.",
    {
        "ready": "Every kind of policy that the tenant is licensed for can be read and, where writes are"
        " enabled, written, if need be after an approval.",
        "degraded": "Something cannot be read or written.",
        "failing": "No kind of policy can be read.",
    },
)(ProviderHealth)


@described(
    "How Atlas's way into a tenant stands, by its last verification and by what runs have met since.",
    {
        "none": "The tenant has no provider.",
        "not_verified": "It was not verified, or not since a credential was rotated or a run was refused.",
        "ready": "Every kind of policy that the tenant is licensed for can be read and, where writes are"
        " enabled, written, if need be after an approval.",
        "degraded": "Something cannot be read or written; the verification says what.",
        "failing": "Nothing can be read, or the newest run that tried did not get in.",
    },
)
class ProviderStatus(StrEnum):
    NONE = "none"
    NOT_VERIFIED = "not_verified"
    READY = "ready"
    DEGRADED = "degraded"
    FAILING = "failing"


@described(
    "What a member is in the workspace as a whole.",
    {
        "owner": "Reaches every tenant, and may do everything.",
        "manager": "Reaches every tenant, and may do everything but what concerns members and tokens.",
        "member": "Reaches the tenants that were granted, with a role for each.",
    },
)
class MemberRole(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    MEMBER = "member"


@described(
    "What a member is for one tenant.",
    {
        "operator": "Looks, backs up, plans restores, cancels runs.",
        "readonly": "Looks.",
    },
)
class TenantRole(StrEnum):
    OPERATOR = "operator"
    READONLY = "readonly"


@described(
    "Which way a list is ordered.", {"asc": "Smallest or oldest first.", "desc": "Greatest or newest first."}
)
class OrderDirection(StrEnum):
    ASC = "asc"
    DESC = "desc"


@described(
    "What runs can be ordered by.",
    {
        "created_at": "When they were accepted.",
        "finished_at": "When they ended; those that have not come as if they ended after all others.",
    },
)
class OperationRunOrderField(StrEnum):
    CREATED_AT = "created_at"
    FINISHED_AT = "finished_at"


@described(
    "Where a run stands.",
    {
        "queued": "Accepted; a worker will take it.",
        "running": "A worker carries it out.",
        "completed": "Ended; see its outcome.",
    },
)
class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"


@described(
    "How a run ended.",
    {
        "pending": "It has not ended.",
        "succeeded": "All its items succeeded.",
        "partially_succeeded": "Some items succeeded, some failed.",
        "failed": "It failed as a whole, or all its items did.",
        "cancelled": "Somebody cancelled it.",
    },
)
class RunOutcome(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@described(
    "Where an item of a run stands.",
    {
        "intent": "About to be carried out, or being carried out.",
        "succeeded": "Carried out.",
        "failed": "Failed; see its failure.",
        "skipped": "Left out on purpose; see its failure for why.",
    },
)
class RunItemState(StrEnum):
    INTENT = "intent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@described(
    "Why a backup set was made.",
    {
        "requested": "Somebody asked for it.",
        "before_restore": "It keeps the state before a restore was executed.",
        "imported": "It came from an archive; `source` says of what.",
    },
)
class BackupOrigin(StrEnum):
    REQUESTED = "requested"
    BEFORE_RESTORE = "before_restore"
    IMPORTED = "imported"


@described(
    "Where a backup set stands.",
    {
        "capturing": "Being filled.",
        "complete": "Every policy was captured.",
        "partial": "Some policies could not be captured; its items say which.",
        "failed": "Nothing usable was captured.",
    },
)
class BackupState(StrEnum):
    CAPTURING = "capturing"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@described(
    "What is known of a policy's assignments in a backup.",
    {
        "fetched": "They are known; none is an answer too.",
        "failed": "They could not be read and are not known.",
        "unsupported": "Atlas does not read the assignments of this kind of policy.",
    },
)
class AssignmentsState(StrEnum):
    FETCHED = "fetched"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@described(
    "What a restore run is for.",
    {
        "restore": "To restore a backup.",
        "undo": "To undo the execution of a restore.",
        "compare": "To be read: it is never executed.",
    },
)
class RestorePurpose(StrEnum):
    RESTORE = "restore"
    UNDO = "undo"
    COMPARE = "compare"


@described(
    "Where a restore run's plan stands.",
    {
        "planning": "Being computed.",
        "planned": "Complete: it can be read, and executed until it expires.",
        "failed": "It could not be computed.",
    },
)
class RestoreState(StrEnum):
    PLANNING = "planning"
    PLANNED = "planned"
    FAILED = "failed"


@described(
    "What a restore makes of a policy's present assignments.",
    {
        "replace": "The policy gets the backup's set, and loses what is not in it.",
        "merge": "The backup's assignments are added or put back; all others stay.",
    },
)
class RestoreMode(StrEnum):
    REPLACE = "replace"
    MERGE = "merge"


@described(
    "What a restore does to a policy.",
    {
        "pending": "Not planned yet.",
        "write": "Its assignments are written.",
        "none": "It is already as wanted.",
        "blocked": "Nothing is written; see why.",
        "not_in_backup": "Nothing: it is in the tenant and not in the backup, and only listed.",
    },
)
class RestoreAction(StrEnum):
    PENDING = "pending"
    WRITE = "write"
    NONE = "none"
    BLOCKED = "blocked"
    NOT_IN_BACKUP = "not_in_backup"


@described(
    "What a restore does to one assignment.",
    {
        "kept": "Stays as it is.",
        "added": "Is added.",
        "removed": "Is removed.",
        "changed": "Stays with other values; see its fields.",
        "blocked": "Cannot be restored, and blocks its policy.",
        "leftOut": "Cannot be restored and is left out.",
    },
)
class AssignmentChangeKind(StrEnum):
    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    BLOCKED = "blocked"
    LEFT_OUT = "leftOut"


@described(
    "Whom an assignment targets.",
    {
        "group": "A Microsoft Entra group.",
        "allUsers": "Every user of the tenant.",
        "allDevices": "Every device of the tenant.",
        "unknown": "Something that Atlas does not know; kept as it is.",
    },
)
class AssignmentTargetKind(StrEnum):
    GROUP = "group"
    ALL_USERS = "allUsers"
    ALL_DEVICES = "allDevices"
    UNKNOWN = "unknown"


@described(
    "What a mapping translates.",
    {"group": "A Microsoft Entra group.", "filter": "An assignment filter."},
)
class MappingKind(StrEnum):
    GROUP = "group"
    FILTER = "filter"


@described(
    "How something of the backup was found in the target tenant.",
    {
        "id": "By its id.",
        "name": "By its name; nothing else says that it is the same.",
        "explicit": "The caller named it.",
    },
)
class FoundBy(StrEnum):
    ID = "id"
    NAME = "name"
    EXPLICIT = "explicit"
