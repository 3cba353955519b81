"""Runs say in which transaction they last changed, and tell of it."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What a reader of the API sees of a run. A lease renewed and a bell rung again are no changes.
SEEN = (
    *("type", "status", "outcome", "target", "attempt", "reason", "request_id", "dedupe_hits"),
    *("created_at", "started_at", "finished_at", "cancel_requested_at"),
    *("total", "processed", "failed", "skipped"),
    *("failure_code", "failure_reason", "failure_detail", "failure_message", "result"),
    *("initiator_kind", "initiator_name", "subject_kind", "subject_id", "retry_of"),
)


def upgrade() -> None:
    old, new = (", ".join(f"{row}.{name}" for name in SEEN) for row in ("OLD", "NEW"))
    for statement in (
        # Rows of before stay without: no cursor is older than they are.
        "ALTER TABLE operation_runs ADD COLUMN changed_in xid8, ADD COLUMN ended_in xid8",
        "CREATE INDEX ix_operation_runs_workspace_id_ended_in ON operation_runs (workspace_id, ended_in)"
        " WHERE ended_in IS NOT NULL",
        """CREATE FUNCTION atlas_run_changed() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             NEW.changed_in := pg_current_xact_id();
             IF NEW.status = 'completed' THEN NEW.ended_in := NEW.changed_in; END IF;
             PERFORM pg_notify('atlas_runs', NEW.workspace_id || '/' || NEW.id);
             RETURN NEW;
           END $$""",
        """CREATE TRIGGER tells_that_it_is_new BEFORE INSERT ON operation_runs FOR EACH ROW
           EXECUTE FUNCTION atlas_run_changed()""",
        f"""CREATE TRIGGER tells_that_it_changed BEFORE UPDATE ON operation_runs FOR EACH ROW
           WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION atlas_run_changed()""",
        # The server and its timeline, the time, and which transactions have taken effect: stable, so that it
        # is the moment of the very statement that asks. After a restore from a copy, or a failover that lost
        # the newest commits, transactions are counted anew, and the timeline is another.
        """CREATE FUNCTION atlas_moment() RETURNS text LANGUAGE sql STABLE AS $$
           SELECT (SELECT system_identifier FROM pg_control_system())::text
             || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
             || '/' || extract(epoch FROM statement_timestamp())::bigint
             || '/' || pg_current_snapshot()
           $$""",
    ):
        op.execute(statement)
