"""Row-level security: who sees and changes which rows, whatever the application forgets to ask for."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _let_the_engine_work()
    _authenticate()


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
