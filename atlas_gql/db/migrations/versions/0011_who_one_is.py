"""Tokens can be limited; the platform has an audit trail of its own."""

from __future__ import annotations

from alembic import op

from atlas_gql.db.migrations.walls import ME, MEMBERS, REACHES_ALL, wall_off

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make()
    _authenticate()
    # Logins are the engine's. What an actor may see of a workspace's tokens and invitations is asked above.
    wall_off("identities")
    wall_off("invitations", ("members", "SELECT", MEMBERS), ("within_reach", "ALL", REACHES_ALL))
    for name, command, condition in (("members", "SELECT", MEMBERS), ("managers", "UPDATE", REACHES_ALL)):
        op.execute(f"CREATE POLICY {name} ON api_tokens FOR {command} TO atlas_app USING ({condition})")
    # A token for all of a user's workspaces is of none of them, and so is the entry about its end.
    condition = f"actor_id = {ME} AND action = 'token.revoked' AND workspace_id IS NULL AND tenant_id IS NULL"
    for name, command, clause in (("ended_own", "SELECT", "USING"), ("ending_own", "INSERT", "WITH CHECK")):
        op.execute(f"CREATE POLICY {name} ON audit_entries FOR {command} TO atlas_app {clause} ({condition})")


def _authenticate() -> None:
    """The rights behind a token, and now also what the token leaves of them."""
    for statement in (
        "DROP FUNCTION atlas_actors",
        """CREATE FUNCTION atlas_actors(of_hash bytea, of_tokens uuid[]) RETURNS TABLE (
             user_id uuid, name text, token_id uuid, plane text, expires_at timestamptz, workspace_id uuid,
             capabilities text[], tenant_ids uuid[], memberships jsonb, grants jsonb
           ) LANGUAGE plpgsql STABLE SECURITY DEFINER
           SET search_path = pg_catalog, pg_temp AS $$
           #variable_conflict use_column
           BEGIN RETURN QUERY
             SELECT person.id, person.name, token.id, token.plane, token.expires_at, token.workspace_id,
               token.capabilities, token.tenant_ids,
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
        "GRANT SELECT (workspace_id, capabilities, tenant_ids, made_with) ON api_tokens"
        " TO atlas_app, atlas_engine",
    ):
        op.execute(statement)


def _make() -> None:
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
        "GRANT SELECT, INSERT ON identities TO atlas_engine",
        "GRANT SELECT, INSERT, UPDATE ON invitations TO atlas_app, atlas_engine",
        "CREATE INDEX ix_audit_entries_platform ON audit_entries (created_at DESC, id DESC)"
        " WHERE workspace_id IS NULL OR starts_with(action, 'workspace.')",
    ):
        op.execute(statement)
