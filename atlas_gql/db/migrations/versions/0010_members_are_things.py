"""A membership has an id: members are things that clients name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Random ids, also for those that are there: a membership is found by its id, and never sorted by it.
    op.add_column(
        "memberships",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
    )
    op.create_unique_constraint(op.f("uq_memberships_id"), "memberships", ["id"])
