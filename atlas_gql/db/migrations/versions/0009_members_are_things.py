"""Memberships and grants have ids: they are things that clients name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Random ids, also for those that are there: a row is found by its id, and never sorted by it.
    for table in ("memberships", "tenant_grants"):
        op.add_column(
            table,
            sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        )
        op.create_unique_constraint(op.f(f"uq_{table}_id"), table, ["id"])
