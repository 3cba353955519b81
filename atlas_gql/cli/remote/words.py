"""Values of the API as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

CUT = 60
"""Characters of a value that is no text, unless everything is to be shown."""


def moment(text: str | None) -> str:
    """A time of the API, to the minute, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if text else ""


def instant(text: str) -> str:
    """A time of the API, to the second, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def between(earlier: str, later: str) -> str:
    """How much time lies between two times of the API: `2 hours`."""
    seconds = int((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())
    for length, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            return count(seconds // length, noun)
    return "less than a minute"


def word(value: str | None) -> str:
    """An enum's value in lower case: `PARTIALLY_SUCCEEDED` is "partially succeeded"."""
    return (value or "").lower().replace("_", " ")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 policy`, `2 policies`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def policies(number: int) -> str:
    return count(number, "policy", "policies")


def target(thing: Mapping[str, Any]) -> str:
    """Whom an assignment names: `exclude "Kiosks" (12 members)`."""
    kind = thing["kind"]
    name = f'"{thing["name"] or thing["id"]}"' if kind == "GROUP" else word(kind)
    members = thing.get("memberCount")
    counted = "" if members is None else f" ({count(members, 'member')})"
    return f"{'exclude ' if thing['excluded'] else ''}{name}{counted}"


def plain(value: Any, *, whole: bool = False) -> str:
    """A value that an assignment has; a long one is cut."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if whole or len(text) <= CUT else f"{text[: CUT - 1]}…"
