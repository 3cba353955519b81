"""Row-level security in migrations: what a new table needs so that the right ones see it.

    op.create_table("notes", ..., *tenant_columns())
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO atlas_app, atlas_engine")
    wall_off("notes", ("within_reach", "ALL", WITHIN_REACH), ("runs", "SELECT", OF_RUN))

Migrations that have run used what is here: it is added to, and never changed.
"""

from __future__ import annotations

from alembic import op

Policy = tuple[str, str, str]
"""Its name, the command it is for, and its condition."""

# Evaluated once for a statement, not for each row: that is what the inner selects are for.
MEMBERS = "workspace_id = ANY ((SELECT atlas_member_of())::uuid[])"
REACHES_ALL = "workspace_id = ANY ((SELECT atlas_reaches_all_of())::uuid[])"
GRANTED = "= ANY ((SELECT atlas_granted())::uuid[])"
ITS_TENANT = "(SELECT atlas_run_tenant())"
ITSELF = "(SELECT atlas_setting('atlas.run_id'))"
ME = "(SELECT atlas_setting('atlas.user_id'))"
WITHIN_REACH = f"{REACHES_ALL} OR tenant_id {GRANTED}"
OF_RUN = f"tenant_id = {ITS_TENANT}"
OF_SOURCE = "(SELECT atlas_run_source())"


def wall_off(table: str, *policies: Policy) -> None:
    """Nobody sees or changes a row but by these policies; the engine and the owner reach them all.

    PostgreSQL asks policies from the last name to the first, until one says yes: what most ask for should
    be asked first. Without a condition of its own, what is written is checked by that of what is seen.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for role in ("atlas_engine", "atlas_owner"):
        op.execute(f"CREATE POLICY {role} ON {table} TO {role} USING (true) WITH CHECK (true)")
    for name, command, condition in policies:
        clause = "WITH CHECK" if command == "INSERT" else "USING"
        op.execute(f"CREATE POLICY {name} ON {table} FOR {command} TO atlas_app {clause} ({condition})")
