"""From a filter input to the parameters of a list's predicates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from atlas_gql.errors import BadUserInput


def given(**conditions: Any) -> dict[str, Any]:
    """The conditions that were given, as values that hash and that the database takes.

    Raises BadUserInput for text that no column can hold and for an instant without a time zone.
    """
    return {name: _value(value) for name, value in conditions.items() if value is not None}


def containing(part: str | None) -> str | None:
    """A LIKE pattern for text that contains this."""
    if part is None:
        return None
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(item) for item in value)
    if isinstance(value, str):
        if "\0" in value:
            raise BadUserInput("`filter` holds a NUL character.", "filter")
        # An enum's member is its stored value; the driver wants the plain text.
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise BadUserInput("A time in `filter` lacks its time zone.", "filter")
    return value
