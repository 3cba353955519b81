"""What a backup or a restore needs beside the policies: groups, filters, and who has to approve."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from atlas_gql.plugins import GraphClient, GraphError, OperationFailure, ReasonCode, grants_permission

_ONE = {"$top": "1", "$select": "id"}
_APPROVALS = "/beta/deviceManagement/operationApprovalPolicies"
_APPROVALS_TAKE = ("DeviceManagementConfiguration.Read.All", "DeviceManagementRBAC.Read.All")


@dataclass(frozen=True, kw_only=True)
class Other:
    """Something that is read beside the policies, and the permission that it takes."""

    subject: str
    label: str
    path: str
    permission: str

    async def probe(self, graph: GraphClient) -> GraphError | None:
        """Why it cannot be read; None when it can. One call."""
        try:
            await graph.get(self.path, _ONE)
        except GraphError as exc:
            return exc
        return None


OTHERS = (
    Other(
        subject="groups",
        label="Groups that assignments name",
        path="/v1.0/groups",
        permission="GroupMember.Read.All",
    ),
    Other(
        subject="assignmentFilters",
        label="Assignment filters",
        path="/beta/deviceManagement/assignmentFilters",
        permission="DeviceManagementConfiguration.Read.All",
    ),
)


async def approvals_of(graph: GraphClient, permissions: Collection[str]) -> tuple[str, ...]:
    """The kinds of change for which the tenant demands a second administrator, sorted.

    Raises OperationFailure when that cannot be read.
    """
    if not any(grants_permission(permissions, permission) for permission in _APPROVALS_TAKE):
        raise OperationFailure(
            "The application may not see which changes need a second administrator. Permission:"
            f" {_APPROVALS_TAKE[0]}.",
            reason=ReasonCode.PERMISSION_DENIED,
            code="approvals_unknown",
        )
    found: set[str] = set()
    async for page in graph.pages(_APPROVALS):
        rows = page.get("value")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise OperationFailure(
                "Microsoft's list of what needs a second administrator could not be understood.",
                reason=ReasonCode.INVALID_RESPONSE,
                code="approvals_unknown",
            )
        found.update(str(row["policyType"]) for row in rows if row.get("policyType"))
    return tuple(sorted(found))
