"""The database roles: `atlas_owner` owns and migrates, `atlas_app` serves, `atlas_engine` is what it becomes.

None is a superuser or may bypass row-level security. What `atlas_app` sees depends on the scope it names;
for work across tenants it becomes `atlas_engine`, whose rights it does not inherit. Roles belong to the
whole server, so making them is not a migration; it happens before the first one and may be repeated.
"""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Connection, text

from atlas_gql.errors import ConfigurationError

OWNER = "atlas_owner"
APP = "atlas_app"
ENGINE = "atlas_engine"

NO_INHERIT_OPTION = 160000
"""The version of PostgreSQL before which inheriting is a matter of the role, not of each membership."""

_READY = text(
    """
    SELECT pg_has_role(owner.oid, 'MEMBER')
        AND has_schema_privilege(owner.oid, 'public', 'CREATE')
        AND has_database_privilege(app.oid, current_database(), 'CONNECT')
        AND NOT has_database_privilege(app.oid, current_database(), 'TEMPORARY')
        AND pg_has_role(app.oid, engine.oid, 'MEMBER') AND NOT pg_has_role(app.oid, engine.oid, 'USAGE')
    FROM pg_roles AS owner, pg_roles AS app, pg_roles AS engine
    WHERE owner.rolname = 'atlas_owner' AND app.rolname = 'atlas_app' AND engine.rolname = 'atlas_engine'
    """
)

POWERS = b"""
    SELECT me.rolsuper OR me.rolbypassrls OR coalesce(pg_has_role(owner.oid, 'MEMBER'), false) AS too_many,
        NOT coalesce(pg_has_role(engine.oid, 'MEMBER'), false) AS too_few,
        coalesce(pg_has_role(engine.oid, 'USAGE'), false) AS inherited
    FROM pg_roles AS me
    LEFT JOIN pg_roles AS owner ON owner.rolname = 'atlas_owner'
    LEFT JOIN pg_roles AS engine ON engine.rolname = 'atlas_engine'
    WHERE me.rolname = current_user
"""
"""What the role of a connection could do to row-level security; see `refuse_power`."""


def refuse_power(powers: tuple[bool, bool, bool] | None, *, current: bool = False) -> None:
    """Raises ConfigurationError for a role that could see more than the scopes that it names.

    `powers` is the row of `POWERS`. With `current` the role must also be able to work: the schema is there.
    """
    if powers is None or powers[0]:
        raise ConfigurationError(
            "ATLAS_DATABASE_URL connects as a superuser, as the tables' owner, or as a role that bypasses"
            f" row-level security; it must connect as {APP}."
        )
    if powers[2]:
        raise ConfigurationError(
            f"The role of ATLAS_DATABASE_URL inherits from {ENGINE}, and would see every tenant in every"
            " scope. Run `atlas db upgrade`."
        )
    if current and powers[1]:
        raise ConfigurationError(
            f"The role of ATLAS_DATABASE_URL may not become {ENGINE}. Run `atlas db upgrade`."
        )


def ensure_roles(connection: Connection, app_password: str | None) -> None:
    """Make the roles where they are missing, and give them this database.

    `app_password` is given to `atlas_app` when it is made here; an existing role is left as it is.
    The connection's role needs CREATEROLE and the database for that; when all is there already, it needs
    to be a member of `atlas_owner`, no more.
    """
    if connection.execute(_READY).scalar():
        return
    _ensure(connection, OWNER, sql.SQL("NOLOGIN"))
    _ensure(connection, APP, sql.SQL("LOGIN PASSWORD {}").format(sql.Literal(app_password)))
    _ensure(connection, ENGINE, sql.SQL("NOLOGIN"))
    raw = connection.connection.driver_connection
    assert raw is not None
    user, database = connection.execute(text("SELECT current_user, current_database()")).one()
    if user != OWNER:
        raw.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(OWNER), sql.Identifier(user)))
    _let_become_engine(connection)
    name = sql.Identifier(database)
    raw.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    raw.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    raw.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(sql.Identifier(OWNER)))
    raw.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(ENGINE)))
    raw.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(APP)))


def _let_become_engine(connection: Connection) -> None:
    """Let `atlas_app` become `atlas_engine`, and not inherit from it: that would count in every scope."""
    raw = connection.connection.driver_connection
    assert raw is not None
    app, engine = sql.Identifier(APP), sql.Identifier(ENGINE)
    if raw.info.server_version < NO_INHERIT_OPTION:
        raw.execute(sql.SQL("ALTER ROLE {} NOINHERIT").format(app))
        raw.execute(sql.SQL("GRANT {} TO {}").format(engine, app))
    else:
        raw.execute(sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(engine, app))


def _ensure(connection: Connection, role: str, options: sql.Composable) -> None:
    raw = connection.connection.driver_connection
    assert raw is not None
    # Two databases of one server may be made at the same time: the loser of that race finds the role.
    raw.execute(
        sql.SQL(
            "DO $do$ BEGIN CREATE ROLE {} {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$"
        ).format(sql.Identifier(role), options)
    )
