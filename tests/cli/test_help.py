"""The help teaches: every command and option has a sentence, and what it shows works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from atlas_gql.cli import app
from atlas_gql.cli.command import HELP


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = command or get_command(app)
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*pair, id=" ".join(pair[0]) or "atlas") for pair in commands()]
)
def test_every_command_and_option_has_a_sentence(path, command, atlas):
    result = atlas(*path, "--help")
    assert result.exit_code == 0
    assert re.match(r"[A-Z].{10,}", (command.help or "").strip()), "the command has no help"
    assert [p.name for p in command.params if not re.match(r"[A-Z].{5,}", p.help or "")] == []


def test_the_example_of_a_first_setup_works(atlas, monkeypatch, made):
    """As it stands in `atlas --help`, but for what blocks or is not needed here."""
    example = HELP.split("\b\n")[1].split("\n\n")[0]
    assert example in atlas("--help").stdout.replace("\n    ", "\n  ").replace("\n\n    atlas", "\n  atlas")
    monkeypatch.setenv("APP_SECRET", "a~value")
    for line in example.replace("\\\n", " ").splitlines():
        _, *arguments = shlex.split(line)
        if arguments[0] in ("db", "serve"):
            continue
        asked = ["--from-env", "APP_SECRET"] if arguments[0] == "credential" else []
        result = atlas(*arguments, *asked)
        assert result.exit_code == 0, result.output
    [tenant] = made("tenant", "list", "--workspace", "Contoso")
    assert (tenant["name"], tenant["cloud"]) == ("Contoso EU", "global")
    assert [token["state"] for token in made("token", "list", "--user", "anna")] == ["valid"]


def test_without_a_command_the_help_is_shown(atlas):
    result = atlas()
    assert (result.exit_code, "A first setup, in order" in result.output) == (2, True)


def test_the_version_is_told(atlas):
    assert re.fullmatch(r"atlas \d+\.\d+\.\d+\n", atlas("--version").stdout)
