"""Where tests keep what they make."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DATA_DIR = ROOT / ".atlas" / "test-postgres"
"""The embedded server that all test processes share."""
