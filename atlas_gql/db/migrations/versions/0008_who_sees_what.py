"""Row-level security: who sees and changes which rows, whatever the application forgets to ask for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from atlas_gql.db.migrations.walls import (
    GRANTED,
    ITS_TENANT,
    ITSELF,
    ME,
    MEMBERS,
    OF_RUN,
    OF_SOURCE,
    REACHES_ALL,
    WITHIN_REACH,
    Policy,
    wall_off,
)

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# By table: the policies, each with its command and its condition. What is not here is for the engine alone.
POLICIES: dict[str, tuple[Policy, ...]] = {
    "workspaces": (("members", "SELECT", "id = ANY ((SELECT atlas_member_of())::uuid[])"),),
    "users": (
        ("themselves", "SELECT", f"id = {ME}"),
        # Memberships are seen as their own policies have it.
        ("fellows", "SELECT", "EXISTS (SELECT FROM memberships WHERE memberships.user_id = users.id)"),
    ),
    "memberships": (
        ("members", "SELECT", MEMBERS),
        ("within_reach", "ALL", REACHES_ALL),
        ("leaving", "DELETE", f"user_id = {ME}"),
    ),
    "tenant_grants": (
        ("within_reach", "ALL", REACHES_ALL),
        ("own", "SELECT", f"user_id = {ME}"),
        ("leaving", "DELETE", f"user_id = {ME}"),
    ),
    "api_tokens": (("own", "ALL", f"user_id = {ME}"),),
    "tenants": (
        ("within_reach", "ALL", f"{REACHES_ALL} OR id {GRANTED}"),
        ("runs", "SELECT", f"id = {ITS_TENANT}"),
        ("sources", "SELECT", "id = (SELECT atlas_run_source_tenant())"),
    ),
    "credentials": (
        ("members", "SELECT", MEMBERS),
        ("within_reach", "ALL", REACHES_ALL),
        (
            "runs",
            "SELECT",
            f"EXISTS (SELECT FROM providers WHERE providers.{OF_RUN}"
            " AND credentials.id IN (providers.credential_id, providers.write_credential_id))",
        ),
    ),
    "providers": (("within_reach", "ALL", WITHIN_REACH), ("runs", "SELECT", OF_RUN)),
    "policies": (("within_reach", "ALL", WITHIN_REACH), ("runs", "ALL", OF_RUN)),
    "backup_sets": (
        ("within_reach", "ALL", WITHIN_REACH),
        ("runs", "ALL", OF_RUN),
        ("sources", "SELECT", f"id = {OF_SOURCE}"),
    ),
    "backup_items": (
        ("within_reach", "ALL", WITHIN_REACH),
        ("runs", "ALL", OF_RUN),
        ("sources", "SELECT", f"backup_set_id = {OF_SOURCE}"),
    ),
    "backup_contents": (
        ("within_reach", "ALL", WITHIN_REACH),
        ("runs", "ALL", OF_RUN),
        ("sources", "SELECT", "EXISTS (SELECT FROM backup_items AS item"
         f" WHERE item.backup_set_id = {OF_SOURCE} AND item.tenant_id = backup_contents.tenant_id"
         " AND item.content_hash = backup_contents.hash)"),
    ),
    "restore_runs": (("within_reach", "ALL", WITHIN_REACH), ("runs", "ALL", OF_RUN)),
    "restore_items": (("within_reach", "ALL", WITHIN_REACH), ("runs", "ALL", OF_RUN)),
    "operation_runs": (
        ("within_reach", "ALL", WITHIN_REACH),
        ("runs", "SELECT", OF_RUN),
        ("itself", "UPDATE", f"id = {ITSELF} AND {OF_RUN}"),
    ),
    "run_items": (
        ("within_reach", "ALL", WITHIN_REACH),
        ("runs", "SELECT", OF_RUN),
        ("adding", "INSERT", f"run_id = {ITSELF}"),
        ("changing", "UPDATE", f"run_id = {ITSELF}"),
    ),
    "idempotency_keys": (("within_reach", "ALL", WITHIN_REACH),),
    "audit_entries": (
        ("within_reach", "SELECT", WITHIN_REACH),
        # What they did themselves, also where they reach some tenants only: of the workspace as a whole.
        ("own", "SELECT", f"actor_id = {ME} AND {MEMBERS}"),
        (
            "acting",
            "INSERT",
            f"actor_id = {ME} AND {MEMBERS} AND (tenant_id IS NULL OR {WITHIN_REACH})",
        ),
        ("runs", "SELECT", OF_RUN),
        ("ending", "INSERT", f"run_id = {ITSELF} AND {OF_RUN}"),
    ),
    "workers": (),
}  # fmt: skip


def upgrade() -> None:
    _let_the_engine_work()
    _authenticate()
    _tell_reach()
    for table, policies in POLICIES.items():
        wall_off(table, *policies)
    _count_by_index()


def _let_the_engine_work() -> None:
    """The engine may what the application may; the queue and the workers are its own."""
    for statement in (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO atlas_engine",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO atlas_engine",
        "REVOKE UPDATE, DELETE ON audit_entries FROM atlas_engine",
        "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM atlas_engine",
        "REVOKE ALL ON huey_kv, huey_schedule, huey_task, huey_counter, workers FROM atlas_app",
        "REVOKE ALL ON SEQUENCE huey_schedule_id_seq, huey_task_id_seq FROM atlas_app",
    ):
        op.execute(statement)


def _authenticate() -> None:
    """The rights behind a token, in one function: nothing else reads what tokens are told by."""
    for statement in (
        """CREATE FUNCTION atlas_actors(of_hash bytea, of_tokens uuid[]) RETURNS TABLE (
             user_id uuid, name text, token_id uuid, plane text, memberships jsonb, grants jsonb
           ) LANGUAGE plpgsql STABLE SECURITY DEFINER
           SET search_path = pg_catalog, pg_temp AS $$
           #variable_conflict use_column
           BEGIN RETURN QUERY
             SELECT person.id, person.name, token.id, token.plane,
               (SELECT jsonb_object_agg(member.workspace_id, member.role)
                FROM public.memberships AS member WHERE member.user_id = person.id),
               (SELECT jsonb_object_agg(granted.tenant_id, granted.role)
                FROM public.tenant_grants AS granted WHERE granted.user_id = person.id)
             FROM public.api_tokens AS token JOIN public.users AS person ON person.id = token.user_id
             WHERE (token.hash = of_hash OR token.id = ANY (of_tokens))
               AND token.revoked_at IS NULL AND token.expires_at > now() AND person.disabled_at IS NULL;
           END $$""",
        "REVOKE ALL ON FUNCTION atlas_actors FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION atlas_actors TO atlas_app",
        "REVOKE SELECT ON api_tokens FROM atlas_app, atlas_engine",
        "GRANT SELECT (id, user_id, name, plane, created_at, expires_at, revoked_at, last_used_at)"
        " ON api_tokens TO atlas_app, atlas_engine",
    ):
        op.execute(statement)


def _tell_reach() -> None:
    """What policies ask: where the user of this transaction, or its run, is at home. Nobody is nowhere.

    They read as the tables' owner, for the policies of these tables ask them in turn.
    """
    functions = {
        "atlas_member_of() RETURNS uuid[]": """SELECT array_agg(member.workspace_id)
             FROM public.memberships AS member
             WHERE member.user_id = public.atlas_setting('atlas.user_id')""",
        "atlas_reaches_all_of() RETURNS uuid[]": """SELECT array_agg(member.workspace_id)
             FROM public.memberships AS member
             WHERE member.user_id = public.atlas_setting('atlas.user_id')
               AND member.role IN ('owner', 'manager')""",
        "atlas_granted() RETURNS uuid[]": """SELECT array_agg(granted.tenant_id)
             FROM public.tenant_grants AS granted
             WHERE granted.user_id = public.atlas_setting('atlas.user_id')""",
        "atlas_run_tenant() RETURNS uuid": """SELECT run.tenant_id FROM public.operation_runs AS run
             WHERE run.id = public.atlas_setting('atlas.run_id')""",
        "atlas_run_source_tenant() RETURNS uuid": """SELECT plan.source_tenant_id
             FROM public.operation_runs AS run
             JOIN public.restore_runs AS plan
               ON plan.id = run.subject_id AND plan.tenant_id = run.tenant_id
             WHERE run.id = public.atlas_setting('atlas.run_id') AND run.subject_kind = 'RestoreRun'""",
        "atlas_run_source() RETURNS uuid": """SELECT plan.backup_set_id
             FROM public.operation_runs AS run
             JOIN public.restore_runs AS plan
               ON plan.id = run.subject_id AND plan.tenant_id = run.tenant_id
             WHERE run.id = public.atlas_setting('atlas.run_id') AND run.subject_kind = 'RestoreRun'""",
    }
    # A setting that ended with its transaction is '' in the next one, not null.
    op.execute(
        """CREATE FUNCTION atlas_setting(name text) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
           SELECT nullif(current_setting(name, true), '')::uuid $$"""
    )
    for signature, query in functions.items():
        name = signature.partition("(")[0]
        for statement in (
            f"""CREATE FUNCTION {signature} LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
                SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN ({query}); END $$""",
            f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {name} TO atlas_app",
        ):
            op.execute(statement)


def _count_by_index() -> None:
    """Counting runs asks the policies for each of them: with both columns in the index, without its row."""
    for column, other in (("tenant_id", "workspace_id"), ("workspace_id", "tenant_id")):
        op.drop_index(f"ix_operation_runs_{column}", table_name="operation_runs")
        op.create_index(
            f"ix_operation_runs_{column}",
            "operation_runs",
            [column, sa.text("created_at DESC"), sa.text("id DESC")],
            postgresql_include=[other],
        )
