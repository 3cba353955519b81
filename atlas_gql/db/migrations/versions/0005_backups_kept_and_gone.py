"""Backup sets are deleted, expire and are imported; tenants are purged, and their audit entries stay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _import_backup_sets()
    _let_go_of_deleted_sets()
    _keep_and_purge_tenants()
    _free_audit_entries()


def _import_backup_sets() -> None:
    op.add_column("backup_sets", sa.Column("source", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("backup_sets", sa.Column("archive_digest", sa.LargeBinary(), nullable=True))
    op.alter_column("backup_sets", "run_id", nullable=True)
    op.drop_constraint(op.f("ck_backup_sets_origin"), "backup_sets", type_="check")
    op.create_check_constraint(
        op.f("ck_backup_sets_origin"), "backup_sets", "origin IN ('requested', 'before_restore', 'imported')"
    )
    op.create_check_constraint(
        op.f("ck_backup_sets_imported"),
        "backup_sets",
        "CASE origin WHEN 'imported' THEN run_id IS NULL AND num_nonnulls(source, archive_digest) = 2"
        " ELSE run_id IS NOT NULL AND num_nonnulls(source, archive_digest) = 0 END",
    )
    op.create_unique_constraint(
        op.f("uq_backup_sets_tenant_id_archive_digest"), "backup_sets", ["tenant_id", "archive_digest"]
    )
    op.create_index(
        "ix_backup_sets_imported",
        "backup_sets",
        ["workspace_id"],
        unique=False,
        postgresql_where=sa.text("origin = 'imported'"),
    )


def _let_go_of_deleted_sets() -> None:
    op.alter_column("restore_runs", "backup_set_id", nullable=True)
    link = op.f("fk_restore_runs_backup_set_id_workspace_id")
    op.drop_constraint(link, "restore_runs", type_="foreignkey")
    op.create_foreign_key(
        link,
        "restore_runs",
        "backup_sets",
        ["backup_set_id", "workspace_id"],
        ["id", "workspace_id"],
        ondelete="SET NULL (backup_set_id)",
    )
    op.create_index(
        op.f("ix_restore_runs_source_tenant_id"), "restore_runs", ["source_tenant_id"], unique=False
    )


def _keep_and_purge_tenants() -> None:
    op.add_column("tenants", sa.Column("backup_keep_days", sa.Integer(), nullable=True))
    op.add_column("tenants", sa.Column("backup_keep_count", sa.Integer(), nullable=True))
    op.add_column("tenants", sa.Column("purge_started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tenants", sa.Column("purge", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    for name, condition in (
        ("backup_keep_days", "backup_keep_days >= 1"),
        ("backup_keep_count", "backup_keep_count >= 1"),
        ("purge", "(purge_started_at IS NULL) = (purge IS NULL)"),
        ("purged_is_archived", "purge IS NULL OR archived_at IS NOT NULL"),
    ):
        op.create_check_constraint(op.f(f"ck_tenants_{name}"), "tenants", condition)
    op.create_index(
        "ix_tenants_purge",
        "tenants",
        ["purge_started_at"],
        unique=False,
        postgresql_where=sa.text("purge IS NOT NULL"),
    )


def _free_audit_entries() -> None:
    """An entry outlives its tenant; that it begins with a tenant of its workspace is checked as before."""
    op.drop_constraint(op.f("fk_audit_entries_tenant_id_workspace_id"), "audit_entries", type_="foreignkey")
    for statement in (
        """CREATE FUNCTION atlas_audit_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             PERFORM FROM tenants WHERE id = NEW.tenant_id AND workspace_id = NEW.workspace_id;
             IF NOT FOUND THEN
               RAISE EXCEPTION 'an audit entry names a tenant that is not of its workspace'
                 USING ERRCODE = 'foreign_key_violation';
             END IF;
             RETURN NEW;
           END $$""",
        """CREATE TRIGGER of_its_workspace BEFORE INSERT ON audit_entries FOR EACH ROW
           WHEN (NEW.tenant_id IS NOT NULL) EXECUTE FUNCTION atlas_audit_tenant()""",
    ):
        op.execute(statement)
