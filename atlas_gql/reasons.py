"""Why things fail: the closed list of reason codes.

The list is append-only. A client may switch on a code; an operation's own detail travels beside it
(`reasonDetail`) and never replaces it.
"""

from __future__ import annotations

from enum import StrEnum


class ReasonCode(StrEnum):
    """The normalised cause of a failure, the same for every operation."""

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


DESCRIPTIONS: dict[ReasonCode, str] = {
    ReasonCode.THROTTLED: "Microsoft asked us to slow down and kept asking until our patience ended.",
    ReasonCode.PERMISSION_DENIED: "The application lacks a Microsoft Graph permission or an Intune role.",
    ReasonCode.APPROVAL_REQUIRED: "The tenant wants a second administrator to approve this change.",
    ReasonCode.AUTHENTICATION_FAILED: "Microsoft refused the credential.",
    ReasonCode.CREDENTIAL_EXPIRED: "The client secret or certificate has expired.",
    ReasonCode.CONSENT_MISSING: "The tenant's administrator has not consented to the application.",
    ReasonCode.BLOCKED_BY_POLICY: "Conditional access in the tenant blocks the application.",
    ReasonCode.TENANT_NOT_FOUND: "No such Microsoft Entra tenant in this cloud.",
    ReasonCode.NOT_LICENSED: "The tenant lacks the licence that this feature needs.",
    ReasonCode.NOT_FOUND: "The thing is no longer there.",
    ReasonCode.CONFLICT: "The thing is in a state that forbids the change, or locked.",
    ReasonCode.INVALID_REQUEST: "Microsoft refused the request as malformed.",
    ReasonCode.INVALID_RESPONSE: "Microsoft's answer could not be understood.",
    ReasonCode.DEPENDENCY_UNREACHABLE: "Microsoft's service could not be reached, or is failing.",
    ReasonCode.TIMEOUT: "No answer came in time.",
    ReasonCode.UNRESOLVED_GROUP: "A group could not be found in the target tenant.",
    ReasonCode.AMBIGUOUS_GROUP: "Several groups of the target tenant bear the name.",
    ReasonCode.UNRESOLVED_FILTER: "An assignment filter could not be found in the target tenant.",
    ReasonCode.AMBIGUOUS_FILTER: "Several assignment filters of the target tenant bear the name.",
    ReasonCode.POLICY_NOT_FOUND: "The policy is not in the target tenant.",
    ReasonCode.AMBIGUOUS_POLICY: "Several policies of the target tenant bear the name.",
    ReasonCode.UNSUPPORTED: "Atlas does not write this kind of policy, target or assignment.",
    ReasonCode.WOULD_UNASSIGN: "Leaving out what could not be resolved would leave the policy unassigned.",
    ReasonCode.STALE_PLAN: "The policy's assignments changed after the plan was made.",
    ReasonCode.PLAN_EXPIRED: "The plan's life has ended; make a new one.",
    ReasonCode.WRITE_UNCERTAIN: "Whether the write took effect could not be found out.",
    ReasonCode.VERIFICATION_FAILED: "After the write, the tenant did not hold what was written.",
    ReasonCode.MISSING_CONFIGURATION: "The tenant has no usable provider, or writes are not enabled for it.",
    ReasonCode.INITIATOR_NOT_PERMITTED: "Whoever started the run no longer has the right to.",
    ReasonCode.TIME_LIMIT: "The run took longer than its operation may.",
    ReasonCode.WORKER_LOST: "The worker that carried the run was lost, too often to try again.",
    ReasonCode.CANCELLED: "Somebody cancelled it.",
    ReasonCode.UNKNOWN_OPERATION: "No installed plugin offers this operation any more.",
    ReasonCode.EXTENSION: "A cause of the operation's own; `reasonDetail` names it.",
    ReasonCode.UNKNOWN_ERROR: "An unexpected error; the log has the details under the run's id.",
}
"""One public sentence for each reason code."""
