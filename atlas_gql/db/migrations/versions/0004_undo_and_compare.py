"""Plans that undo an execution, comparisons, and what a tenant holds beside the backup."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "restore_runs",
        sa.Column("purpose", sa.Text(), server_default=sa.text("'restore'"), nullable=False),
    )
    op.add_column("restore_runs", sa.Column("against_set_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_restore_runs_against_set_id_tenant_id_workspace_id"),
        "restore_runs",
        "backup_sets",
        ["against_set_id", "tenant_id", "workspace_id"],
        ["id", "tenant_id", "workspace_id"],
        ondelete="SET NULL (against_set_id)",
    )
    op.create_check_constraint(
        op.f("ck_restore_runs_purpose"), "restore_runs", "purpose IN ('restore', 'undo', 'compare')"
    )
    op.create_index(op.f("ix_restore_runs_against_set_id"), "restore_runs", ["against_set_id"], unique=False)
    op.add_column(
        "restore_items",
        sa.Column("left_behind", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    for column in ("source_id", "source_name", "assignments_state"):
        op.alter_column("restore_items", column, nullable=True)
    op.drop_constraint(op.f("ck_restore_items_action"), "restore_items", type_="check")
    op.create_check_constraint(
        op.f("ck_restore_items_action"),
        "restore_items",
        "action IN ('pending', 'write', 'none', 'blocked', 'not_in_backup')",
    )
    op.create_check_constraint(
        op.f("ck_restore_items_source"),
        "restore_items",
        "CASE WHEN action = 'not_in_backup'"
        " THEN num_nulls(source_id, source_name, assignments_state) = 3"
        " AND num_nonnulls(target_id, target_name) = 2"
        " ELSE num_nulls(source_id, source_name, assignments_state) = 0 END",
    )
