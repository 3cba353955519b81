"""Colour and progress are for terminals; a pipe gets plain text."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from support.steps import backed_up, damaged


def test_colour_and_progress_on_a_terminal_only(shell, place):
    backed_up(place)
    damaged(place)
    command = [sys.executable, "-m", "atlas_gql.cli", "restore", "plan"]
    env = {**os.environ, **shell.environment, "TERM": "xterm-256color", "NO_COLOR": ""}
    env.pop("NO_COLOR")
    piped = subprocess.run(command, env=env, capture_output=True, check=True, timeout=60)
    assert (b"\x1b" in piped.stdout, piped.stderr) == (False, b"")
    seen = on_a_terminal(command, env)
    assert b"\x1b[1;31mReaches further" in seen
    assert b"Planning for Larkspur Logistics" in seen
    assert b"63/63" in seen


def test_a_file_on_its_way_is_shown_on_a_terminal_only(shell, place, tmp_path):
    backed_up(place)
    command = [sys.executable, "-m", "atlas_gql.cli", "backup", "export", "latest", tmp_path / "a.zip"]
    env = {**os.environ, **shell.environment, "TERM": "xterm-256color"}
    piped = subprocess.run(command, env=env, capture_output=True, check=True, timeout=60)
    assert (b"Exporting" in piped.stdout, piped.stderr) == (False, b"")
    size = (tmp_path / "a.zip").stat().st_size
    seen = on_a_terminal([*command, "--force"], env)
    assert b"Exporting to a.zip" in seen
    assert b"%.1f/%.1f kB" % (size / 1000, size / 1000) in seen


def on_a_terminal(command: list[str], env: dict[str, str]) -> bytes:
    """All that a command prints on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so at a terminal's end
                break
            if not piece:
                break
            seen += piece
        os.close(ours)
        assert process.wait(30) == 0, seen
    return seen


def test_a_command_of_administrators_loads_no_database():
    """They would take three times as long to start."""
    code = (
        "import sys; from atlas_gql.cli.command import build, remote\n"
        "from typer.main import get_command\n"
        "assert set(get_command(build(remote_only=True)).commands) == remote.NAMES\n"
        "print(sorted({'sqlalchemy', 'strawberry', 'psycopg', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
