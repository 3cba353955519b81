"""`atlas db`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import DBAPIError

from atlas_gql.cli.output import AsJson, tell
from atlas_gql.db import migrate
from atlas_gql.db.location import Location, ensure_current, located, revision_of
from atlas_gql.db.roles import APP, OWNER
from atlas_gql.errors import ConfigurationError
from atlas_gql.settings import Settings, load_settings

app = typer.Typer(name="db", help="The database's schema.", no_args_is_help=True)


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Bring the schema up to date, and make the database roles where they are missing.

    Connects as ATLAS_DATABASE_ADMIN_URL; the role atlas_app gets the password in ATLAS_DATABASE_URL when
    it is made. Without ATLAS_DATABASE_URL, the embedded server is upgraded. Running it again is harmless.
    """
    with _found(load_settings()) as location:
        if location.admin_url is None:
            raise ConfigurationError(
                "ATLAS_DATABASE_ADMIN_URL is needed to upgrade: PostgreSQL as a role that may create roles"
                " and schemas, in the same database as ATLAS_DATABASE_URL."
            )
        with _as_admin():
            before, after = migrate.upgrade(location.admin_url, app_password=location.app_password)
        _check_application(location)
    sentence = (
        f"The database is up to date: {after}."
        if before == after
        else f"Upgraded the database from {before or 'nothing'} to {after}."
    )
    tell(sentence, {"before": before, "after": after}, as_json=as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say which database this is and whether its schema is current; exit code 1 when it is not."""
    with _found(load_settings()) as location:
        revision, needed = revision_of(location), migrate.head()
        place = "embedded" if location.is_embedded else _place(location.url)
    state = _state(revision)
    tell(
        f"{place}: schema {revision or 'none'}, this version of Atlas needs {needed}: {state}.",
        {"database": place, "revision": revision, "needed": needed, "state": state},
        as_json=as_json,
    )
    raise typer.Exit(0 if state == "current" else 1)


@contextmanager
def _found(settings: Settings) -> Iterator[Location]:
    if settings.database_url is None and settings.database_admin_url is not None:
        raise ConfigurationError(
            "ATLAS_DATABASE_ADMIN_URL is set and ATLAS_DATABASE_URL is not. Set both for a server, or neither"
            " for the embedded one."
        )
    if settings.database_admin_url is not None:
        _check_url(settings.database_admin_url.get_secret_value())
    with located(settings) as location:
        yield location


def _check_url(url: str) -> None:
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        url = ""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(
            "ATLAS_DATABASE_ADMIN_URL is no PostgreSQL URL (postgresql://admin:...@host/atlas)."
        )


@contextmanager
def _as_admin() -> Iterator[None]:
    """What PostgreSQL says to the upgrading role, in words that help."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as exc:  # migrations go through SQLAlchemy, roles do not
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise ConfigurationError(
                "The role of ATLAS_DATABASE_ADMIN_URL may not do this. It needs CREATEROLE and to own the"
                f" database, or, later, to be a member of {OWNER}. Nothing was changed."
            ) from exc
        if isinstance(cause, psycopg.OperationalError):
            raise ConfigurationError(
                "ATLAS_DATABASE_ADMIN_URL: PostgreSQL does not answer, or refuses the role."
            ) from exc
        raise


def _check_application(location: Location) -> None:
    """See that the application gets in, to the same database."""
    try:
        ensure_current(location)
    except ConfigurationError as exc:
        raise ConfigurationError(
            f"The schema is up to date, but Atlas cannot use it. {exc.message} Look at its user ({APP}), the"
            " password, and the database: ATLAS_DATABASE_ADMIN_URL must name the same one."
        ) from exc


def _place(url: str) -> str:
    """Host and database of a URL, without what opens it."""
    parts = conninfo_to_dict(url)
    host, port = parts.get("host") or "local socket", parts.get("port") or 5432
    return f"{parts.get('dbname') or 'the default database'} at {host}:{port}"


def _state(revision: str | None) -> str:
    if revision is None:
        return "empty, run `atlas db upgrade`"
    if revision == migrate.head():
        return "current"
    return "older, run `atlas db upgrade`" if migrate.is_known(revision) else "newer than this version"
