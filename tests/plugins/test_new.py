"""`atlas plugins new` writes a plugin that is right as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from atlas_gql.cli import app
from support.paths import ROOT

LONG = "a" * 14 + "-" + "b" * 15
BIN = Path(sys.executable).parent


def new(*args: str) -> tuple[int, str]:
    """The exit code of `atlas plugins new`, and all that it says."""
    result = CliRunner().invoke(app, ["plugins", "new", *args])
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tool(folder: Path, *command: str) -> None:
    """Run a tool in a folder; it has nothing to say against it."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "src"), *filter(None, sys.path)])}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["x", "drift-watch", "two_words", LONG])
def test_what_is_written_is_in_form(elsewhere: Path, name: str):
    code, told = new(name)
    folder = elsewhere / f"atlas-{name.replace('_', '-')}"
    assert (code, f"cd {folder.name}\n" in told, "pip install -e" in told) == (0, True, True)
    tool(folder, "ruff", "format", "--check", "--no-cache")
    tool(folder, "ruff", "check", "--no-cache")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    plugin = name.replace("-", "_")
    assert project["entry-points"] == {"atlas_gql": {plugin: f"atlas_{plugin}.plugin"}}
    assert project["dependencies"] == ["atlas-gql>=0.1,<0.2"]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        ".gitignore",
        "README.md",
        "pyproject.toml",
        f"src/atlas_{plugin}/__init__.py",
        f"src/atlas_{plugin}/plugin.py",
        f"src/atlas_{plugin}/py.typed",
        "tests/conftest.py",
        "tests/test_plugin.py",
    ]


def test_what_is_written_is_typed(elsewhere: Path):
    new("drift-watch", "--directory", "here/it is")
    # All of Atlas is looked at, once: what is known of it is kept.
    tool(elsewhere / "here" / "it is", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "new-plugin"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("Upper", "is no name for a plugin", id="upper"),
        pytest.param("two words", "is no name for a plugin", id="space"),
        pytest.param("../up", "is no name for a plugin", id="path"),
        pytest.param("7days", "is no name for a plugin", id="digit"),
        pytest.param("a--b", "is no name for a plugin", id="dashes"),
        pytest.param("a-", "is no name for a plugin", id="dash-at-the-end"),
        pytest.param("größe", "is no name for a plugin", id="not-ascii"),
        pytest.param("", "is no name for a plugin", id="empty"),
        pytest.param("a" * 31, "at most 30 characters", id="long"),
        pytest.param("atlas-drift", "Leave out `atlas`", id="atlas"),
        pytest.param("class", "a word of Python's", id="keyword"),
        pytest.param("backups", "Atlas's own", id="subject"),
        pytest.param("assignments", "is installed already", id="installed"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_is_written(elsewhere: Path, name: str, why: str):
    code, told = new(name)
    assert (code, why in " ".join(told.split())) == (1, True), told
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_is_there_is_not_touched(elsewhere: Path):
    (elsewhere / "atlas-drift").mkdir()
    (elsewhere / "file").write_text("mine")
    for args in (["drift"], ["drift", "--directory", "file"], ["drift", "--directory", "file/below"]):
        code, told = new(*args)
        assert (code, "error: " in told) == (1, True), told
    assert list((elsewhere / "atlas-drift").iterdir()) == []
    assert (elsewhere / "file").read_text() == "mine"
