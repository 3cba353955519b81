"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("operations", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("name", name=op.f("uq_workspaces_name")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("plane", sa.Text(), server_default=sa.text("'workspace'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("plane IN ('workspace', 'platform')", name=op.f("ck_api_tokens_plane")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_tokens_hash")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "credentials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('secret', 'certificate', 'federated')", name=op.f("ck_credentials_kind")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_credentials_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("id", "workspace_id", name=op.f("uq_credentials_id_workspace_id")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_credentials_workspace_id_name")),
    )
    op.create_table(
        "memberships",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'manager', 'member')", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_memberships_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("entra_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("primary_domain", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_tenants_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("id", "workspace_id", name=op.f("uq_tenants_id_workspace_id")),
        sa.UniqueConstraint(
            "workspace_id", "entra_tenant_id", name=op.f("uq_tenants_workspace_id_entra_tenant_id")
        ),
    )
    op.create_index(op.f("ix_tenants_workspace_id_id"), "tenants", ["workspace_id", "id"], unique=False)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("resource_kind", sa.Text(), nullable=True),
        sa.Column("resource_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_audit_entries_tenant_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_audit_entries_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("run_id", "action", name=op.f("uq_audit_entries_run_id_action")),
    )
    op.create_index(
        op.f("ix_audit_entries_tenant_id"),
        "audit_entries",
        ["tenant_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entries_tenant_id_action"),
        "audit_entries",
        ["tenant_id", "action", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entries_workspace_id"),
        "audit_entries",
        ["workspace_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "backup_contents",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "content", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_backup_contents_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "hash", name=op.f("pk_backup_contents")),
        sa.UniqueConstraint(
            "hash", "tenant_id", "workspace_id", name=op.f("uq_backup_contents_hash_tenant_id_workspace_id")
        ),
    )
    op.create_table(
        "backup_sets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'capturing'"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("restore_run_id", sa.Uuid(), nullable=True),
        sa.Column("policy_types", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("item_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("overlapped_write", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("origin IN ('requested', 'before_restore')", name=op.f("ck_backup_sets_origin")),
        sa.CheckConstraint(
            "state IN ('capturing', 'complete', 'partial', 'failed')", name=op.f("ck_backup_sets_state")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_backup_sets_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_sets")),
        sa.UniqueConstraint(
            "id", "tenant_id", "workspace_id", name=op.f("uq_backup_sets_id_tenant_id_workspace_id")
        ),
        sa.UniqueConstraint("id", "workspace_id", name=op.f("uq_backup_sets_id_workspace_id")),
    )
    op.create_index(op.f("ix_backup_sets_run_id"), "backup_sets", ["run_id"], unique=False)
    op.create_index(
        op.f("ix_backup_sets_tenant_id"),
        "backup_sets",
        ["tenant_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "operation_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column(
            "input", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("processed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("initiator_kind", sa.Text(), nullable=False),
        sa.Column("initiator_id", sa.Uuid(), nullable=True),
        sa.Column("initiator_name", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("audit", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("alone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispatch_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispatches", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dedupe_hits", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'completed') = (finished_at IS NOT NULL)",
            name=op.f("ck_operation_runs_finished_when_completed"),
        ),
        sa.CheckConstraint(
            "(status = 'completed') = (outcome <> 'pending')",
            name=op.f("ck_operation_runs_outcome_when_completed"),
        ),
        sa.CheckConstraint(
            "(status = 'queued') = (dispatch_after IS NOT NULL)",
            name=op.f("ck_operation_runs_dispatch_while_queued"),
        ),
        sa.CheckConstraint(
            "(status = 'running') = (lease_until IS NOT NULL)",
            name=op.f("ck_operation_runs_lease_while_running"),
        ),
        sa.CheckConstraint(
            "outcome IN ('pending', 'succeeded', 'partially_succeeded', 'failed', 'cancelled')",
            name=op.f("ck_operation_runs_outcome"),
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed')", name=op.f("ck_operation_runs_status")
        ),
        sa.CheckConstraint("attempt >= 0 AND crashes >= 0", name=op.f("ck_operation_runs_attempt")),
        sa.CheckConstraint(
            "processed >= 0 AND failed >= 0 AND skipped >= 0 AND (processed + failed = 0 OR total IS NOT NULL AND processed + failed <= total)",
            name=op.f("ck_operation_runs_counters"),
        ),
        sa.ForeignKeyConstraint(
            ["retry_of", "tenant_id", "workspace_id"],
            ["operation_runs.id", "operation_runs.tenant_id", "operation_runs.workspace_id"],
            name=op.f("fk_operation_runs_retry_of_tenant_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_operation_runs_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_runs")),
        sa.UniqueConstraint(
            "id", "tenant_id", "workspace_id", name=op.f("uq_operation_runs_id_tenant_id_workspace_id")
        ),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        op.f("ix_operation_runs_retry_of"),
        "operation_runs",
        ["retry_of", sa.literal_column("created_at DESC")],
        unique=False,
        postgresql_where=sa.text("retry_of IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_operation_runs_tenant_id"),
        "operation_runs",
        ["tenant_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        op.f("ix_operation_runs_tenant_id_outcome"),
        "operation_runs",
        ["tenant_id", "outcome", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        op.f("ix_operation_runs_tenant_id_status"),
        "operation_runs",
        ["tenant_id", "status", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        op.f("ix_operation_runs_tenant_id_subject_id"),
        "operation_runs",
        ["tenant_id", "subject_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        op.f("ix_operation_runs_tenant_id_type"),
        "operation_runs",
        ["tenant_id", "type", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operation_runs_unfinished",
        "operation_runs",
        ["status", "dispatch_after"],
        unique=False,
        postgresql_where=sa.text("status <> 'completed'"),
    )
    op.create_index(
        op.f("ix_operation_runs_workspace_id"),
        "operation_runs",
        ["workspace_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operation_runs_writing",
        "operation_runs",
        ["tenant_id", "finished_at"],
        unique=False,
        postgresql_where=sa.text("writes"),
    )
    op.create_index(
        "uq_operation_runs_active",
        "operation_runs",
        ["tenant_id", "type", "target"],
        unique=True,
        postgresql_where=sa.text("status <> 'completed'"),
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("policy_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_policies_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint(
            "tenant_id",
            "policy_type",
            "external_id",
            name=op.f("uq_policies_tenant_id_policy_type_external_id"),
        ),
    )
    op.create_index(
        op.f("ix_policies_tenant_id_name_id"), "policies", ["tenant_id", "name", "id"], unique=False
    )
    op.create_index(
        op.f("ix_policies_tenant_id_policy_type_name_id"),
        "policies",
        ["tenant_id", "policy_type", "name", "id"],
        unique=False,
    )
    op.create_table(
        "providers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("write_credential_id", sa.Uuid(), nullable=True),
        sa.Column("writes_enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "cloud IN ('global', 'us_government', 'us_government_dod', 'china', 'simulator')",
            name=op.f("ck_providers_cloud"),
        ),
        sa.ForeignKeyConstraint(
            ["credential_id", "workspace_id"],
            ["credentials.id", "credentials.workspace_id"],
            name=op.f("fk_providers_credential_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_providers_tenant_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["write_credential_id", "workspace_id"],
            ["credentials.id", "credentials.workspace_id"],
            name=op.f("fk_providers_write_credential_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("tenant_id", name=op.f("uq_providers_tenant_id")),
    )
    op.create_index(op.f("ix_providers_workspace_id"), "providers", ["workspace_id"], unique=False)
    op.create_table(
        "tenant_grants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('operator', 'readonly')", name=op.f("ck_tenant_grants_role")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_tenant_grants_tenant_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "user_id"],
            ["memberships.workspace_id", "memberships.user_id"],
            name=op.f("fk_tenant_grants_workspace_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_tenant_grants")),
    )
    op.create_index(
        op.f("ix_tenant_grants_user_id_workspace_id"),
        "tenant_grants",
        ["user_id", "workspace_id"],
        unique=False,
    )
    op.create_table(
        "backup_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("backup_set_id", sa.Uuid(), nullable=False),
        sa.Column("policy_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("assignments_state", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=True),
        sa.Column("assignment_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "assignments_state IN ('fetched', 'failed', 'unsupported')",
            name=op.f("ck_backup_items_assignments_state"),
        ),
        sa.ForeignKeyConstraint(
            ["backup_set_id", "tenant_id", "workspace_id"],
            ["backup_sets.id", "backup_sets.tenant_id", "backup_sets.workspace_id"],
            name=op.f("fk_backup_items_backup_set_id_tenant_id_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["content_hash", "tenant_id", "workspace_id"],
            ["backup_contents.hash", "backup_contents.tenant_id", "backup_contents.workspace_id"],
            name=op.f("fk_backup_items_content_hash_tenant_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_backup_items_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_items")),
        sa.UniqueConstraint(
            "backup_set_id",
            "policy_type",
            "external_id",
            name=op.f("uq_backup_items_backup_set_id_policy_type_external_id"),
        ),
    )
    op.create_index(
        op.f("ix_backup_items_backup_set_id_id"), "backup_items", ["backup_set_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_backup_items_tenant_id_content_hash"),
        "backup_items",
        ["tenant_id", "content_hash"],
        unique=False,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("mutation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id", "tenant_id", "workspace_id"],
            ["operation_runs.id", "operation_runs.tenant_id", "operation_runs.workspace_id"],
            name=op.f("fk_idempotency_keys_run_id_tenant_id_workspace_id"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_idempotency_keys_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "mutation", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_run_id"), "idempotency_keys", ["run_id"], unique=False)
    op.create_table(
        "restore_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("backup_set_id", sa.Uuid(), nullable=False),
        sa.Column("source_tenant_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'planning'"), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column(
            "options", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "mappings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "summary", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("plan_digest", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'planned') = (plan_digest IS NOT NULL AND expires_at IS NOT NULL)",
            name=op.f("ck_restore_runs_digest"),
        ),
        sa.CheckConstraint("mode IN ('replace', 'merge')", name=op.f("ck_restore_runs_mode")),
        sa.CheckConstraint("state IN ('planning', 'planned', 'failed')", name=op.f("ck_restore_runs_state")),
        sa.ForeignKeyConstraint(
            ["backup_set_id", "workspace_id"],
            ["backup_sets.id", "backup_sets.workspace_id"],
            name=op.f("fk_restore_runs_backup_set_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["source_tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_restore_runs_source_tenant_id_workspace_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_restore_runs_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restore_runs")),
        sa.UniqueConstraint(
            "id", "tenant_id", "workspace_id", name=op.f("uq_restore_runs_id_tenant_id_workspace_id")
        ),
    )
    op.create_index(op.f("ix_restore_runs_backup_set_id"), "restore_runs", ["backup_set_id"], unique=False)
    op.create_index(
        op.f("ix_restore_runs_tenant_id"),
        "restore_runs",
        ["tenant_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "run_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("graph_request_id", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'intent') = (finished_at IS NULL)", name=op.f("ck_run_items_finished_when_final")
        ),
        sa.CheckConstraint(
            "state IN ('intent', 'succeeded', 'failed', 'skipped')", name=op.f("ck_run_items_state")
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "tenant_id", "workspace_id"],
            ["operation_runs.id", "operation_runs.tenant_id", "operation_runs.workspace_id"],
            name=op.f("fk_run_items_run_id_tenant_id_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_run_items_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_items")),
        sa.UniqueConstraint("run_id", "key", name=op.f("uq_run_items_run_id_key")),
    )
    op.create_index(op.f("ix_run_items_run_id_id"), "run_items", ["run_id", "id"], unique=False)
    op.create_index(
        op.f("ix_run_items_run_id_state_id"), "run_items", ["run_id", "state", "id"], unique=False
    )
    op.create_table(
        "restore_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("restore_run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("policy_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("assignments_state", sa.Text(), nullable=False),
        sa.Column("source", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("target_id", sa.Text(), nullable=True),
        sa.Column("target_name", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("matched_by", sa.Text(), nullable=True),
        sa.Column("blocked_reason", sa.Text(), nullable=True),
        sa.Column("blocked_message", sa.Text(), nullable=True),
        sa.Column("base_hash", sa.Text(), nullable=True),
        sa.Column("base", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("desired", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "changes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(action = 'blocked') = (blocked_reason IS NOT NULL)", name=op.f("ck_restore_items_blocked")
        ),
        sa.CheckConstraint(
            "action <> 'write' OR target_id IS NOT NULL AND base_hash IS NOT NULL",
            name=op.f("ck_restore_items_write"),
        ),
        sa.CheckConstraint(
            "action IN ('pending', 'write', 'none', 'blocked')", name=op.f("ck_restore_items_action")
        ),
        sa.ForeignKeyConstraint(
            ["restore_run_id", "tenant_id", "workspace_id"],
            ["restore_runs.id", "restore_runs.tenant_id", "restore_runs.workspace_id"],
            name=op.f("fk_restore_items_restore_run_id_tenant_id_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "workspace_id"],
            ["tenants.id", "tenants.workspace_id"],
            name=op.f("fk_restore_items_tenant_id_workspace_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restore_items")),
        sa.UniqueConstraint(
            "id", "tenant_id", "workspace_id", name=op.f("uq_restore_items_id_tenant_id_workspace_id")
        ),
        sa.UniqueConstraint(
            "restore_run_id", "position", name=op.f("uq_restore_items_restore_run_id_position")
        ),
    )
    op.create_index(
        op.f("ix_restore_items_restore_run_id_action_position"),
        "restore_items",
        ["restore_run_id", "action", "position"],
        unique=False,
    )
    _make_huey_tables()
    _make_defences()


def _make_huey_tables() -> None:
    """Huey's own tables, as its PostgreSQL storage makes them: the application may not."""
    for statement in (
        "CREATE TABLE huey_kv (queue text NOT NULL, key text NOT NULL, value bytea NOT NULL,"
        " PRIMARY KEY (queue, key))",
        "CREATE TABLE huey_schedule (id bigserial PRIMARY KEY, queue text NOT NULL, data bytea NOT NULL,"
        " timestamp double precision NOT NULL)",
        "CREATE INDEX huey_schedule_queue_timestamp ON huey_schedule (queue, timestamp)",
        "CREATE TABLE huey_task (id bigserial PRIMARY KEY, queue text NOT NULL, data bytea NOT NULL,"
        " priority double precision NOT NULL DEFAULT 0.0)",
        "CREATE INDEX huey_task_queue_priority_id ON huey_task (queue, priority DESC, id)",
        "CREATE TABLE huey_counter (queue text NOT NULL, key text NOT NULL, value bigint NOT NULL DEFAULT 0,"
        " PRIMARY KEY (queue, key))",
    ):
        op.execute(statement)


def _make_defences() -> None:
    """What the database refuses, whatever the application does."""
    for statement in (
        """CREATE FUNCTION atlas_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$""",
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW
           EXECUTE FUNCTION atlas_refuse('audit entries cannot be changed or deleted')""",
        """CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT
           EXECUTE FUNCTION atlas_refuse('audit entries cannot be truncated')""",
        """CREATE TRIGGER terminal_is_final BEFORE UPDATE ON operation_runs FOR EACH ROW
           WHEN (OLD.status = 'completed')
           EXECUTE FUNCTION atlas_refuse('a completed run does not change')""",
        "GRANT USAGE ON SCHEMA public TO atlas_app",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO atlas_app",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO atlas_app",
        "REVOKE UPDATE, DELETE ON audit_entries FROM atlas_app",
        "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM atlas_app",
    ):
        op.execute(statement)
