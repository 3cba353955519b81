"""What plugins keep, schedules, logs of runs, and runs that follow from others."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from atlas_gql.db.migrations.walls import ITSELF, MEMBERS, OF_RUN, REACHES_ALL, WITHIN_REACH, wall_off

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ENDED = "coalesce(finished_at, '9999-12-31 00:00:00+00'::timestamptz) DESC"
TENANT = """tenant_id uuid NOT NULL,
             workspace_id uuid NOT NULL"""


def owned(table: str) -> str:
    return f"""CONSTRAINT fk_{table}_tenant_id_workspace_id FOREIGN KEY (tenant_id, workspace_id)
               REFERENCES tenants (id, workspace_id)"""


def of_run(table: str) -> str:
    return f"""CONSTRAINT fk_{table}_run_id_tenant_id_workspace_id
               FOREIGN KEY (run_id, tenant_id, workspace_id)
               REFERENCES operation_runs (id, tenant_id, workspace_id) ON DELETE CASCADE"""


def upgrade() -> None:
    for statement in (*_SETTINGS, *_DOCUMENTS, *_SCHEDULES, *_RUNS):
        op.execute(statement)
    _index_internal_runs()
    # A run is given what is set of its plugin for the installation; nobody else needs to see that here.
    wall_off("plugin_settings", ("runs", "SELECT", "(SELECT atlas_run_tenant()) IS NOT NULL"))
    wall_off("plugin_tenant_settings", ("within_reach", "ALL", WITHIN_REACH), ("runs", "SELECT", OF_RUN))
    wall_off("plugin_documents", ("within_reach", "SELECT", WITHIN_REACH), ("runs", "ALL", OF_RUN))
    wall_off("schedules", ("within_reach", "ALL", REACHES_ALL), ("members", "SELECT", MEMBERS))
    wall_off(
        "run_log",
        ("within_reach", "SELECT", WITHIN_REACH),
        ("runs", "SELECT", OF_RUN),
        ("adding", "INSERT", f"run_id = {ITSELF} AND {OF_RUN}"),
    )
    wall_off("run_ends")
    wall_off("listeners")


def _index_internal_runs() -> None:
    """They are few among all runs, or many: lists of the others pass them over, lists of them find them."""
    for column, other in (("tenant_id", "workspace_id"), ("workspace_id", "tenant_id")):
        newest: list[Any] = [column, sa.text("created_at DESC"), sa.text("id DESC")]
        op.drop_index(f"ix_operation_runs_{column}", table_name="operation_runs")
        op.create_index(
            f"ix_operation_runs_{column}", "operation_runs", newest, postgresql_include=[other, "internal"]
        )
        ended: list[Any] = [column, sa.text(ENDED), sa.text("id DESC")]
        for name, columns in (("internal", newest), ("internal_ended", ended)):
            op.create_index(
                f"ix_operation_runs_{column}_{name}",
                "operation_runs",
                columns,
                postgresql_where=sa.text("internal"),
            )


_SETTINGS = (
    """CREATE TABLE plugin_settings (
         id uuid NOT NULL,
         plugin text NOT NULL,
         data jsonb NOT NULL DEFAULT '{}',
         secrets text[] NOT NULL DEFAULT '{}',
         sealed bytea,
         key_id text,
         created_at timestamptz NOT NULL DEFAULT now(),
         changed_at timestamptz,
         CONSTRAINT pk_plugin_settings PRIMARY KEY (plugin),
         CONSTRAINT ck_plugin_settings_sealed_with_key
           CHECK ((sealed IS NULL) = (key_id IS NULL) AND (sealed IS NULL) = (secrets = '{}')))""",
    "GRANT SELECT ON plugin_settings TO atlas_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON plugin_settings TO atlas_engine",
    f"""CREATE TABLE plugin_tenant_settings (
         id uuid NOT NULL,
         {TENANT},
         plugin text NOT NULL,
         data jsonb NOT NULL DEFAULT '{{}}',
         secrets text[] NOT NULL DEFAULT '{{}}',
         sealed bytea,
         key_id text,
         created_at timestamptz NOT NULL DEFAULT now(),
         changed_at timestamptz,
         {owned("plugin_tenant_settings")},
         CONSTRAINT pk_plugin_tenant_settings PRIMARY KEY (tenant_id, plugin),
         CONSTRAINT ck_plugin_tenant_settings_sealed_with_key
           CHECK ((sealed IS NULL) = (key_id IS NULL) AND (sealed IS NULL) = (secrets = '{{}}')))""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON plugin_tenant_settings TO atlas_app, atlas_engine",
)

_DOCUMENTS = (
    f"""CREATE TABLE plugin_documents (
         {TENANT},
         plugin text NOT NULL,
         key text NOT NULL,
         body jsonb NOT NULL DEFAULT 'null',
         created_at timestamptz NOT NULL DEFAULT now(),
         changed_at timestamptz,
         {owned("plugin_documents")},
         CONSTRAINT pk_plugin_documents PRIMARY KEY (tenant_id, plugin, key))""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON plugin_documents TO atlas_app, atlas_engine",
)

_SCHEDULES = (
    """CREATE TABLE schedules (
         id uuid NOT NULL,
         workspace_id uuid NOT NULL,
         name text NOT NULL,
         operation_type text NOT NULL,
         input jsonb NOT NULL DEFAULT '{}',
         asked_input jsonb NOT NULL DEFAULT '{}',
         cron text NOT NULL,
         time_zone text NOT NULL,
         jitter_seconds integer NOT NULL DEFAULT 0,
         tenant_ids uuid[],
         owner_id uuid NOT NULL,
         token_id uuid,
         enabled boolean NOT NULL DEFAULT true,
         disabled_reason text,
         next_at timestamptz,
         last_tick jsonb,
         created_at timestamptz NOT NULL DEFAULT now(),
         changed_at timestamptz,
         deleted_at timestamptz,
         CONSTRAINT pk_schedules PRIMARY KEY (id),
         CONSTRAINT fk_schedules_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
         CONSTRAINT fk_schedules_owner_id FOREIGN KEY (owner_id) REFERENCES users (id),
         CONSTRAINT uq_schedules_id_workspace_id UNIQUE (id, workspace_id),
         CONSTRAINT ck_schedules_next_while_enabled CHECK ((next_at IS NOT NULL) = enabled),
         CONSTRAINT ck_schedules_reason_while_disabled CHECK (NOT (enabled AND disabled_reason IS NOT NULL)),
         CONSTRAINT ck_schedules_disabled_when_deleted CHECK (NOT (enabled AND deleted_at IS NOT NULL)),
         CONSTRAINT ck_schedules_jitter_seconds CHECK (jitter_seconds BETWEEN 0 AND 86400))""",
    "CREATE UNIQUE INDEX uq_schedules_workspace_id_name ON schedules (workspace_id, name)"
    " WHERE deleted_at IS NULL",
    "CREATE INDEX ix_schedules_next_at ON schedules (next_at) WHERE enabled",
    "CREATE INDEX ix_schedules_owner_id ON schedules (owner_id)",
    "CREATE INDEX ix_schedules_workspace_id_id ON schedules (workspace_id, id)",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON schedules TO atlas_app, atlas_engine",
)

_RUNS = (
    """ALTER TABLE operation_runs
         ADD COLUMN parent_run_id uuid,
         ADD COLUMN schedule_id uuid,
         ADD COLUMN internal boolean NOT NULL DEFAULT false,
         ADD CONSTRAINT fk_operation_runs_parent_run_id_tenant_id_workspace_id
           FOREIGN KEY (parent_run_id, tenant_id, workspace_id)
           REFERENCES operation_runs (id, tenant_id, workspace_id),
         ADD CONSTRAINT fk_operation_runs_schedule_id_workspace_id
           FOREIGN KEY (schedule_id, workspace_id) REFERENCES schedules (id, workspace_id)""",
    "CREATE INDEX ix_operation_runs_parent_run_id ON operation_runs"
    " (parent_run_id, created_at DESC, id DESC) WHERE parent_run_id IS NOT NULL",
    "CREATE INDEX ix_operation_runs_schedule_id ON operation_runs"
    " (schedule_id, created_at DESC, id DESC) WHERE schedule_id IS NOT NULL",
    f"""CREATE TABLE run_log (
         id uuid NOT NULL,
         {TENANT},
         run_id uuid NOT NULL,
         attempt integer NOT NULL,
         event text NOT NULL,
         data jsonb NOT NULL DEFAULT '{{}}',
         created_at timestamptz NOT NULL DEFAULT now(),
         {owned("run_log")},
         {of_run("run_log")},
         CONSTRAINT pk_run_log PRIMARY KEY (id))""",
    "CREATE INDEX ix_run_log_run_id_id ON run_log (run_id, id)",
    "GRANT SELECT, INSERT ON run_log TO atlas_app, atlas_engine",
    f"""CREATE TABLE run_ends (
         {TENANT},
         run_id uuid NOT NULL,
         created_at timestamptz NOT NULL DEFAULT now(),
         {owned("run_ends")},
         {of_run("run_ends")},
         CONSTRAINT pk_run_ends PRIMARY KEY (run_id))""",
    "CREATE INDEX ix_run_ends_created_at ON run_ends (created_at)",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON run_ends TO atlas_engine",
    """CREATE TABLE listeners (
         type text NOT NULL,
         types text[] NOT NULL,
         where_set boolean NOT NULL DEFAULT false,
         seen_at timestamptz NOT NULL,
         CONSTRAINT pk_listeners PRIMARY KEY (type))""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON listeners TO atlas_engine",
)
