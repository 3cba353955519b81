"""Indexes for how tenants stand: their last whole backup, and when nobody got in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_operation_runs_no_entry",
        "operation_runs",
        ["tenant_id", sa.literal_column("finished_at DESC")],
        unique=False,
        postgresql_where=sa.text(
            "status = 'completed' AND failure_reason IN ('AUTHENTICATION_FAILED', 'CREDENTIAL_EXPIRED',"
            " 'CONSENT_MISSING', 'BLOCKED_BY_POLICY', 'TENANT_NOT_FOUND', 'MISSING_CONFIGURATION')"
        ),
    )
    op.create_index(
        "ix_backup_sets_whole",
        "backup_sets",
        ["tenant_id", sa.literal_column("completed_at DESC")],
        unique=False,
        postgresql_where=sa.text("origin = 'requested' AND state = 'complete' AND policy_types IS NULL"),
    )
