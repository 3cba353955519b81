"""Bring a database's schema up to date, and tell whether it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text

from atlas_gql.db.roles import OWNER, ensure_roles

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x41544C41  # "ATLA": two upgrades of one database at once run one after the other


@cache
def head() -> str:
    """The revision that this version of Atlas needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def is_known(revision: str) -> bool:
    """Whether this version of Atlas has that revision."""
    known = ScriptDirectory.from_config(_config()).walk_revisions()
    return revision in {script.revision for script in known}


def upgrade(admin_url: str, *, app_password: str | None = None) -> tuple[str | None, str]:
    """Migrate to the newest revision; gives the revision before and after.

    `admin_url` is a libpq URL whose role may create roles (first time), or is a member of `atlas_owner`.
    Roles, migrations and the version table change together or not at all.
    """
    with _connected(admin_url) as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        ensure_roles(connection, app_password)
        connection.execute(text(f"SET LOCAL ROLE {OWNER}"))
        before = current(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before, head()


def current(connection: Connection) -> str | None:
    """The database's revision; None for an empty database."""
    if not connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar_one():
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        yield connection


def sqlalchemy_url(url: str) -> str:
    """A libpq URL as SQLAlchemy wants it."""
    scheme, rest = url.split("://", 1)
    return f"postgresql+psycopg://{rest}" if scheme in ("postgresql", "postgres") else url


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
