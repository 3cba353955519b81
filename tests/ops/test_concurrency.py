"""Any number of starts of one thing at once lead to one run, on every server."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from atlas_gql.access.tokens import actors_of_tokens
from atlas_gql.db.database import Database
from atlas_gql.ops.engine import Engine
from atlas_gql.plugins.loading import discover, load_operations
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TEST_URL, TestDatabase, fresh_database
from support.paths import DATA_DIR

THREADS, EACH = 8, 25
OPERATIONS = load_operations(discover())
FETCH = OPERATIONS["assignments.fetch"]


@pytest.fixture(scope="module", params=["embedded", *(["separate"] if os.environ.get(TEST_URL) else [])])
def database(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database without workers, on the embedded server and on the one that is configured."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "embedded":
            patch.delenv(TEST_URL, raising=False)
        with fresh_database(DATA_DIR) as database:
            yield database


@pytest.fixture(scope="module")
def atlas(database: TestDatabase) -> Iterator[Installation]:
    with installation(database, worker=False) as running:
        yield running


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place()


def start_all(database: TestDatabase, place: Place, keys: list[str | None]) -> list[UUID]:
    """The runs that these starts are given: at once, from several threads with a pool of their own each."""
    with psycopg.connect(database.admin_url) as connection:
        (token_id,) = connection.execute(
            "SELECT id FROM api_tokens WHERE user_id = %s", [place.user]
        ).fetchone()
    at_once = threading.Barrier(THREADS)

    async def ring(_run: UUID, _type: str) -> None:
        """Nobody listens."""

    async def start(given: list[str | None]) -> list[UUID]:
        own = Database(database.url, max_connections=5)
        await own.open()
        try:
            actor = (await actors_of_tokens(own, [token_id]))[token_id]
            engine = Engine(own, OPERATIONS, ring)
            at_once.wait()
            started = await asyncio.gather(
                *(
                    engine.start(
                        actor,
                        FETCH,
                        tenant_id=place.tenant,
                        workspace_id=place.workspace,
                        given=FETCH.input(),
                        idempotency_key=key,
                        request_id="a test",
                    )
                    for key in given
                )
            )
        finally:
            await own.close()
        return [one.run_id for one in started]

    with ThreadPoolExecutor(THREADS) as threads:
        parts = [keys[n::THREADS] for n in range(THREADS)]
        return [run for runs in threads.map(lambda part: asyncio.run(start(part)), parts) for run in runs]


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([None] * THREADS * EACH, id="without keys"),
        pytest.param(["the same"] * THREADS * EACH, id="with one key"),
        pytest.param([str(n) for n in range(THREADS * EACH)], id="with a key each"),
    ],
)
def test_200_starts_of_one_identity_hold_one_run(
    database: TestDatabase, place: Place, keys: list[str | None]
) -> None:
    held = start_all(database, place, keys)
    with psycopg.connect(database.admin_url) as connection:
        active = connection.execute(
            "SELECT id FROM operation_runs WHERE tenant_id = %s AND status <> 'completed'", [place.tenant]
        ).fetchall()
        sets = connection.execute(
            "SELECT count(*) FROM backup_sets WHERE tenant_id = %s", [place.tenant]
        ).fetchone()
    assert (len(held), set(held), [id_ for (id_,) in active], sets) == (
        THREADS * EACH,
        {held[0]},
        [held[0]],
        (1,),
    )
