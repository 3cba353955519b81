"""What differs in every run of a command: ids, times."""

from __future__ import annotations

import re

UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
_AGE = re.compile(r"less than a minute|\d+ (minute|hour|day)s?(?= before)")


def steady(text: str) -> str:
    """The text without ids, times and ages, and with its lines as they are."""
    return _AGE.sub("AGE", _TIME.sub("TIME", UUID.sub("ID", text)))
