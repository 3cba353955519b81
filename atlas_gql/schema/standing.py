"""How a tenant stands - its provider, its last whole backup - as SQL over what runs have left.

Plain SQL, with literal conditions: a partial index serves a statement only if its plan can see that it
fits, and a plan that is kept sees no parameters.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, DateTime, Text, literal_column
from sqlalchemy.dialects.postgresql import JSONB

from atlas_gql.db.tables.backups import WHOLE
from atlas_gql.db.tables.runs import NO_ENTRY_ENDED

# As a range, and in the order: so the index over the type is taken, whatever is known of how many there are.
_VERIFIES = "run.type BETWEEN 'providers.verify' AND 'providers.verify'"
# The newest verification with a report, and the newest run that did not get into the tenant; both since
# the provider is there with these credentials. A refusal counts until a run came further than it, and a
# report only from after the last refusal: what was ready before it need not be now.
_PROVIDER = """(
    SELECT {what}
    FROM providers AS provider
    CROSS JOIN LATERAL (
        SELECT greatest(provider.created_at, max(credential.rotated_at)) AS at
        FROM credentials AS credential
        WHERE credential.id IN (provider.credential_id, provider.write_credential_id)
    ) AS since
    LEFT JOIN LATERAL (
        SELECT run.finished_at, run.result FROM operation_runs AS run
        WHERE run.tenant_id = provider.tenant_id AND {verifies}
            AND run.status = 'completed' AND run.result IS NOT NULL
            AND run.created_at >= since.at
        ORDER BY run.type, run.created_at DESC, run.id DESC LIMIT 1
    ) AS verified ON true
    LEFT JOIN LATERAL (
        SELECT run.finished_at FROM operation_runs AS run
        WHERE run.tenant_id = provider.tenant_id AND {no_entry} AND NOT run.internal
            AND run.created_at >= since.at
        ORDER BY run.finished_at DESC LIMIT 1
    ) AS refused ON refused.finished_at > coalesce(verified.finished_at, '-infinity')
    LEFT JOIN LATERAL (
        SELECT true AS entered FROM operation_runs AS run
        WHERE run.tenant_id = provider.tenant_id AND run.created_at > refused.finished_at
            AND run.status = 'completed' AND run.processed > 0 AND NOT run.internal
        LIMIT 1
    ) AS later ON true
    WHERE provider.tenant_id = tenants.id
)"""
_CASE = """CASE
        WHEN later.entered THEN {0}
        WHEN refused.finished_at IS NOT NULL THEN {1}
        WHEN verified.finished_at IS NULL THEN {0}
        ELSE {2}
    END"""


def _provider(unknown: str, failing: str, verified: str) -> str:
    what = _CASE.format(unknown, failing, verified)
    return _PROVIDER.format(what=what, verifies=_VERIFIES, no_entry=NO_ENTRY_ENDED)


_STATUS = _provider("'not_verified'", "'failing'", "verified.result ->> 'health'")
PROVIDER_STATUS: ColumnElement[str] = literal_column(f"coalesce({_STATUS}, 'none')", Text())
PROVIDER_STATUS_AT: ColumnElement[object] = literal_column(
    _provider("NULL", "refused.finished_at", "verified.finished_at"), DateTime(timezone=True)
)
_NEWEST = """(
    SELECT run.{what} FROM operation_runs AS run
    WHERE run.tenant_id = tenants.id AND {verifies} AND run.status = 'completed'
        AND run.result IS NOT NULL
    ORDER BY run.type, run.created_at DESC, run.id DESC LIMIT 1
)"""
VERIFIED: ColumnElement[object] = literal_column(_NEWEST.format(what="result", verifies=_VERIFIES), JSONB())
VERIFIED_AT: ColumnElement[object] = literal_column(
    _NEWEST.format(what="finished_at", verifies=_VERIFIES), DateTime(timezone=True)
)

_LAST_BACKUP = """(
    SELECT max(whole.completed_at) FROM backup_sets AS whole
    WHERE whole.tenant_id = tenants.id AND {whole}
)"""
LAST_BACKUP_AT: ColumnElement[object] = literal_column(
    _LAST_BACKUP.format(whole=WHOLE), DateTime(timezone=True)
)
