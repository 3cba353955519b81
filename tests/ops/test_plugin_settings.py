"""Settings of plugins over changes of keys, and of the plugins' own classes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
import pytest

from atlas_gql.audit import COMMAND
from atlas_gql.db.database import AS_ENGINE, ENGINE, Database, Scope
from atlas_gql.errors import OperationFailure, ValidationError
from atlas_gql.ops.plugin_settings import DEFAULT, Home, RunSettings, configure, shown_of_tenants
from atlas_gql.plugins import PluginSettings, Secret
from atlas_gql.providers.resealing import reseal
from atlas_gql.providers.sealing import Sealer, generate_key
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR
from support.rows import make_place

T = TypeVar("T")
OLD, NEW = generate_key(), generate_key()


@dataclass(frozen=True, kw_only=True)
class First:
    """Settings as they were."""

    limit: int = 0
    secret: Secret[str] | None = None
    token: Secret[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Second:
    """Settings after the plugin has changed: one secret is gone, and the limit is none."""

    limit: tuple[str, ...] = ()
    secret: Secret[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Everywhere:
    """Settings of the installation."""

    password: Secret[str] | None = None


class Kept:
    """A tenant of a database, whose settings are changed and read."""

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url, autocommit=True, options=AS_ENGINE) as connection:
            place = make_place(connection)
        self.home = Home(tenant_id=place.tenant, workspace_id=place.workspace)
        self.run = place.rows["operation_runs"]

    def ask(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def main() -> T:
            database = Database(self.url, max_connections=2)
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(main())

    def give(self, of: Any, keys: str, *, everywhere: bool = False, **changes: Any) -> list[str]:
        """The fields that changed."""

        async def work(database: Database) -> list[str]:
            async with database.scope(ENGINE).begin() as tx:
                return await configure(
                    tx,
                    COMMAND,
                    Sealer.from_text(keys),
                    plugin="example",
                    of=of,
                    changes=changes,
                    home=None if everywhere else self.home,
                )

        return self.ask(work)

    def given(self, of: Any, keys: str, *, everywhere: bool = False) -> Any:
        """What a run of the tenant is given."""
        declared = PluginSettings(**{"installation" if everywhere else "tenant": of})
        settings = RunSettings({"example": declared}, Sealer.from_text(keys))
        claim: Any = SimpleNamespace(
            type="example.work", tenant_id=self.home.tenant_id, workspace_id=self.home.workspace_id
        )
        scope = Scope(kind="run", run_id=self.run)
        return self.ask(lambda database: settings.of(database.scope(scope), claim, of))

    def rows(self, columns: str, table: str = "plugin_tenant_settings") -> list[Any]:
        with psycopg.connect(self.url, options=AS_ENGINE) as connection:
            return connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall()


@pytest.fixture
def kept() -> Iterator[Kept]:
    with fresh_database(DATA_DIR) as database:
        made = Kept(database.url)
        with psycopg.connect(database.url, autocommit=True, options=AS_ENGINE) as connection:
            for table in ("plugin_tenant_settings", "credentials"):
                connection.execute(f"DELETE FROM {table} WHERE TRUE".encode())
        yield made


def secret() -> Secret[str]:
    return Secret(secrets.token_urlsafe(20))


def test_everything_is_sealed_anew_and_the_old_key_is_not_needed_any_more(kept: Kept) -> None:
    one, other = secret(), secret()
    kept.give(First, OLD, secret=one, limit=3)
    kept.give(Everywhere, OLD, everywhere=True, password=other)
    seen: list[tuple[int, int]] = []
    both = Sealer.from_text(f"{NEW},{OLD}")
    done = kept.ask(lambda database: reseal(database, COMMAND, both, lambda *far: seen.append(far)))
    assert (done.resealed, done.unopened, done.needed, len(done.unneeded)) == (2, [], [], 1)
    assert seen == [(1, 2), (2, 2)]
    assert kept.given(First, NEW) == First(limit=3, secret=one)
    assert kept.given(Everywhere, NEW, everywhere=True) == Everywhere(password=other)


def test_what_no_key_opens_is_named(kept: Kept) -> None:
    kept.give(First, OLD, secret=secret())
    kept.give(Everywhere, OLD, everywhere=True, password=secret())
    done = kept.ask(lambda database: reseal(database, COMMAND, Sealer.from_text(NEW), lambda *_: None))
    named = [(row.kind, row.name, row.tenant is not None) for row in done.unopened]
    assert named == [("installation", "example", False), ("tenant", "example", True)]


def test_what_a_lost_key_sealed_is_refused_until_all_of_it_is_given_anew(kept: Kept) -> None:
    kept.give(First, OLD, secret=secret(), token=secret(), limit=3)
    with pytest.raises(OperationFailure, match="cannot be opened") as failed:
        kept.given(First, NEW)
    why = failed.value
    assert (why.reason_code, why.failure_code) == ("MISSING_CONFIGURATION", "settings_unreadable")
    with pytest.raises(ValidationError, match="cannot be opened") as refused:
        kept.give(First, NEW, secret=secret())
    assert refused.value.field == "token"
    new = secret()
    assert kept.give(First, NEW, secret=new, token=DEFAULT) == ["secret", "token"]
    assert kept.given(First, NEW) == First(limit=3, secret=new)


def test_what_is_sealed_for_one_tenant_opens_for_no_other(kept: Kept) -> None:
    beside = Kept(kept.url)
    kept.give(First, OLD, secret=secret())
    beside.give(First, OLD, secret=secret())
    with psycopg.connect(kept.url, autocommit=True, options=AS_ENGINE) as connection:
        connection.execute(
            "UPDATE plugin_tenant_settings SET sealed = other.sealed, key_id = other.key_id,"
            " secrets = other.secrets FROM plugin_tenant_settings AS other"
            " WHERE other.tenant_id = %s AND plugin_tenant_settings.tenant_id = %s",
            (kept.home.tenant_id, beside.home.tenant_id),
        )
    with pytest.raises(OperationFailure, match="cannot be opened"):
        beside.given(First, OLD)


def test_what_does_not_fit_another_version_is_named_and_set_anew(kept: Kept) -> None:
    one, other = secret(), secret()
    kept.give(First, OLD, secret=one, token=other, limit=3)
    with pytest.raises(OperationFailure, match="setting limit: What was set of this does not fit"):
        kept.given(Second, OLD)
    with pytest.raises(ValidationError, match="does not fit this version") as refused:
        kept.give(Second, OLD, secret=secret())
    assert refused.value.field == "limit"
    tenant_ids = [kept.home.tenant_id]
    (seen,) = kept.ask(
        lambda database: shown_of_tenants(database.scope(ENGINE), "example", Second, tenant_ids)
    )
    assert (seen.values, seen.secrets) == ({"limit": ()}, {"secret": True})
    assert kept.give(Second, OLD, limit=("a",)) == ["limit"]
    assert kept.given(Second, OLD) == Second(limit=("a",), secret=one)


def test_a_secret_that_the_plugin_has_no_more_stays_sealed(kept: Kept) -> None:
    one, other = secret(), secret()
    kept.give(First, OLD, secret=one, token=other)
    kept.give(Second, OLD, limit=("a",))
    assert kept.rows("data, secrets") == [({"limit": ["a"]}, ["secret", "token"])]
    kept.give(Second, OLD, limit=DEFAULT)
    assert kept.given(First, OLD) == First(secret=one, token=other)


def test_two_changes_at_once_are_both_made(kept: Kept) -> None:
    one = secret()

    async def work(database: Database) -> None:
        async def give(**changes: Any) -> None:
            async with database.scope(ENGINE).begin() as tx:
                await configure(
                    tx,
                    COMMAND,
                    Sealer.from_text(OLD),
                    plugin="example",
                    of=First,
                    changes=changes,
                    home=kept.home,
                )

        await asyncio.gather(give(limit=3), give(secret=one))

    kept.ask(work)
    assert kept.given(First, OLD) == First(limit=3, secret=one)
