"""Credentials say when they were rotated; a write credential may be another application's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("credentials", sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("providers", sa.Column("write_client_id", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_providers_write_client_id"),
        "providers",
        "write_client_id IS NULL OR write_credential_id IS NOT NULL",
    )
    op.drop_index(op.f("ix_providers_workspace_id"), table_name="providers")
    for columns in (["workspace_id", "id"], ["credential_id", "id"], ["write_credential_id", "id"]):
        op.create_index(op.f(f"ix_providers_{'_'.join(columns)}"), "providers", columns, unique=False)
