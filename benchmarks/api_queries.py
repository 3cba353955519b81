"""What is asked: three queries, and the one statement each that a hand-written endpoint would answer with."""

from __future__ import annotations

RUNS = """
query Runs($tenantId: ID!) {
  tenant(id: $tenantId) {
    runs(first: 50) {
      edges {
        cursor
        node {
          id uuid type status outcome target attempt reason requestId dedupeHits
          createdAt startedAt finishedAt cancelRequestedAt
          counters { total processed failed skipped }
          initiator { kind name }
        }
      }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
AUDIT = """
query Audit($tenantId: ID!) {
  tenant(id: $tenantId) {
    runs(first: 20) {
      nodes {
        id type status outcome createdAt
        auditEntries(first: 5) { nodes { id action outcome createdAt actor { kind name } } }
      }
    }
  }
}
"""
RUN = """
query Run($runId: ID!) {
  node(id: $runId) {
    ... on OperationRun { id type status outcome createdAt counters { total processed failed skipped } }
  }
}
"""

_ID = "translate(encode(convert_to('{kind}:' || {of}.id, 'UTF8'), 'base64'), E'\\n', '')"
_TIME = 'to_char({of}, \'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"\')'


def _id(kind: str, of: str) -> str:
    return _ID.format(kind=kind, of=of)


def _time(of: str) -> str:
    return _TIME.format(of=of)


_WHO = """
WITH who AS (
    SELECT m.workspace_id FROM api_tokens AS t JOIN users AS u ON u.id = t.user_id
    JOIN memberships AS m ON m.user_id = u.id
    WHERE t.hash = %(hash)s AND t.revoked_at IS NULL AND t.expires_at > now() AND u.disabled_at IS NULL
        AND m.role IN ('owner', 'manager')
)
"""
_COUNTERS = """
json_build_object('total', r.total, 'processed', r.processed, 'failed', r.failed, 'skipped', r.skipped)
"""
_PAGE = """
SELECT r.* FROM operation_runs AS r JOIN who USING (workspace_id)
WHERE r.tenant_id = %(id)s ORDER BY r.created_at DESC, r.id DESC LIMIT {limit}
"""
_CURSOR = (
    "translate(encode(convert_to(extract(epoch FROM r.created_at) || '/' || r.id, 'UTF8'), 'base64'),"
    " E'\\n', '')"
)

HAND_WRITTEN = {
    RUNS: f"""
{_WHO}, page AS ({_PAGE.format(limit=51)}), given AS (SELECT *, {_CURSOR} AS cursor FROM page AS r LIMIT 50)
SELECT json_build_object('data', json_build_object('tenant', json_build_object('runs', json_build_object(
    'edges', json_agg(json_build_object('cursor', cursor, 'node', json_build_object(
        'id', {_id("OperationRun", "r")}, 'uuid', r.id, 'type', r.type, 'status', upper(r.status),
        'outcome', upper(r.outcome), 'target', r.target, 'attempt', r.attempt, 'reason', r.reason,
        'requestId', r.request_id, 'dedupeHits', r.dedupe_hits, 'createdAt', {_time("r.created_at")},
        'startedAt', {_time("r.started_at")}, 'finishedAt', {_time("r.finished_at")},
        'cancelRequestedAt', {_time("r.cancel_requested_at")}, 'counters', {_COUNTERS},
        'initiator', json_build_object('kind', r.initiator_kind, 'name', r.initiator_name)
    )) ORDER BY r.created_at DESC, r.id DESC),
    'pageInfo', json_build_object('hasNextPage', (SELECT count(*) > 50 FROM page), 'hasPreviousPage', false,
        'startCursor', (array_agg(cursor ORDER BY r.created_at DESC, r.id DESC))[1],
        'endCursor', (array_agg(cursor ORDER BY r.created_at, r.id))[1])
))))::text FROM given AS r
""",
    AUDIT: f"""
{_WHO}, page AS ({_PAGE.format(limit=20)})
SELECT json_build_object('data', json_build_object('tenant', json_build_object('runs', json_build_object(
    'nodes', json_agg(json_build_object(
        'id', {_id("OperationRun", "r")}, 'type', r.type, 'status', upper(r.status),
        'outcome', upper(r.outcome), 'createdAt', {_time("r.created_at")},
        'auditEntries', json_build_object('nodes', entries.nodes)
    ) ORDER BY r.created_at DESC, r.id DESC)
))))::text FROM page AS r CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'id', {_id("AuditEntry", "a")}, 'action', a.action, 'outcome', a.outcome,
        'createdAt', {_time("a.created_at")},
        'actor', json_build_object('kind', a.actor_kind, 'name', a.actor_name)
    ) ORDER BY a.created_at DESC, a.id DESC) AS nodes
    FROM (SELECT * FROM audit_entries AS e WHERE e.tenant_id = r.tenant_id AND e.run_id = r.id
        ORDER BY e.created_at DESC, e.id DESC LIMIT 5) AS a
) AS entries
""",
    RUN: f"""
{_WHO}
SELECT json_build_object('data', json_build_object('node', json_build_object(
    'id', {_id("OperationRun", "r")}, 'type', r.type, 'status', upper(r.status),
    'outcome', upper(r.outcome), 'createdAt', {_time("r.created_at")}, 'counters', {_COUNTERS}
)))::text FROM operation_runs AS r JOIN who USING (workspace_id) WHERE r.id = %(id)s
""",
}
"""Query to the statement that answers it, once somebody has written it by hand."""
