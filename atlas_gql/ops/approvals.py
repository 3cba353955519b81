"""Requests for a second administrator's approval: a restore sends the code of the one it finds open.

Source: https://learn.microsoft.com/intune/fundamentals/role-based-access-control/multi-admin-approval-graph-api
(read 2026-11-23): the approved call is sent again as it was, with the code of the request in a header.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import text

from atlas_gql.db.database import ScopedDatabase
from atlas_gql.graph import APPROVAL_REQUEST

# A request lives for 30 days. Of several for one change the newest counts.
_FILED = text(
    """
    SELECT data->>'policy' AS policy, data->>'desired' AS desired, detail
    FROM run_items
    WHERE tenant_id = :tenant_id AND reason = 'APPROVAL_REQUIRED'
        AND finished_at > clock_timestamp() - interval '30 days' AND data ? 'policy'
    ORDER BY finished_at
    """
)


async def filed(database: ScopedDatabase, tenant_id: UUID) -> Mapping[str, Mapping[str, str]]:
    """The codes of the requests that restores of the tenant were answered with, of late: by the policy's
    key, and by the fingerprint of what it was to be assigned to."""
    found: dict[str, dict[str, str]] = {}
    for row in await database.fetch(_FILED, tenant_id=tenant_id):
        code = (row.detail or "").removeprefix(APPROVAL_REQUEST)
        if code != row.detail and code:
            found.setdefault(row.policy, {})[row.desired] = code
    return found
