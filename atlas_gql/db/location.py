"""Where the database is: the server that is configured, or the embedded one, started when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from atlas_gql.db import embedded, migrate
from atlas_gql.db.roles import APP, POWERS, refuse_power
from atlas_gql.errors import ConfigurationError
from atlas_gql.settings import Settings

DATABASE = "atlas"


@dataclass(frozen=True, kw_only=True)
class Location:
    """A database that can be connected to: as the application, and (maybe) as a role that migrates."""

    url: str = field(repr=False)
    admin_url: str | None = field(repr=False)
    app_password: str | None = field(repr=False)
    is_embedded: bool


@contextmanager
def located(settings: Settings) -> Iterator[Location]:
    """The database of these settings, for as long as the context lasts; an embedded server runs meanwhile."""
    if settings.database_url is not None:
        yield _configured(settings)
        return
    with embedded.start(settings.data_dir / "postgres") as server:
        _ensure_database(server.admin_url)
        yield Location(
            url=server.url(APP, DATABASE),
            admin_url=server.url("postgres", DATABASE),
            app_password=server.password(APP),
            is_embedded=True,
        )


def _configured(settings: Settings) -> Location:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    try:
        password = psycopg.conninfo.conninfo_to_dict(url).get("password")
    except psycopg.ProgrammingError:
        raise ConfigurationError(
            "ATLAS_DATABASE_URL is no PostgreSQL URL (postgresql://atlas_app:...@host/atlas)."
        ) from None
    admin = settings.database_admin_url
    return Location(
        url=url,
        admin_url=admin.get_secret_value() if admin else None,
        app_password=str(password) if password else None,
        is_embedded=False,
    )


def _ensure_database(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        # Two processes may come at once: the loser finds the database there.
        connection.execute("SELECT pg_advisory_lock(hashtext('atlas database'))")
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def ensure_current(location: Location) -> None:
    """See that the database can be served from, and is of this version's schema.

    An embedded server is given it, also where it has an older one; nothing else is changed. The application
    must not be able to go past the database's defences. Raises ConfigurationError that says what to do.
    """
    revision = revision_of(location)
    if revision == migrate.head():
        return
    if location.is_embedded and (revision is None or migrate.is_known(revision)):
        assert location.admin_url is not None
        migrate.upgrade(location.admin_url, app_password=location.app_password)
    else:
        raise ConfigurationError(
            f"The database's schema is at {revision or 'nothing'}; this version of Atlas needs"
            f" {migrate.head()}. Run `atlas db upgrade`."
            if revision is None or migrate.is_known(revision)
            else "The database's schema is newer than this version of Atlas. Install the newer version."
        )


def revision_of(location: Location) -> str | None:
    """The revision of the database's schema; None when it has none yet.

    Raises ConfigurationError when it cannot be reached, or is reached with more power than is safe.
    """
    # A new embedded server has no role for the application yet.
    url = location.admin_url if location.is_embedded and location.admin_url else location.url
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            if not location.is_embedded:
                refuse_power(connection.execute(POWERS).fetchone())
            there = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
            if not there or not there[0]:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except psycopg.OperationalError as exc:
        raise ConfigurationError(
            "ATLAS_DATABASE_URL: PostgreSQL does not answer, or refuses the role."
        ) from exc
