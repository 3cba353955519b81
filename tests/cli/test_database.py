"""`atlas db`: upgrade, status, and what stands in the way of either."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from atlas_gql.db import migrate

REFUSED = "error: ATLAS_DATABASE_ADMIN_URL: PostgreSQL does not answer, or refuses the role.\n"


def at(url: str, *, database: str | None = None, role: str | None = None, password: str = "") -> str:
    """The same server, another database or role."""
    parts = urlsplit(url)
    netloc = f"{role}:{quote(password)}@{parts.netloc.rpartition('@')[2]}" if role else parts.netloc
    return urlunsplit((parts.scheme, netloc, f"/{database}" if database else parts.path, parts.query, ""))


@pytest.fixture
def empty(
    admin_url: str, database_url: str, atlas: Callable, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of an empty database, to which the settings point."""
    name = f"atlas_cli_{secrets.token_hex(6)}"
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        monkeypatch.setenv("ATLAS_DATABASE_URL", at(database_url, database=name))
        monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", at(admin_url, database=name))
        try:
            yield name
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def role(admin_url: str) -> Iterator[Callable[[str], tuple[str, str]]]:
    """A function that makes a role with these attributes and gives its name and password."""
    made: list[str] = []
    with psycopg.connect(admin_url, autocommit=True) as connection:

        def make(attributes: str = "") -> tuple[str, str]:
            name, password = f"atlas_cli_{secrets.token_hex(6)}", secrets.token_hex(8)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + attributes).format(
                    sql.Identifier(name), sql.Literal(password)
                )
            )
            made.append(name)
            return name, password

        yield make
        for name in made:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_an_empty_database_is_upgraded_once(atlas, made, empty):
    before = atlas("db", "status")
    assert (before.exit_code, before.stdout.rpartition(": ")[2]) == (1, "empty, run `atlas db upgrade`.\n")
    assert atlas("workspace", "list").stderr == (
        f"error: The database's schema is at nothing; this version of Atlas needs {migrate.head()}."
        " Run `atlas db upgrade`.\n"
    )
    assert atlas("db", "upgrade").stdout == f"Upgraded the database from nothing to {migrate.head()}.\n"
    assert atlas("db", "upgrade").stdout == f"The database is up to date: {migrate.head()}.\n"
    status = made("db", "status")
    assert (status["revision"], status["needed"], status["state"]) == (
        migrate.head(),
        migrate.head(),
        "current",
    )
    assert made("workspace", "list") == []


@pytest.mark.parametrize(
    ("revision", "state"),
    [
        pytest.param(None, "empty, run `atlas db upgrade`", id="no-revision"),
        pytest.param("9999", "newer than this version", id="from-the-future"),
    ],
)
def test_a_schema_of_another_version_is_told(atlas, empty, admin_url, revision, state):
    atlas("db", "upgrade")
    with psycopg.connect(at(admin_url, database=empty), autocommit=True) as connection:
        connection.execute("DELETE FROM alembic_version")
        if revision:
            connection.execute("INSERT INTO alembic_version VALUES (%s)", (revision,))
    status = atlas("db", "status")
    assert (status.exit_code, status.stdout.rstrip("\n").endswith(f": {state}.")) == (1, True)


def test_status_shows_where_without_the_password(atlas, database_url):
    result = atlas("db", "status")
    assert (result.exit_code, result.stderr) == (0, "")
    assert urlsplit(database_url).path.lstrip("/") in result.stdout
    assert urlsplit(database_url).password not in result.stdout


def test_upgrade_asks_for_the_admin_url(atlas):
    result = atlas("db", "upgrade")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ATLAS_DATABASE_ADMIN_URL is needed to upgrade")


def test_the_admin_url_alone_is_a_mistake(atlas, monkeypatch, admin_url):
    monkeypatch.delenv("ATLAS_DATABASE_URL")
    monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", admin_url)
    assert atlas("db", "upgrade").stderr.startswith(
        "error: ATLAS_DATABASE_ADMIN_URL is set and ATLAS_DATABASE_URL is not."
    )


@pytest.mark.parametrize(
    "url", ["mysql://admin:{secret}@host/atlas", "postgresql://[{secret}", "host=x password={secret}"]
)
def test_an_admin_url_that_is_none_is_not_repeated(atlas, monkeypatch, url):
    secret = secrets.token_hex(8)
    monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", url.format(secret=secret))
    assert atlas("db", "upgrade").stderr == (
        "error: ATLAS_DATABASE_ADMIN_URL is no PostgreSQL URL (postgresql://admin:...@host/atlas).\n"
    )


@pytest.mark.parametrize(
    "attributes", [pytest.param("", id="no-rights"), pytest.param("CREATEROLE", id="does-not-own-it")]
)
def test_a_role_that_may_not_upgrade_changes_nothing(atlas, empty, admin_url, role, attributes, monkeypatch):
    name, password = role(attributes)
    url = at(admin_url, database=empty, role=name, password=password)
    monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", url)
    result = atlas("db", "upgrade")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: The role of ATLAS_DATABASE_ADMIN_URL may not do this.")
    with psycopg.connect(at(admin_url, database=empty)) as connection:
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)


def test_a_member_of_the_owner_is_enough_for_later_upgrades(atlas, empty, admin_url, role, monkeypatch):
    atlas("db", "upgrade")
    name, password = role()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT atlas_owner TO {}").format(sql.Identifier(name)))
    url = at(admin_url, database=empty, role=name, password=password)
    monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", url)
    result = atlas("db", "upgrade")
    assert (result.stderr, result.stdout) == ("", f"The database is up to date: {migrate.head()}.\n")


def test_an_admin_who_does_not_get_in_is_told_so(atlas, empty, admin_url, role, monkeypatch):
    name, _ = role()
    url = at(admin_url, database=f"{empty}_not_there", role=name, password="wrong")
    monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", url)
    assert atlas("db", "upgrade").stderr == REFUSED


def test_upgrade_says_when_the_application_does_not_get_in(atlas, empty, database_url, monkeypatch):
    name = urlsplit(database_url).username
    url = at(database_url, database=f"{empty}_not_there", role=name, password="wrong")
    monkeypatch.setenv("ATLAS_DATABASE_URL", url)
    result = atlas("db", "upgrade")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "error: The schema is up to date, but Atlas cannot use it. ATLAS_DATABASE_URL: PostgreSQL does not"
    )


def test_the_application_must_not_be_a_superuser(atlas, admin_url, monkeypatch):
    monkeypatch.setenv("ATLAS_DATABASE_URL", admin_url)
    assert "must connect as atlas_app" in atlas("workspace", "list").stderr
