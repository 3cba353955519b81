"""Runs that a test changes itself, and both ways of watching them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.runs import add_run, change, end, quiet_place
from support.watching import by_socket, by_sse


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Runs of a place, changed past the engine; each change is committed at once."""

    connection: psycopg.Connection[Any]
    place: Place

    def add(self, place: Place | None = None) -> UUID:
        """A running run that no worker touches."""
        return add_run(self.connection, place or self.place, status="running")

    def progress(self, run: UUID, processed: int) -> None:
        change(self.connection, run, processed=processed)

    def end(self, run: UUID) -> None:
        end(self.connection, run)

    def execute(self, statement: str, **values: Any) -> None:
        self.connection.execute(statement.encode(), values)


@pytest.fixture
def runs(atlas: Installation, admin_url: str) -> Iterator[Runs]:
    """The runs of a place of their own."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        yield Runs(connection=connection, place=quiet_place(atlas))


@pytest.fixture(params=[by_sse, by_socket], ids=["sse", "socket"])
def watch(request: pytest.FixtureRequest) -> Any:
    """A way to watch: gives the answers to a subscription."""
    return request.param


@pytest.fixture(scope="module")
def second(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """Another web process on the same database."""
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until something holds."""

    def wait(holds: Callable[[], bool], *, within: float = 10) -> None:
        end = time.monotonic() + within
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.02)

    return wait
