"""Archives and deletions on the database: what goes in comes out, for a fixed number of statements a page."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from atlas_gql.audit import ITSELF
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.errors import ArchiveInvalid
from atlas_gql.ops.archives import PAGE, Imported, export_set, import_set
from atlas_gql.ops.deletion import delete_backup_set
from atlas_gql.testing.installation import Installation, Place
from support.ages import contents_of, sets_of
from support.archives import LARGEST, Set, content, facts, read, record, sets, written

T = TypeVar("T")


@pytest.fixture(scope="module")
def home(atlas: Installation) -> Place:
    return atlas.new_place(provider=False)


def on(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` gives, with a database of its own."""

    async def run() -> T:
        database = Database(url, max_connections=1)
        await database.open()
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


async def taken_in(database: Database, home: Place, archive: bytes) -> Imported:
    return await import_set(
        database.scope(ENGINE),
        ITSELF,
        io.BytesIO(archive),
        tenant_id=home.tenant,
        workspace_id=home.workspace,
        largest=LARGEST,
    )


async def taken_out(database: Database, home: Place, set_id: UUID) -> bytes:
    file = io.BytesIO()
    await export_set(database.scope(ENGINE), ITSELF, file, set_id=set_id, tenant_id=home.tenant)
    return file.getvalue()


def resolved(archive: bytes) -> Any:
    """What an archive says, whatever its contents are called."""
    about, contents, records = read(archive)
    return about, [
        (record.order, {**record.to_json(), "content": record.content and contents[record.content]})
        for record in records
    ]


@given(sets())
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking would go through the database a thousand times
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_was_exported_imported_and_exported_again_says_the_same(
    home: Place, database_url: str, given: Set
) -> None:
    archive = written(*given)

    async def there_and_back(database: Database) -> tuple[bytes, bytes]:
        first = await taken_out(database, home, (await taken_in(database, home, archive)).set_id)
        second = await taken_out(database, home, (await taken_in(database, home, first)).set_id)
        return first, second

    first, second = on(database_url, there_and_back)
    assert resolved(first) == resolved(archive)
    assert resolved(second) == resolved(archive)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of this test's own event loops."""
    seen: list[str] = []
    for name in ("fetch", "execute", "pages"):
        original = getattr(Transaction, name)

        def counted(
            self: Any, statement: Any, *args: Any, _original: Any = original, **parameters: Any
        ) -> Any:
            if _is_plain():
                seen.append(" ".join(str(statement).split())[:60])
            return _original(self, statement, *args, **parameters)

        monkeypatch.setattr(Transaction, name, counted)
    return seen


def _is_plain() -> bool:
    """Whether this is a loop of `asyncio.run`; the installation has another kind."""
    return type(asyncio.get_running_loop()).__module__.startswith("asyncio")


def large(count: int) -> bytes:
    held = [content(scopeTagIds=[str(n)]) for n in range(count)]
    records = sorted((record(of, id=f"p{n}") for n, of in enumerate(held)), key=lambda made: made.order)
    return written(facts(), held, records)


def test_a_set_costs_two_statements_in_three_a_page_and_no_more(
    home: Place, database_url: str, statements: list[str]
) -> None:
    costs: dict[int, dict[str, int]] = {}
    for pages in (1, 3):
        archive, cost = large(PAGE * pages), {}

        async def work(database: Database, archive: bytes = archive, cost: dict[str, int] = cost) -> None:
            statements.clear()
            made = await taken_in(database, home, archive)
            cost["import"] = len(statements)
            statements.clear()
            await taken_out(database, home, made.set_id)
            cost["export"] = len(statements)
            statements.clear()
            async with database.scope(ENGINE).begin() as tx:
                await delete_backup_set(tx, ITSELF, set_id=made.set_id, tenant_id=home.tenant)
            cost["delete"] = len(statements)

        on(database_url, work)
        costs[pages] = cost
    assert costs == {
        # The tenant, the set, the audit entry; a page: its lock, contents, items.
        1: {"import": 6, "export": 4, "delete": 6},
        3: {"import": 12, "export": 4, "delete": 6},
    }


def test_an_import_that_fails_on_its_last_line_leaves_nothing(
    home: Place, database_url: str, admin_url: str
) -> None:
    before = (sets_of(admin_url, home), contents_of(admin_url, home))
    held = [content(scopeTagIds=[f"left {n}"]) for n in range(PAGE + 10)]
    records = [record(held[n], id=f"{n:05}") for n in range(PAGE + 9)]  # one content has no item
    with pytest.raises(ArchiveInvalid):
        on(database_url, lambda database: taken_in(database, home, written(facts(), held, records)))
    assert (sets_of(admin_url, home), contents_of(admin_url, home)) == before


def test_the_same_archive_at_the_same_time_is_imported_once(home: Place, database_url: str) -> None:
    archive = written(facts(), [content()], [record(content())])

    async def twice() -> list[Imported]:
        database = Database(database_url, max_connections=2)
        await database.open()
        try:
            return list(await asyncio.gather(*(taken_in(database, home, archive) for _ in range(2))))
        finally:
            await database.close()

    first, second = asyncio.run(twice())
    assert first.set_id == second.set_id
    assert {first.deduplicated, second.deduplicated} == {True, False}
