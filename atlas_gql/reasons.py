"""Why things fail: the closed list of reason codes.

The list is append-only. A client may switch on a code; an operation's own detail travels beside it
(`reasonDetail`) and never replaces it.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import NamedTuple


class ReasonCode(StrEnum):
    """The normalised cause of a failure, the same for every operation.

    .. versionadded:: 0.1
    """

    THROTTLED = "THROTTLED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    CREDENTIAL_EXPIRED = "CREDENTIAL_EXPIRED"
    CONSENT_MISSING = "CONSENT_MISSING"
    BLOCKED_BY_POLICY = "BLOCKED_BY_POLICY"
    TENANT_NOT_FOUND = "TENANT_NOT_FOUND"
    NOT_LICENSED = "NOT_LICENSED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_RESPONSE = "INVALID_RESPONSE"
    DEPENDENCY_UNREACHABLE = "DEPENDENCY_UNREACHABLE"
    TIMEOUT = "TIMEOUT"
    UNRESOLVED_GROUP = "UNRESOLVED_GROUP"
    AMBIGUOUS_GROUP = "AMBIGUOUS_GROUP"
    UNRESOLVED_FILTER = "UNRESOLVED_FILTER"
    AMBIGUOUS_FILTER = "AMBIGUOUS_FILTER"
    POLICY_NOT_FOUND = "POLICY_NOT_FOUND"
    AMBIGUOUS_POLICY = "AMBIGUOUS_POLICY"
    UNSUPPORTED = "UNSUPPORTED"
    WOULD_UNASSIGN = "WOULD_UNASSIGN"
    STALE_PLAN = "STALE_PLAN"
    PLAN_EXPIRED = "PLAN_EXPIRED"
    WRITE_UNCERTAIN = "WRITE_UNCERTAIN"
    VERIFICATION_FAILED = "VERIFICATION_FAILED"
    MISSING_CONFIGURATION = "MISSING_CONFIGURATION"
    INITIATOR_NOT_PERMITTED = "INITIATOR_NOT_PERMITTED"
    TIME_LIMIT = "TIME_LIMIT"
    WORKER_LOST = "WORKER_LOST"
    CANCELLED = "CANCELLED"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    EXTENSION = "EXTENSION"
    UNKNOWN_ERROR = "UNKNOWN_ERROR"
    CHANGED_SINCE = "CHANGED_SINCE"


class Reason(NamedTuple):
    """What a reason code tells a person, each in a sentence or two; public."""

    meaning: str
    cause: str
    advice: str


REASONS: dict[ReasonCode, Reason] = {
    ReasonCode.THROTTLED: Reason(
        "Microsoft asked us to slow down and kept asking until our patience ended.",
        "Too many calls to the tenant at once: Atlas's own, or those of other applications that share"
        " the tenant's quota.",
        "Wait and retry the run. If it stays, lower ATLAS_TENANT_RUNS, and look for other tools that"
        " read the tenant.",
    ),
    ReasonCode.PERMISSION_DENIED: Reason(
        "The application lacks a Microsoft Graph permission or an Intune role.",
        "A Graph permission was never granted, or the tenant's administrator has not consented to it;"
        " the failure's message names it.",
        "Add the permission to the app registration, grant admin consent, and retry the run.",
    ),
    ReasonCode.APPROVAL_REQUIRED: Reason(
        "The tenant wants a second administrator to approve this change.",
        "Multi Admin Approval protects this kind of policy in the tenant.",
        "Have the request approved in the Intune admin center, or exclude the application there; then"
        " retry the run.",
    ),
    ReasonCode.AUTHENTICATION_FAILED: Reason(
        "Microsoft refused the credential.",
        "The secret or certificate is not that of the application, or the client id is another"
        " application's.",
        "Compare the provider's client id and credential with the app registration; put the right"
        " ones in and retry.",
    ),
    ReasonCode.CREDENTIAL_EXPIRED: Reason(
        "The client secret or certificate has expired.",
        "Secrets and certificates end on a date that was chosen when they were made.",
        "Make a new one in the app registration, rotate the credential in Atlas, and retry.",
    ),
    ReasonCode.CONSENT_MISSING: Reason(
        "The tenant's administrator has not consented to the application.",
        "Nobody consented yet, or the consent was withdrawn.",
        "Let an administrator of the tenant consent to the application, and retry.",
    ),
    ReasonCode.BLOCKED_BY_POLICY: Reason(
        "Conditional access in the tenant blocks the application.",
        "A conditional access policy for workload identities, or a location that it does not trust.",
        "Let the tenant's administrator exclude the application or trust Atlas's addresses, and retry.",
    ),
    ReasonCode.TENANT_NOT_FOUND: Reason(
        "No such Microsoft Entra tenant in this cloud.",
        "The tenant's id is mistyped, the tenant was deleted, or it lives in another cloud.",
        "Check the tenant's id and the provider's cloud.",
    ),
    ReasonCode.NOT_LICENSED: Reason(
        "The tenant lacks the licence that this feature needs.",
        "The tenant has no Intune licence, or not the edition that this kind of policy takes.",
        "Add the licence, or leave this kind of policy out.",
    ),
    ReasonCode.NOT_FOUND: Reason(
        "The thing is no longer there.",
        "It was deleted since it was last seen.",
        "Back up again, or make a new plan, to see what is there now.",
    ),
    ReasonCode.CONFLICT: Reason(
        "The thing is in a state that forbids the change, or locked.",
        "Somebody else is changing it, or Microsoft is still working on an earlier change.",
        "Wait a few minutes and retry the run.",
    ),
    ReasonCode.INVALID_REQUEST: Reason(
        "A request was malformed: Microsoft refused it, or the operation could not read its input.",
        "The tenant lacks a feature that the request takes, or a plugin was updated while its run waited.",
        "Start the operation anew. If it stays, report it with the run's id and Microsoft's request id.",
    ),
    ReasonCode.INVALID_RESPONSE: Reason(
        "Microsoft's answer could not be understood.",
        "A proxy answered in Microsoft's place, or Microsoft changed something.",
        "Check proxies on the way, and retry. If it stays, report it with Microsoft's request id.",
    ),
    ReasonCode.DEPENDENCY_UNREACHABLE: Reason(
        "Microsoft's service, or another that is needed, could not be reached, or is failing.",
        "Network, DNS or proxy, an outage at Microsoft, or a database that was restarted.",
        "Look at Microsoft's service health and at the network, and retry the run.",
    ),
    ReasonCode.TIMEOUT: Reason(
        "No answer came in time.",
        "An overloaded service, or a firewall that swallows packets.",
        "Retry the run. If it stays, look at the network between Atlas and Microsoft.",
    ),
    ReasonCode.UNRESOLVED_GROUP: Reason(
        "A group could not be found in the target tenant.",
        "The group was deleted, or the target tenant has none of this name.",
        "Make the group, or map it to another one, and plan again.",
    ),
    ReasonCode.AMBIGUOUS_GROUP: Reason(
        "Several groups of the target tenant bear the name.",
        "Names of groups need not be unique.",
        "Map the group explicitly, and plan again.",
    ),
    ReasonCode.UNRESOLVED_FILTER: Reason(
        "An assignment filter could not be found in the target tenant.",
        "The filter was deleted, or the target tenant has none of this name.",
        "Make the filter, or map it to another one, and plan again.",
    ),
    ReasonCode.AMBIGUOUS_FILTER: Reason(
        "Several assignment filters of the target tenant bear the name.",
        "Names of filters need not be unique.",
        "Map the filter explicitly, and plan again.",
    ),
    ReasonCode.POLICY_NOT_FOUND: Reason(
        "The policy is not in the target tenant.",
        "The policy was deleted, or never was in the target tenant: Atlas makes no policies.",
        "Make or import the policy first, and plan again; or leave it out.",
    ),
    ReasonCode.AMBIGUOUS_POLICY: Reason(
        "Several policies of the target tenant bear the name.",
        "In another tenant policies are found by their names, and names need not be unique.",
        "Rename one of them, and plan again.",
    ),
    ReasonCode.UNSUPPORTED: Reason(
        "Atlas does not write this kind of policy, target or assignment.",
        "A kind of target or policy that Atlas only reads.",
        "Set these assignments by hand.",
    ),
    ReasonCode.WOULD_UNASSIGN: Reason(
        "Leaving out what could not be resolved would leave the policy unassigned.",
        "None of the groups that the policy was assigned to could be resolved.",
        "Map at least one of them, and plan again.",
    ),
    ReasonCode.STALE_PLAN: Reason(
        "The policy's assignments changed after the plan was made.",
        "Somebody, or another tool, changed the policy between the plan and its execution.",
        "Make a new plan, look at it, and execute that one. A retry leaves such policies out.",
    ),
    ReasonCode.CHANGED_SINCE: Reason(
        "Somebody changed the policy after the restore that is to be undone.",
        "The policy holds neither what the restore wrote nor what was there before it.",
        "Leave it, or plan a restore of the backup set that keeps the state before: its plan shows what of"
        " the later change would be lost.",
    ),
    ReasonCode.PLAN_EXPIRED: Reason(
        "The plan's life has ended; make a new one.",
        "More time went by than ATLAS_PLAN_HOURS allows.",
        "Make a new plan, look at it, and execute that one.",
    ),
    ReasonCode.WRITE_UNCERTAIN: Reason(
        "Whether the write took effect could not be found out.",
        "The connection broke, or the worker was lost, after the write was sent.",
        "Retry the run: Atlas reads the policy first, and writes only what is not there.",
    ),
    ReasonCode.VERIFICATION_FAILED: Reason(
        "After the write, the tenant did not hold what was written.",
        "Somebody changed the policy at the same moment, or Microsoft applied the write late.",
        "Look at the policy in the Intune admin center, and make a new plan.",
    ),
    ReasonCode.MISSING_CONFIGURATION: Reason(
        "The tenant has no usable provider, or writes are not enabled for it.",
        "The tenant was archived, has no provider, or its provider's writes are off.",
        "Add or complete the provider (`atlas provider`), and retry the run.",
    ),
    ReasonCode.INITIATOR_NOT_PERMITTED: Reason(
        "Whoever started the run no longer has the right to.",
        "The member's role, grant or token was taken away, or the token expired, before a worker took"
        " the run.",
        "Let somebody who has the right start or retry it.",
    ),
    ReasonCode.TIME_LIMIT: Reason(
        "The run took longer than its operation may.",
        "A very large tenant, or long pauses that Microsoft asked for.",
        "Retry the run: what is done is left out. Or choose fewer kinds of policy.",
    ),
    ReasonCode.WORKER_LOST: Reason(
        "The worker that carried the run was lost, too often to try again.",
        "Workers that were killed, ran out of memory, or lost their database, several times with this"
        " run alone.",
        "Look at the workers' logs and memory, and retry the run.",
    ),
    ReasonCode.CANCELLED: Reason(
        "Somebody cancelled it.",
        "A member cancelled the run.",
        "Retry the run to go on where it stopped.",
    ),
    ReasonCode.UNKNOWN_OPERATION: Reason(
        "No installed plugin offers this operation any more.",
        "The plugin was removed, or ATLAS_LOAD_PLUGINS leaves it out, on every worker that lives.",
        "Install or load the plugin on the workers, and start the operation anew.",
    ),
    ReasonCode.EXTENSION: Reason(
        "A cause of the operation's own; `reasonDetail` names it.",
        "Whatever the plugin says in `reasonDetail`.",
        "See the plugin's documentation.",
    ),
    ReasonCode.UNKNOWN_ERROR: Reason(
        "An unexpected error; the log has the details under the run's id.",
        "A fault in Atlas or in a plugin.",
        "Find the run's id in the log, and report what stands there.",
    ),
}

NO_ENTRY = (
    ReasonCode.AUTHENTICATION_FAILED,
    ReasonCode.CREDENTIAL_EXPIRED,
    ReasonCode.CONSENT_MISSING,
    ReasonCode.BLOCKED_BY_POLICY,
    ReasonCode.TENANT_NOT_FOUND,
    ReasonCode.MISSING_CONFIGURATION,
)
"""Why a run did not get into the tenant at all: nothing there can be reached until somebody mends that.

An index of the runs has the same list: whoever changes it makes a migration."""

DESCRIPTIONS: dict[ReasonCode, str] = {code: reason.meaning for code, reason in REASONS.items()}
"""One public sentence for each reason code."""

PAGE = """# Reason codes

Every failure of a run, of an item of a run, and everything that a plan blocks has one of these codes
(`reasonCode`). The list only ever grows. An operation's own `code` and, for `EXTENSION`, `reasonDetail` stand
beside it. The same texts are in the API: `{ reasonCodes { code description cause advice } }`, and
what plugins say in `reasonDetail`: `{ reasonDetails { plugin name description } }`.

This page is made from `atlas_gql/reasons.py` by `python -m atlas_gql.reasons > docs/reason-codes.md`.
"""


def page() -> str:
    """`docs/reason-codes.md`."""
    return PAGE + "".join(
        f"\n## {code}\n\n{reason.meaning}\n\n- Likely cause: {reason.cause}\n- What to do: {reason.advice}\n"
        for code, reason in REASONS.items()
    )


if __name__ == "__main__":
    sys.stdout.write(page())
