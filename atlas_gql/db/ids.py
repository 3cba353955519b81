"""Keys: UUIDv7, which sort by the time they were made."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new key, greater than every key made before it in this process."""
    return uuid7()
