"""An index for the requests for approval that a later restore sends again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_run_items_approvals",
        "run_items",
        ["tenant_id", "finished_at"],
        postgresql_where=sa.text("reason = 'APPROVAL_REQUIRED'"),
    )
