"""Tokens can be limited; the platform has an audit trail of its own."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in (
        """ALTER TABLE api_tokens
             ADD COLUMN workspace_id uuid,
             ADD COLUMN capabilities text[],
             ADD COLUMN tenant_ids uuid[],
             ADD COLUMN made_with uuid,
             ADD CONSTRAINT fk_api_tokens_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
             ADD CONSTRAINT uq_api_tokens_id_user_id UNIQUE (id, user_id),
             ADD CONSTRAINT fk_api_tokens_made_with_user_id FOREIGN KEY (made_with, user_id)
               REFERENCES api_tokens (id, user_id),
             ADD CONSTRAINT ck_api_tokens_bounds_are_of_a_workspace CHECK (plane = 'workspace'
               OR (workspace_id IS NULL AND capabilities IS NULL AND tenant_ids IS NULL)),
             ADD CONSTRAINT ck_api_tokens_tenants_are_of_a_workspace
               CHECK (tenant_ids IS NULL OR workspace_id IS NOT NULL),
             ADD CONSTRAINT ck_api_tokens_capabilities CHECK (cardinality(capabilities) > 0),
             ADD CONSTRAINT ck_api_tokens_tenant_ids CHECK (cardinality(tenant_ids) > 0)""",
        "CREATE INDEX ix_api_tokens_workspace_id ON api_tokens (workspace_id)",
        "CREATE INDEX ix_api_tokens_made_with ON api_tokens (made_with)",
        "CREATE INDEX ix_audit_entries_platform ON audit_entries (created_at DESC, id DESC)"
        " WHERE workspace_id IS NULL OR starts_with(action, 'workspace.')",
    ):
        op.execute(statement)
