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
        """CREATE TABLE identities (
             issuer text NOT NULL,
             subject text NOT NULL,
             user_id uuid NOT NULL,
             created_at timestamptz NOT NULL DEFAULT now(),
             CONSTRAINT pk_identities PRIMARY KEY (issuer, subject),
             CONSTRAINT fk_identities_user_id FOREIGN KEY (user_id) REFERENCES users (id))""",
        "CREATE INDEX ix_identities_user_id ON identities (user_id)",
        """CREATE TABLE invitations (
             id uuid NOT NULL,
             workspace_id uuid NOT NULL,
             email text,
             issuer text,
             subject text,
             role text NOT NULL,
             tenant_ids uuid[],
             invited_by uuid,
             created_at timestamptz NOT NULL DEFAULT now(),
             expires_at timestamptz NOT NULL,
             accepted_at timestamptz,
             revoked_at timestamptz,
             CONSTRAINT pk_invitations PRIMARY KEY (id),
             CONSTRAINT fk_invitations_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
             CONSTRAINT fk_invitations_invited_by FOREIGN KEY (invited_by) REFERENCES users (id),
             CONSTRAINT ck_invitations_role CHECK (role IN ('owner', 'manager', 'operator', 'readonly')),
             CONSTRAINT ck_invitations_whom CHECK (
               CASE WHEN email IS NULL THEN issuer IS NOT NULL AND subject IS NOT NULL
                 ELSE issuer IS NULL AND subject IS NULL END),
             CONSTRAINT ck_invitations_tenant_ids CHECK (
               (role IN ('operator', 'readonly')) = (coalesce(cardinality(tenant_ids), 0) > 0)),
             CONSTRAINT ck_invitations_one_end CHECK (accepted_at IS NULL OR revoked_at IS NULL))""",
        "CREATE INDEX ix_invitations_workspace_id ON invitations (workspace_id, created_at DESC, id DESC)",
        "CREATE INDEX ix_invitations_open_email ON invitations (email)"
        " WHERE accepted_at IS NULL AND revoked_at IS NULL AND email IS NOT NULL",
        "CREATE INDEX ix_invitations_open_identity ON invitations (issuer, subject)"
        " WHERE accepted_at IS NULL AND revoked_at IS NULL AND subject IS NOT NULL",
        "GRANT SELECT, INSERT ON identities TO atlas_app",
        "GRANT SELECT, INSERT, UPDATE ON invitations TO atlas_app",
        "CREATE INDEX ix_audit_entries_platform ON audit_entries (created_at DESC, id DESC)"
        " WHERE workspace_id IS NULL OR starts_with(action, 'workspace.')",
    ):
        op.execute(statement)
