"""Row-level security: with every filter of the application left out, nobody sees what is not theirs."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Table, bindparam, delete, func, insert, literal_column, select, update

from atlas_gql.db.database import AS_ENGINE, ENGINE, NOBODY, Database, Scope, ScopedDatabase, Transaction
from atlas_gql.db.embedded.binaries import wheel_folder
from atlas_gql.db.ids import new_id
from atlas_gql.db.references import readable
from atlas_gql.db.tables import backup_sets, metadata, operation_runs, tenants
from atlas_gql.errors import ConfigurationError
from atlas_gql.schema import lists
from atlas_gql.schema.listings import Listing
from atlas_gql.schema.rows import ALWAYS
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR
from support.rows import Place, make_place, required_values
from support.rows import insert as add

OUTSIDE: Mapping[str, str] = {
    "alembic_version": "names the version of the schema, and nothing of anybody",
    "huey_counter": "the engine's role alone may touch the queue",
    "huey_kv": "the engine's role alone may touch the queue",
    "huey_schedule": "the engine's role alone may touch the queue",
    "huey_task": "the engine's role alone may touch the queue",
}
"""The tables without policies, and why they need none."""

OURS_ALONE = ("workers", "identities", "run_ends", "listeners")
"""Tables that only the engine sees."""
OF_INSTALLATION = ("plugin_settings",)
"""Tables whose rows are nobody's in particular: runs see them."""

OF_WORKSPACES = tuple(
    table for table in metadata.sorted_tables if table.name not in (*OURS_ALONE, *OF_INSTALLATION)
)
KEPT_FROM_RUNS = (
    *("workspaces", "users", "memberships", "tenant_grants", "api_tokens", "invitations"),
    *("idempotency_keys", "schedules"),
)
UNCHANGED = ("audit_entries", "api_tokens", "invitations", "run_log")
"""Tables whose rows the application may not delete, nor give to another workspace, wherever they are."""


@dataclass(frozen=True)
class World:
    """Two workspaces, the first with two tenants, each with a row of everything."""

    url: str
    here: Place
    beside: Place
    there: Place
    owner: UUID
    operator: UUID
    """Of `here.tenant` and nothing else."""
    elsewhere: UUID
    """The owner of the other workspace."""

    def ask(self, scope: Scope, work: Callable[[ScopedDatabase], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            database = Database(self.url, max_connections=1)
            await database.open()
            try:
                return await work(database.scope(scope))
            finally:
                await database.close()

        return asyncio.run(main())

    def seen(self, scope: Scope, table: Table, condition: Any = None) -> list[Any]:
        """All rows of the table that the scope sees, with no filter but this one."""
        statement = select(*readable(table))
        if condition is not None:
            statement = statement.where(condition)
        rows: list[Any] = self.ask(scope, lambda database: database.fetch(statement))
        return rows


def user(user_id: UUID) -> Scope:
    return Scope(kind="actor", user_id=user_id)


def run(place: Place) -> Scope:
    return Scope(kind="run", run_id=place.rows["operation_runs"])


def make_world(url: str) -> World:
    with psycopg.connect(url, autocommit=True, options=AS_ENGINE) as connection:
        here, there = make_place(connection), make_place(connection)
        beside = make_place(connection, workspace=here.workspace)
        owner, operator, elsewhere = new_id(), here.rows["users"], new_id()
        for one, place in ((owner, here), (elsewhere, there)):
            add(connection, "users", id=one, name=str(one))
            add(connection, "memberships", workspace_id=place.workspace, user_id=one, role="owner")
        for place in (here, there, beside):
            for table in ("providers", "tenant_grants", "run_ends"):
                add(connection, table, **required_values(table, place))
            add(
                connection, "operation_runs", **{**required_values("operation_runs", place), "internal": True}
            )
        for one in (owner, operator, elsewhere):
            add(
                connection,
                "api_tokens",
                id=new_id(),
                user_id=one,
                name="t",
                hash=new_id().bytes,
                expires_at="2100-01-01",
            )
        add(connection, "identities", issuer="https://issuer.example", subject=str(owner), user_id=owner)
        add(connection, "plugin_settings", id=new_id(), plugin=str(new_id()))
        add(connection, "listeners", type=str(new_id()), types=[], seen_at="now")
        add(connection, "workers", name=str(new_id()), operations=[], threads=1, seen_at="now")
    return World(
        url=url, here=here, beside=beside, there=there, owner=owner, operator=operator, elsewhere=elsewhere
    )


@pytest.fixture(scope="module")
def quiet() -> Iterator[TestDatabase]:
    """A database in which no worker takes what is written."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="module")
def world(quiet: TestDatabase) -> World:
    return make_world(quiet.url)


@pytest.fixture(scope="module")
def open_world() -> Iterator[World]:
    """The same on a database without row-level security: what the tests here would see then."""
    with fresh_database(DATA_DIR) as database:
        made = make_world(database.url)
        with psycopg.connect(database.admin_url) as connection:
            for table in metadata.sorted_tables:
                connection.execute(f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY".encode())
        yield made


def is_of(row: Any, table: Table, place: Place) -> bool:
    """Whether a row belongs to the place's tenant, or where there is no such thing, to its workspace."""
    if table.name == "workspaces":
        return bool(row.id == place.workspace)
    if table.name == "users":
        return bool(row.id == place.rows["users"])
    if table.name == "tenants":
        return bool(row.id == place.tenant)
    tenant = getattr(row, "tenant_id", None)
    return bool(tenant == place.tenant if tenant else row.workspace_id == place.workspace)


# --- which tables, which roles -------------------------------------------------------------------------


def test_every_table_has_policies_or_a_reason_why_it_needs_none(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        found = connection.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity, EXISTS ("
            "   SELECT FROM pg_policy WHERE polrelid = pg_class.oid)"
            " FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        queue = connection.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE has_table_privilege('atlas_app', name,"
            " 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')",
            ([name for name in OUTSIDE if name.startswith("huey_")],),
        ).fetchall()
    assert {table.name for table in metadata.sorted_tables} <= {name for name, *_ in found}
    open_to_all = {name for name, forced, policies in found if not (forced and policies)}
    assert open_to_all == set(OUTSIDE), "see atlas_gql/db/migrations/walls.py"
    assert queue == []


def test_no_policy_is_for_everybody(admin_url: str) -> None:
    """Policies name their role, and what holds for the engine and the owner is not the application's."""
    with psycopg.connect(admin_url) as connection:
        unbound = connection.execute(
            "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public' AND ("
            " cardinality(roles) <> 1 OR roles[1] NOT IN ('atlas_app', 'atlas_engine', 'atlas_owner')"
            " OR roles[1] = 'atlas_app' AND (coalesce(qual, 'true') = 'true' AND coalesce(with_check, 'true')"
            " = 'true'))"
        ).fetchall()
    assert unbound == []


def test_what_reads_past_the_policies_is_pinned_down(admin_url: str) -> None:
    """Definer's functions: the owner's, with a path of their own, and for nobody but the application."""
    with psycopg.connect(admin_url) as connection:
        found = connection.execute(
            "SELECT proname, pg_get_userbyid(proowner), proconfig::text,"
            " has_function_privilege('atlas_app', oid, 'EXECUTE'),"
            " EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0) OR proacl IS NULL"
            " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY proname"
        ).fetchall()
    path = '{"search_path=pg_catalog, pg_temp"}'
    assert found == [
        (name, "atlas_owner", path, True, False)
        for name in (
            "atlas_actors",
            "atlas_granted",
            "atlas_login",
            "atlas_member_of",
            "atlas_reaches_all_of",
            "atlas_run_source",
            "atlas_run_source_tenant",
            "atlas_run_tenant",
            "atlas_users",
        )
    ]


@pytest.mark.parametrize("options", ["", AS_ENGINE], ids=["application", "engine"])
def test_nobody_can_go_past_the_policies(database_url: str, options: str) -> None:
    with psycopg.connect(database_url, options=options) as connection:
        row = connection.execute(
            "SELECT session_user::text, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
            " pg_has_role('atlas_owner', 'MEMBER'), pg_has_role(session_user, 'atlas_engine', 'USAGE')"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT hash FROM api_tokens")
    assert row == ("atlas_app", False, False, False, False, False, False)


def test_every_connection_of_an_installation_is_the_applications(atlas: Any, admin_url: str) -> None:
    atlas.new_place()
    with psycopg.connect(admin_url) as connection:
        found = connection.execute(
            "SELECT DISTINCT application_name, usename FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'atlas%'"
        ).fetchall()
    assert {role for _, role in found} == {"atlas_app"}
    assert {"atlas", "atlas queue", "atlas live"} <= {name for name, _ in found}


def opened(url: str) -> None:
    async def main() -> None:
        database = Database(url, max_connections=1)
        await database.open()
        await database.close()

    asyncio.run(main())


def test_a_process_does_not_begin_as_a_role_that_sees_everything(admin_url: str) -> None:
    with pytest.raises(ConfigurationError, match="must connect as atlas_app"):
        opened(admin_url)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param("ALTER ROLE {0} BYPASSRLS", "bypasses row-level security", id="bypasses"),
        pytest.param("GRANT atlas_owner TO {0}", "as the tables' owner", id="owns"),
        pytest.param("GRANT atlas_engine TO {0}", "inherits from atlas_engine", id="inherits"),
        pytest.param("SELECT '{0}'", "may not become atlas_engine", id="cannot-work"),
    ],
)
def test_a_process_does_not_begin_as_a_role_with_other_powers(
    admin_url: str, database_url: str, make: str, says: str
) -> None:
    name, password = f"other_{new_id().hex}", new_id().hex
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'".encode())
        try:
            connection.execute(make.format(name).encode())
            where = psycopg.conninfo.make_conninfo(database_url, user=name, password=password)
            with pytest.raises(ConfigurationError, match=says):
                opened(where)
        finally:
            connection.execute(f"DROP ROLE {name}".encode())


# --- actors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", OF_WORKSPACES, ids=lambda table: table.name)
def test_nobody_sees_nothing(world: World, table: Table) -> None:
    assert world.seen(NOBODY, table) == []
    assert world.seen(user(new_id()), table) == []


@pytest.mark.parametrize("name", OURS_ALONE)
def test_what_is_the_engines_is_refused_to_all_others(world: World, name: str) -> None:
    assert world.seen(ENGINE, metadata.tables[name]) != []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.seen(user(world.owner), metadata.tables[name])


@pytest.mark.parametrize("name", OF_INSTALLATION)
def test_what_is_the_installations_is_seen_by_runs_and_not_by_users(world: World, name: str) -> None:
    table = metadata.tables[name]
    assert world.seen(ENGINE, table) != []
    assert world.seen(run(world.here), table) != []
    assert world.seen(NOBODY, table) == world.seen(user(world.owner), table) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.ask(run(world.here), lambda database: database.execute(delete(table)))


@pytest.mark.parametrize("table", OF_WORKSPACES, ids=lambda table: table.name)
def test_an_owner_sees_the_workspace_and_nothing_of_another(world: World, table: Table) -> None:
    rows = world.seen(user(world.owner), table)
    assert rows != []
    assert not any(is_of(row, table, world.there) for row in rows)
    assert any(is_of(row, table, world.here) for row in rows)
    assert any(is_of(row, table, world.beside) for row in rows)


@pytest.mark.parametrize("table", OF_WORKSPACES, ids=lambda table: table.name)
def test_the_same_sees_other_workspaces_without_row_level_security(open_world: World, table: Table) -> None:
    """The control: were the policies gone, the test above would fail, for every table."""
    rows = open_world.seen(user(open_world.owner), table)
    assert any(is_of(row, table, open_world.there) for row in rows)


@pytest.mark.parametrize(
    "table", [table for table in OF_WORKSPACES if "tenant_id" in table.c], ids=lambda table: table.name
)
def test_a_member_sees_the_granted_tenants_only(world: World, open_world: World, table: Table) -> None:
    def tenants_seen(place: World) -> set[UUID]:
        return {row.tenant_id for row in place.seen(user(place.operator), table)}

    assert tenants_seen(world) == {world.here.tenant}
    assert {open_world.beside.tenant, open_world.there.tenant} <= tenants_seen(open_world)


def test_a_member_sees_of_the_tenants_the_granted_one(world: World) -> None:
    assert [row.id for row in world.seen(user(world.operator), tenants)] == [world.here.tenant]


LISTINGS = {name: value for name, value in vars(lists).items() if isinstance(value, Listing)}


@pytest.mark.parametrize("name", LISTINGS)
def test_no_list_shows_another_workspace_when_it_forgets_whose_it_is(
    world: World, open_world: World, name: str
) -> None:
    listing = LISTINGS[name]
    statement = select(*listing.rows.selection(name for name in ALWAYS if name in listing.rows.columns))
    statement = statement.add_columns(*listing.sort_columns).where(*listing.link)

    def workspaces_seen(place: World) -> set[UUID]:
        rows = place.ask(user(place.owner), lambda database: database.fetch(statement))
        # Without a workspace: an own token that is bound to none.
        return {row.workspace_id for row in rows} - {None}

    assert workspaces_seen(world) == {world.here.workspace}
    assert open_world.there.workspace in workspaces_seen(open_world)


OWNED = [table for table in OF_WORKSPACES if "workspace_id" in table.c and table.name != "memberships"]


@pytest.mark.parametrize("table", [table for table in OWNED if table is not tenants], ids=lambda t: t.name)
@pytest.mark.parametrize("who", ["owner", "operator"])
def test_nobody_writes_into_another_workspace(world: World, table: Table, who: str) -> None:
    values = required_values(table.name, world.there)
    if table.name == "audit_entries":
        values["actor_id"] = getattr(world, who)

    async def write(database: ScopedDatabase) -> None:
        await database.execute(insert(table).values(**values))

    # An audit entry is refused by its own trigger, which finds no such tenant.
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ForeignKeyViolation)
    with pytest.raises(refusals, match=r"row-level security|names a tenant"):
        world.ask(user(getattr(world, who)), write)


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
@pytest.mark.parametrize("who", ["owner", "operator"])
def test_nobody_changes_or_deletes_rows_of_another_workspace(world: World, table: Table, who: str) -> None:
    theirs = table.c.workspace_id == world.there.workspace
    if table.name in UNCHANGED:  # refused to everybody; for audit entries, see test_defences too
        moved = update(table).where(theirs).values(workspace_id=world.here.workspace)
        for statement in (moved, delete(table).where(theirs)):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                world.ask(
                    user(getattr(world, who)), lambda database, asked=statement: database.execute(asked)
                )
        return

    async def work(database: ScopedDatabase) -> tuple[int, int]:
        async with database.begin() as tx:
            changed = await tx.execute(update(table).where(theirs).values(workspace_id=world.here.workspace))
            return changed, await tx.execute(delete(table).where(theirs))

    assert world.ask(user(getattr(world, who)), work) == (0, 0)


def test_rows_are_not_moved_out_of_reach(world: World) -> None:
    """A row that is seen cannot be given away, not even to a tenant of the same workspace."""

    async def work(database: ScopedDatabase) -> None:
        of_set = backup_sets.c.id == world.here.rows["backup_sets"]
        await database.execute(update(backup_sets).where(of_set).values(tenant_id=world.beside.tenant))

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        world.ask(user(world.operator), work)


def test_nobody_speaks_in_the_name_of_another(world: World) -> None:
    entry = {**required_values("audit_entries", world.here), "actor_id": world.operator}

    async def work(database: ScopedDatabase) -> None:
        await database.execute(insert(metadata.tables["audit_entries"]).values(**entry))

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        world.ask(user(world.owner), work)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"plane": "platform", "workspace_id": None}, id="of-the-platform"),
        pytest.param({"workspace_id": None}, id="for-every-workspace"),
        pytest.param({"user_id": "operator"}, id="of-another"),
    ],
)
def test_nobody_makes_a_token_but_for_themselves_and_a_workspace(
    world: World, values: dict[str, Any]
) -> None:
    row = required_values("api_tokens", world.here) | {"user_id": "owner"} | values
    row["user_id"] = getattr(world, row["user_id"])

    async def work(database: ScopedDatabase) -> None:
        await database.execute(insert(metadata.tables["api_tokens"]).values(**row))

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        world.ask(user(world.owner), work)


@pytest.mark.parametrize(("who", "invited_by"), [("owner", "operator"), ("operator", "operator")])
def test_nobody_invites_in_the_name_of_another_nor_without_reaching_the_workspace(
    world: World, who: str, invited_by: str
) -> None:
    row = required_values("invitations", world.here) | {"invited_by": getattr(world, invited_by)}

    async def work(database: ScopedDatabase) -> None:
        await database.execute(insert(metadata.tables["invitations"]).values(**row))

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        world.ask(user(getattr(world, who)), work)


@pytest.mark.parametrize(
    "change", ["user_id", "plane", "expires_at", "workspace_id", "capabilities", "revoked_at"]
)
def test_what_a_token_is_good_for_is_never_changed(world: World, change: str) -> None:
    """The engine may revoke it and nothing else; the application not even that."""
    tokens = metadata.tables["api_tokens"]

    async def work(database: ScopedDatabase) -> None:
        await database.execute(update(tokens).values(**{change: tokens.c[change]}))

    scopes = [user(world.owner)] if change == "revoked_at" else [user(world.owner), ENGINE]
    for scope in scopes:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            world.ask(scope, work)


@pytest.mark.parametrize("table", OF_WORKSPACES, ids=lambda table: table.name)
def test_the_engine_sees_all(world: World, table: Table) -> None:
    rows = world.seen(ENGINE, table)
    assert any(is_of(row, table, world.here) for row in rows)
    assert len(rows) > len(world.seen(user(world.owner), table))


# --- runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", OF_WORKSPACES, ids=lambda table: table.name)
def test_a_run_sees_its_tenant_and_nothing_of_another(world: World, table: Table) -> None:
    rows = world.seen(run(world.here), table)
    assert all(is_of(row, table, world.here) for row in rows)
    assert bool(rows) == (table.name not in KEPT_FROM_RUNS)


@pytest.mark.parametrize("table", OF_WORKSPACES, ids=lambda table: table.name)
def test_a_run_would_see_others_without_row_level_security(open_world: World, table: Table) -> None:
    rows = open_world.seen(run(open_world.here), table)
    assert not all(is_of(row, table, open_world.here) for row in rows)


@pytest.fixture
def restoring(world: World) -> Scope:
    """A run of the first tenant that restores what the second one's backup set holds."""
    plan, run_id = new_id(), new_id()
    source = {"source_tenant_id": world.beside.tenant, "backup_set_id": world.beside.rows["backup_sets"]}
    with psycopg.connect(world.url, autocommit=True, options=AS_ENGINE) as connection:
        content = required_values("backup_contents", world.beside)
        add(connection, "backup_contents", **content)
        item = required_values("backup_items", world.beside) | {"content_hash": content["hash"]}
        add(connection, "backup_items", **item)
        # Another set of the same tenant, that nobody declared.
        other = required_values("backup_sets", world.beside)
        add(connection, "backup_sets", **other)
        add(connection, "restore_runs", **required_values("restore_runs", world.here) | {"id": plan} | source)
        works_on = {"id": run_id, "subject_kind": "RestoreRun", "subject_id": plan}
        add(connection, "operation_runs", **required_values("operation_runs", world.here) | works_on)
    return Scope(kind="run", run_id=run_id)


def test_a_restore_sees_the_set_that_it_declares(world: World, restoring: Scope) -> None:
    """The set, its items and their contents, and whose they are; no other set of that tenant."""

    def beside(name: str) -> list[Any]:
        table = metadata.tables[name]
        column = table.c.id if name == "tenants" else table.c.tenant_id
        return world.seen(restoring, table, column == world.beside.tenant)

    assert [row.id for row in beside("tenants")] == [world.beside.tenant]
    assert [row.id for row in beside("backup_sets")] == [world.beside.rows["backup_sets"]]
    items = beside("backup_items")
    assert {row.backup_set_id for row in items} == {world.beside.rows["backup_sets"]}
    assert {row.hash for row in beside("backup_contents")} == {row.content_hash for row in items} - {None}
    for name in ("operation_runs", "run_items", "policies", "providers", "restore_runs", "audit_entries"):
        assert beside(name) == [], name
    assert world.seen(restoring, tenants, tenants.c.id == world.there.tenant) == []


@pytest.mark.parametrize("name", ["backup_sets", "backup_items", "backup_contents", "tenants"])
def test_a_restore_changes_nothing_of_its_source(world: World, restoring: Scope, name: str) -> None:
    table = metadata.tables[name]
    theirs = (table.c.id if name == "tenants" else table.c.tenant_id) == world.beside.tenant

    async def work(database: ScopedDatabase) -> tuple[int, int]:
        changed = await database.execute(update(table).where(theirs).values(created_at=func.now()))
        return changed, await database.execute(delete(table).where(theirs))

    assert world.ask(restoring, work) == (0, 0)


@pytest.mark.parametrize("name", ["restore_items", "plugin_documents"])
def test_a_run_writes_nothing_to_another_tenant(world: World, name: str) -> None:
    other = required_values(name, world.beside)

    async def work(database: ScopedDatabase) -> None:
        await database.execute(insert(metadata.tables[name]).values(**other))

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        world.ask(run(world.here), work)


def test_a_run_changes_no_other_run(world: World) -> None:
    async def work(database: ScopedDatabase) -> int:
        changing = update(operation_runs).values(dedupe_hits=operation_runs.c.dedupe_hits + 1)
        return await database.execute(changing)

    assert len(world.seen(ENGINE, operation_runs)) > 1
    assert world.ask(run(world.here), work) == 1


def test_a_run_is_not_moved_to_another_tenant(world: World) -> None:
    async def work(database: ScopedDatabase) -> None:
        await database.execute(update(operation_runs).values(tenant_id=world.beside.tenant))

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        world.ask(run(world.here), work)


# --- whose turn it is, is forgotten ----------------------------------------------------------------------

WHO = select(
    literal_column("current_user::text").label("role"),
    func.coalesce(func.current_setting("atlas.user_id", True), "").label("user"),
    func.coalesce(func.current_setting("atlas.run_id", True), "").label("run"),
)
BROKEN = select(literal_column("1") / func.length(bindparam("nothing", "")))
SLOW = select(func.pg_sleep(30))
SCOPES = [
    pytest.param(Scope(kind="actor", user_id=UUID(int=7)), id="actor"),
    pytest.param(Scope(kind="run", run_id=UUID(int=7)), id="run"),
    pytest.param(ENGINE, id="engine"),
]


async def fine(database: ScopedDatabase) -> None:
    await database.fetch(WHO)


async def in_transaction(database: ScopedDatabase) -> None:
    async with database.begin() as tx:
        await tx.fetch(WHO)
        await tx.fetch(WHO)


async def failed(database: ScopedDatabase) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await database.fetch(BROKEN)


async def failed_in_transaction(database: ScopedDatabase) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with database.begin() as tx:
            await tx.fetch(BROKEN)


async def cancelled(database: ScopedDatabase) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await database.fetch(SLOW)


async def cancelled_in_transaction(database: ScopedDatabase) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), database.begin() as tx:
            await tx.fetch(SLOW)


async def became_engine(database: ScopedDatabase) -> None:
    async with database.begin() as tx:
        tx.become_engine()
        await tx.fetch(WHO)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "use",
    [
        fine,
        in_transaction,
        failed,
        failed_in_transaction,
        cancelled,
        cancelled_in_transaction,
        became_engine,
    ],
)
def test_no_scope_is_left_on_a_connection(
    world: World, scope: Scope, use: Callable[[ScopedDatabase], Awaitable[None]]
) -> None:
    async def main() -> Any:
        database = Database(world.url, max_connections=1)
        await database.open()
        try:
            for _ in range(7):  # past the number of uses after which a statement is prepared
                await use(database.scope(scope))
            return await database.scope(NOBODY).one(WHO)
        finally:
            await database.close()

    assert tuple(asyncio.run(main())) == ("atlas_app", "", "")


def test_a_scope_reaches_every_statement_of_a_transaction(world: World) -> None:
    scope = user(world.owner)

    async def work(database: ScopedDatabase) -> list[Any]:
        seen = []
        async with database.begin() as tx:
            await tx.execute_many(SETTING, [{"value": "1"}, {"value": "2"}])
            seen.append(await tx.one(WHO))
        async with database.begin(snapshot=True) as tx:
            async for rows in tx.pages(WHO, size=10):
                seen += rows
            tx.become_engine()
            seen.append(await tx.one(WHO))

        async def step(tx: Transaction) -> Any:
            return await tx.one(WHO)

        return [*seen, await database.step(step)]

    mine = ("atlas_app", str(scope.user_id), "")
    assert [tuple(row) for row in world.ask(scope, work)] == [
        mine,
        mine,
        ("atlas_engine", str(scope.user_id), ""),
        mine,
    ]


SETTING = select(func.set_config("atlas.test", bindparam("value"), True))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_read_costs_one_round_trip(world: World, scope: Scope, tmp_path: Path) -> None:
    """As libpq tells it: all is sent before the first answer comes, and nothing after it."""
    told = tmp_path / "messages"

    async def work(database: ScopedDatabase) -> None:
        for _ in range(7):
            await database.fetch(WHO)  # prepared by now, as it is in a process that lives
        async with database._pool.connection() as connection:
            pgconn = connection.pgconn
        with told.open("w") as file:
            pgconn.trace(file.fileno())
            await database.fetch(WHO)
            pgconn.untrace()

    world.ask(scope, work)
    directions = [line.split("\t")[1] for line in told.read_text().splitlines()]
    assert [way for way, _ in groupby(directions)] == ["F", "B"]
    assert len(directions) > 10, "set_config and the statement, and what came back"


def test_a_run_without_a_plan_has_no_source(world: World) -> None:
    """A null is not everything; nor is a run that is gone."""
    assert world.seen(run(world.here), backup_sets, backup_sets.c.tenant_id != world.here.tenant) == []
    assert world.seen(Scope(kind="run", run_id=new_id()), backup_sets) == []


def test_what_is_refused_at_the_end_of_a_statement_says_so(world: World) -> None:
    """A deferred constraint is checked by the commit, which a pipeline has no words for."""
    values = required_values("idempotency_keys", world.here) | {"run_id": new_id()}

    async def write(database: ScopedDatabase) -> None:
        await database.execute(insert(metadata.tables["idempotency_keys"]).values(**values))

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        world.ask(user(world.owner), write)


# --- copies of the database ------------------------------------------------------------------------------


@pytest.fixture
def member_of_owner(quiet: TestDatabase) -> Iterator[str]:
    """The database as somebody who may migrate it, and nothing more."""
    name, password = f"member_{new_id().hex}", new_id().hex
    with psycopg.connect(quiet.admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE atlas_owner".encode())
        yield psycopg.conninfo.make_conninfo(quiet.url, user=name, password=password)
        connection.execute(f"DROP ROLE {name}".encode())


def dumped(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    program = wheel_folder() / "pg_dump"
    return subprocess.run(
        [program, "--data-only", "--table=tenants", *options, url],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_copy_made_as_documented_is_whole(world: World, member_of_owner: str) -> None:
    copy = dumped(member_of_owner, "--enable-row-security")
    assert (copy.returncode, copy.stderr) == (0, "")
    assert all(str(place.tenant) in copy.stdout for place in (world.here, world.beside, world.there))


def test_a_copy_that_could_be_less_than_whole_is_refused(member_of_owner: str, database_url: str) -> None:
    for url in (member_of_owner, database_url):
        copy = dumped(url)
        assert copy.returncode != 0
        assert "row-level security" in copy.stderr
