"""A real PostgreSQL for tests: migrated once, cloned for each test process in a tenth of a second.

The server is the embedded one, or the one that `ATLAS_TEST_DATABASE_URL` names (as a superuser).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from atlas_gql.db import embedded, migrate
from atlas_gql.db.roles import APP
from atlas_gql.errors import ConfigurationError

TEST_URL = "ATLAS_TEST_DATABASE_URL"
_LOCK = "atlas test template"
_OURS = "The role of tests: they change its password."
_ROLE = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s"


@dataclass(frozen=True, kw_only=True)
class TestDatabase:
    """A database of one test process: as the application, and as the superuser."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    url: str = field(repr=False)
    admin_url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _Server:
    admin_url: str = field(repr=False)
    app_password: str = field(repr=False)

    def url(self, database: str, *, app: bool) -> str:
        parts = urlsplit(self.admin_url)
        netloc = parts.netloc
        if app:
            netloc = f"{APP}:{self.app_password}@{netloc.rpartition('@')[2]}"
        return urlunsplit((parts.scheme, netloc, f"/{database}", parts.query, ""))


@contextmanager
def fresh_database(data_dir: Path) -> Iterator[TestDatabase]:
    """A fresh, migrated database, dropped at the end. `data_dir` is where the embedded server lives."""
    with _server(data_dir) as server:
        name = f"atlas_test_{os.getpid()}_{secrets.token_hex(3)}"
        template = _template(server)
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            # Rights on a database are no part of its template.
            connection.execute(
                sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
            )
        try:
            yield TestDatabase(url=server.url(name, app=True), admin_url=server.url(name, app=False))
        finally:
            with psycopg.connect(server.admin_url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _server(data_dir: Path) -> Iterator[_Server]:
    configured = os.environ.get(TEST_URL)
    if configured:
        _claim_role(configured)
        yield _Server(admin_url=configured, app_password=_digest(configured))
        return
    with embedded.start(data_dir, durable=False) as server:
        yield _Server(admin_url=server.admin_url, app_password=server.password(APP))


def _claim_role(admin_url: str) -> None:
    """Make sure that no installation uses the application's role: it belongs to the whole server.

    Raises ConfigurationError where the role is there and no test made it.
    """
    role = sql.Identifier(APP)
    with psycopg.connect(admin_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (_LOCK,))
        found = connection.execute(_ROLE, (APP,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(_OURS)))
        elif found != (_OURS,):
            raise ConfigurationError(
                f"The server that {TEST_URL} names has the role {APP} of an installation, whose password"
                " tests would change. Give them a server of their own."
            )


def _template(server: _Server) -> str:
    """The name of the migrated template, built by whichever test process comes first."""
    name = f"atlas_template_{_fingerprint()}"
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (_LOCK,))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            unfinished = f"{name}_{secrets.token_hex(3)}"
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            migrate.upgrade(server.url(unfinished, app=False), app_password=server.app_password)
            # Under its own name only when complete: a killed build leaves nothing that is believed.
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(APP), sql.Literal(server.app_password))
        )
    return name


def _fingerprint() -> str:
    """Of the migrations and whatever makes the roles: another schema is another template."""
    files = [*sorted(migrate.SCRIPTS.glob("**/*.py")), Path(migrate.__file__).with_name("roles.py")]
    return _digest("".join(file.read_text() for file in files))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
