"""Multi Admin Approval: protected writes are held until a second administrator agrees.

https://learn.microsoft.com/intune/fundamentals/role-based-access-control/multi-admin-approval-graph-api
(read 2026-11-23)
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from atlas_gql.simulator import query
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import Refused, intune_bad_request, no_route, no_such_segment, not_found
from atlas_gql.simulator.kind import Kind, words
from atlas_gql.simulator.pages import paged
from atlas_gql.simulator.permissions import require_intune
from atlas_gql.simulator.state import Collection, Entity, Tenant
from atlas_gql.simulator.table import APPROVAL_POLICIES, APPROVAL_ROLES

JUSTIFICATION = "x-msft-approval-justification"
CODE = "x-msft-approval-code"
LONGEST = 1024
"""How many characters a justification may have."""
LIFE = 30 * 86400
"""Seconds until a request that was not completed expires."""
OPEN = ("needsApproval", "approved")
DECISIONS = ("needsApproval", "approved", "rejected", "cancelled")


@dataclass(kw_only=True)
class Approval:
    """A request for approval, and the very call that it is for."""

    code: str
    type: str
    call: tuple[str, str, str, Any]
    """Method, path, query and parsed body: what has to be sent again."""
    resource: str
    """The id of the policy."""
    justification: str
    requested: float
    status: str = "needsApproval"

    def at(self, now: float) -> str:
        """The status, which also the time changes."""
        return "expired" if self.status in OPEN and now > self.requested + LIFE else self.status

    def document(self, now: float) -> dict[str, Any]:
        return {
            "@odata.type": "#microsoft.graph.operationApprovalRequest",
            "id": self.code,
            "requestDateTime": _date(self.requested),
            "expirationDateTime": _date(self.requested + LIFE),
            "status": self.at(now),
            "requestJustification": self.justification,
            "requiredOperationApprovalPolicyTypes": [self.type],
            "payloadId": self.resource,
            "payloadOperation": "Assign",
        }


def demand(call: Call, kind: Kind, policy_id: str, tenant: Tenant) -> None:
    """Pass a write that needs no approval, or has it. Raises Refused, after filing a request if asked."""
    if kind.approval not in call.habits.protected:
        return
    if CODE in call.headers:
        _complete(call, tenant)
        return
    justification = _justification(call)
    held = [a for a in tenant.approvals.values() if a.resource == policy_id and a.at(call.now) in OPEN]
    if held:
        raise Refused(409, "Conflict", "An active Approval Request already exists.", nested=True)
    code = str(uuid.uuid5(uuid.UUID(tenant.id), f"approval {len(tenant.approvals)}"))
    approval = Approval(
        code=code,
        type=kind.approval,
        call=_identity(call),
        resource=policy_id,
        justification=justification,
        requested=call.now,
    )
    tenant.approvals[code] = approval
    raise _filed(call, code)


def answer_approvals(call: Call, tenant: Tenant) -> Answer:
    """The answer to a read of what is protected, or of the requests. Raises Refused."""
    require_intune(call, (APPROVAL_ROLES,))
    if call.version != "beta":
        raise no_such_segment(call.segments[1])
    path = "/".join(call.segments[:2])
    entities = _policies(call, tenant) if path == APPROVAL_POLICIES else _requests(call, tenant)
    context = f"{call.base}/beta/$metadata#{path}"
    match call.method, *call.segments[2:]:
        case ["GET"]:
            given = query.options(call, ("$top", "$filter", "$select", "$skiptoken"))
            names = query.selected(given, _PROPERTIES, "microsoft.graph.entity")
            found = Collection(entities, name_field="status")
            return paged(
                call,
                given,
                found,
                lambda e: query.chosen(e.document, names),
                context,
                1000,
                name_field="status",
            )
        case ["GET", key]:
            query.options(call, ())
            entity = next((e for e in entities if e.id == key), None)
            if entity is None:
                raise not_found(f"The resource '{key}' was not found.")
            return Answer(body={"@odata.context": f"{context}/$entity", **entity.document})
    raise no_route(call)


_PROPERTIES = words(
    "id displayName description policyType policyPlatform policySet approverGroupIds "
    "lastModifiedDateTime status requestDateTime expirationDateTime requestJustification "
    "payloadId payloadOperation requiredOperationApprovalPolicyTypes"
)


def _policies(call: Call, tenant: Tenant) -> list[Entity]:
    """An access policy per protected type, with an approver group that is not told of."""
    return [
        Entity(
            document={
                "id": str(uuid.uuid5(uuid.UUID(tenant.id), f"protected {name}")),
                "displayName": f"Second approval - {name}",
                "description": "",
                "lastModifiedDateTime": "2026-03-02T14:05:00Z",
                "policyType": name,
                "policyPlatform": "notApplicable",
                "policySet": {"policyType": name, "policyPlatform": "notApplicable"},
                "approverGroupIds": [str(uuid.uuid5(uuid.UUID(tenant.id), "approvers"))],
            }
        )
        for name in sorted(call.habits.protected)
    ]


def _requests(call: Call, tenant: Tenant) -> list[Entity]:
    return [Entity(document=approval.document(call.now)) for approval in tenant.approvals.values()]


def _complete(call: Call, tenant: Tenant) -> None:
    """Pass the call that was approved, and only once. Raises Refused."""
    approval = tenant.approvals.get(call.headers[CODE].strip().lower())
    if approval is None or approval.call != _identity(call):
        raise intune_bad_request(f"The '{CODE}' does not belong to this request.")
    status = approval.at(call.now)
    if status == "needsApproval":
        raise _filed(call, approval.code)
    if status != "approved":
        raise Refused(403, "Forbidden", f"The approval request is {status}.", nested=True)
    approval.status = "completed"


def _justification(call: Call) -> str:
    """The justification in the header, decoded. Raises Refused."""
    given = call.headers.get(JUSTIFICATION)
    if not given:
        text = f"Header '{JUSTIFICATION}' is required to request approval"
        status = call.habits.justificationStatus
        raise Refused(status, "BadRequest" if status == 400 else "Forbidden", text, nested=True)
    try:
        decoded = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise intune_bad_request(f"Header '{JUSTIFICATION}' must be base64 encoded.") from None
    if len(decoded) > LONGEST:
        raise intune_bad_request(
            f"Decoded content of '{JUSTIFICATION}' header must be no greater than {LONGEST} characters"
        )
    return decoded


def _filed(call: Call, code: str) -> Refused:
    status = call.habits.approvalStatus
    text = (
        "Approval Required. Request Approval using the request ID returned as part of the "
        f"{CODE} response header. {CODE}: {code}"
    )
    name = "BadRequest" if status == 412 else "ApprovalRequired"
    return Refused(status, name, text, nested=status == 412, headers={CODE: code})


def _identity(call: Call) -> tuple[str, str, str, Any]:
    return call.method, call.path, call.query, json.loads(call.content or b"null")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
