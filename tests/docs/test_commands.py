"""The commands that the documentation shows exist, with these options, and do what they are shown for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.main import get_command
from typer.testing import CliRunner

from atlas_gql import logs
from atlas_gql.cli import app
from atlas_gql.providers.sealing import generate_key
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support import patterns
from support.certificates import certificate_of, pem, pfx
from support.documents import PAGES, blocks, commands, spans
from support.paths import DATA_DIR, ROOT

SHOWN = [command for page in PAGES for command in commands(page)]
MENTIONED = sorted({span for page in PAGES for span in spans(page) if re.match(r"atlas [a-z]", span)})
PROCESSES = {"serve", "worker", "dev", "demo", "simulator"}


def found(line: str) -> tuple[Any, list[str]]:
    """The command that a line calls, and what is left for it."""
    command, (_, *rest) = get_command(app), shlex.split(line)
    while rest and rest[0] in getattr(command, "commands", {}):
        command, *rest = command.commands[rest[0]], *rest[1:]
    return command, rest


@pytest.mark.parametrize("line", [pytest.param(c.text, id=c.name) for c in SHOWN])
def test_a_command_is_shown_with_all_that_it_needs(line: str):
    command, arguments = found(line)
    assert not hasattr(command, "commands"), "no such command"
    command.make_context("atlas", arguments)


@pytest.mark.parametrize("line", MENTIONED)
def test_a_command_that_is_mentioned_exists_and_has_these_options(line: str):
    command, arguments = found(line)
    assert not (arguments and hasattr(command, "commands")), "no such command"
    options = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= options


def test_options_in_the_text_exist():
    known = {
        option
        for line in (*MENTIONED, *(command.text for command in SHOWN))
        for parameter in found(line)[0].params
        for option in parameter.opts
    } | {"--help"}
    named = {span.split()[0] for page in PAGES for span in spans(page) if span.startswith("--")}
    assert sorted(named - known) == []


@pytest.fixture
def own_database() -> Iterator[TestDatabase]:
    """Other tests' credentials are sealed with keys that this installation does not have."""
    with fresh_database(DATA_DIR) as database:
        yield database


def test_the_setup_works_from_the_first_line_to_the_last(
    own_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Every command but those that go on running, page by page, in one installation."""
    monkeypatch.setattr(logs, "configure", lambda **_: None)  # the runner's stderr is closed after each run
    monkeypatch.setenv("ATLAS_DATABASE_URL", own_database.url)
    monkeypatch.setenv("ATLAS_DATABASE_ADMIN_URL", own_database.admin_url)
    monkeypatch.setenv("ATLAS_SECRET_KEY", generate_key())
    monkeypatch.setenv("APP_SECRET", os.urandom(12).hex())
    monkeypatch.chdir(tmp_path)
    write_certificate(tmp_path)
    for command in SHOWN:
        _, *arguments = shlex.split(command.text)
        if arguments[0] not in PROCESSES:
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, f"{command.name}: {result.output}"


def write_certificate(folder: Path) -> None:
    """`atlas.crt`, `atlas.key` and `atlas.pfx`, as the pages name them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "atlas.crt").write_text(certificate_of(key))
    (folder / "atlas.key").write_text(pem(key))
    (folder / "atlas.pfx").write_bytes(pfx(key))


@pytest.mark.parametrize("block", [pytest.param(b, id=b.name) for b in blocks("sql")])
def test_a_look_into_the_database_works_as_the_application(block, database_url: str):
    with psycopg.connect(database_url) as connection:
        connection.execute(block.text)


def test_make_has_the_targets_that_are_named():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for span in (*spans(page), *(line for b in blocks("sh", page) for line in b.text.splitlines()))
        for name in re.findall(r"^make ([a-z-]+)", span)
    }
    assert {"demo", "test", "dev"} <= named <= targets


def test_the_demo_prints_what_the_readme_shows():
    """But for what differs each time: times, ports, and how far the lines are filled."""
    (shown,) = (block.text for block in blocks("text", ROOT / "README.md") if "1. Start" in block.text)
    with fresh_database(DATA_DIR) as database:  # its own: another installation's workers would take its runs
        result = subprocess.run(
            [sys.executable, "-m", "atlas_gql.cli", "demo"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")},
                "ATLAS_DATABASE_URL": database.url,
                "ATLAS_SECRET_KEY": generate_key(),
                "COLUMNS": "100",
            },
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
    assert steady(result.stdout) == steady(shown)


def steady(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", "TIME", " ".join(patterns.steady(text).split()))
    text = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text)
    return re.sub(r"Done in \d+ seconds", "Done in N seconds", text)
