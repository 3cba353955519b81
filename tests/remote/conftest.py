"""The commands of administrators in this process, against a whole installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from atlas_gql import logs
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Place
from support.gate import Gate, gate
from support.loopback import loopback
from support.shell import Shell


@pytest.fixture(autouse=True)
def unharmed(simulator: Running) -> Iterator[None]:
    """What a test lets go wrong goes well again in the next one, wherever that stands."""
    yield
    loopback.delete(f"{simulator.url}/_simulator/faults").raise_for_status()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell of somebody who is not logged in."""
    # The runner's standard error is closed after each run; other tests go on logging.
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    for name in ("ATLAS_URL", "ATLAS_TOKEN", "ATLAS_PROFILE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    with capture_logs():  # the installation's, which lives in this process
        yield Shell(environment={"XDG_CONFIG_HOME": str(tmp_path / "config"), "COLUMNS": "100"})


@pytest.fixture
def as_user(nobody: Shell, place: Place) -> Callable[..., Shell]:
    """A function that gives the shell of whoever has the token, at the installation or another address."""

    def shell(token: str, url: str = "") -> Shell:
        access = {"ATLAS_URL": url or place.atlas.url, "ATLAS_TOKEN": token}
        return Shell(environment={**nobody.environment, **access})

    return shell


@pytest.fixture
def shell(as_user: Callable[..., Shell], place: Place) -> Shell:
    """The shell of the place's owner."""
    return as_user(place.token)


@pytest.fixture
def door(place: Place) -> Iterator[Gate]:
    """A gate before the API."""
    with gate(place.atlas.url) as made:
        yield made


@pytest.fixture
def in_database(admin_url: str) -> Callable[..., None]:
    """A function that executes a statement past all defences."""

    def execute(statement: str, *values: Any) -> None:
        with psycopg.connect(admin_url) as connection:
            connection.execute(statement, values)

    return execute


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that puts a person before the command, who gives these answers."""

    def answer(*answers: str) -> None:
        left = iter(answers)
        monkeypatch.setattr("atlas_gql.cli.remote.confirming.at_terminal", lambda: True)
        monkeypatch.setattr("typer.prompt", lambda *_, **__: next(left))
        monkeypatch.setattr("typer.confirm", lambda *_, **__: next(left) == "y")

    return answer
