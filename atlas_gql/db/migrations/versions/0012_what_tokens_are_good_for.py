"""What a token or an invitation is good for stays as it was written; logins are told by functions."""

from __future__ import annotations

from alembic import op

from atlas_gql.db.migrations.walls import ME, MEMBERS, REACHES_ALL

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RIGHTS = """person.id, person.name,
  (SELECT jsonb_object_agg(member.workspace_id, member.role)
   FROM public.memberships AS member WHERE member.user_id = person.id),
  (SELECT jsonb_object_agg(granted.tenant_id, granted.role)
   FROM public.tenant_grants AS granted WHERE granted.user_id = person.id)"""
# What each function gives beside that, and of whom. Whether an invitation may be accepted is asked again by
# what accepts it; here it is whether that need begin, in one statement with who it is: between two of them,
# somebody else's first login could take effect.
AUTHENTICATION = {
    "atlas_users(of_users uuid[])": (
        "",
        """FROM public.users AS person WHERE person.id = ANY (of_users) AND person.disabled_at IS NULL""",
    ),
    "atlas_login(of_issuer text, of_subject text, of_email text)": (
        ", invited boolean",
        """, EXISTS (
             SELECT FROM public.invitations AS waiting
             WHERE waiting.accepted_at IS NULL AND waiting.revoked_at IS NULL AND waiting.expires_at > now()
               AND (waiting.email = of_email OR waiting.issuer = of_issuer AND waiting.subject = of_subject)
               AND CASE
                 WHEN waiting.invited_by IS NULL THEN NOT EXISTS (
                   SELECT FROM public.memberships AS member
                   JOIN public.users AS owning ON owning.id = member.user_id
                   WHERE member.workspace_id = waiting.workspace_id AND member.role = 'owner'
                     AND owning.disabled_at IS NULL)
                 ELSE EXISTS (
                   SELECT FROM public.memberships AS member
                   JOIN public.users AS inviting ON inviting.id = member.user_id
                   WHERE member.workspace_id = waiting.workspace_id
                     AND member.user_id = waiting.invited_by AND member.role IN ('owner', 'manager')
                     AND inviting.disabled_at IS NULL)
               END)
           FROM (SELECT) AS one LEFT JOIN (
             public.identities AS known
             JOIN public.users AS person ON person.id = known.user_id AND person.disabled_at IS NULL)
           ON known.issuer = of_issuer AND known.subject = of_subject""",
    ),
}


def upgrade() -> None:
    _let_tokens_be()
    _let_invitations_be()
    _authenticate()


def _let_tokens_be() -> None:
    """Users make tokens for themselves, each for one workspace; the engine ends them, and nothing more."""
    for statement in (
        "REVOKE UPDATE, DELETE ON api_tokens FROM atlas_app, atlas_engine",
        "GRANT UPDATE (revoked_at, last_used_at) ON api_tokens TO atlas_engine",
        "DROP POLICY own ON api_tokens",
        "DROP POLICY managers ON api_tokens",
        f"CREATE POLICY own ON api_tokens FOR SELECT TO atlas_app USING (user_id = {ME})",
        "CREATE POLICY making ON api_tokens FOR INSERT TO atlas_app"
        f" WITH CHECK (user_id = {ME} AND plane = 'workspace' AND {MEMBERS})",
        # Who left a token behind is still named there: tokens are seen as their own policies have it.
        "CREATE POLICY authors ON users FOR SELECT TO atlas_app"
        " USING (EXISTS (SELECT FROM api_tokens WHERE api_tokens.user_id = users.id))",
        # Written by the engine now, as the end of the token is.
        "DROP POLICY ended_own ON audit_entries",
        "DROP POLICY ending_own ON audit_entries",
    ):
        op.execute(statement)


def _let_invitations_be() -> None:
    """Whoever reaches the workspace invites in no name but the own, and revokes."""
    for statement in (
        "REVOKE UPDATE ON invitations FROM atlas_app, atlas_engine",
        "GRANT UPDATE (revoked_at) ON invitations TO atlas_app",
        "GRANT UPDATE (revoked_at, accepted_at) ON invitations TO atlas_engine",
        "DROP POLICY within_reach ON invitations",
        "CREATE POLICY inviting ON invitations FOR INSERT TO atlas_app"
        f" WITH CHECK ({REACHES_ALL} AND invited_by = {ME} AND accepted_at IS NULL)",
        f"CREATE POLICY revoking ON invitations FOR UPDATE TO atlas_app USING ({REACHES_ALL})",
    ):
        op.execute(statement)


def _authenticate() -> None:
    """The rights of a user, and behind a login: nothing else of the application reads identities."""
    op.execute("GRANT DELETE ON identities TO atlas_engine")
    for signature, (more, source) in AUTHENTICATION.items():
        name = signature.partition("(")[0]
        for statement in (
            f"""CREATE FUNCTION {signature}
                RETURNS TABLE (user_id uuid, name text, memberships jsonb, grants jsonb{more})
                LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
                #variable_conflict use_column
                BEGIN RETURN QUERY SELECT {RIGHTS} {source}; END $$""",
            f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {name} TO atlas_app",
        ):
            op.execute(statement)
