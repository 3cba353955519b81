"""What assignments of some kinds carry beside their target, and which values Graph takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,7})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A field of an assignment. Without a default, a write must name it."""

    name: str
    accepts: Callable[[Any], bool]
    default: Any = None
    required: bool = False
    v1: bool = False
    """Whether v1.0 knows the field."""


def one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_object_or_null(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def is_app_settings(value: Any) -> bool:
    """Null, or an object typed as the settings of some kind of app; its fields are kept verbatim."""
    if value is None:
        return True
    return isinstance(value, dict) and odata_type(value).endswith("AppAssignmentSettings")


def is_run_schedule(value: Any) -> bool:
    """Null, or one of the three schedules of a remediation, with all fields of its kind."""
    if value is None:
        return True
    if not isinstance(value, dict):
        return False
    checks = _SCHEDULES.get(odata_type(value))
    fields = value.keys() - {"@odata.type"}
    return checks is not None and fields == checks.keys() and all(checks[f](value[f]) for f in fields)


def odata_type(value: dict[str, Any]) -> str:
    """The name in `@odata.type`, with or without its `#`, below `microsoft.graph.`; empty for none."""
    return str(value.get("@odata.type", "")).removeprefix("#").removeprefix("microsoft.graph.")


def _is_interval(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_HOURLY: dict[str, Callable[[Any], bool]] = {"interval": _is_interval}
_DAILY = {**_HOURLY, "useUtc": is_bool, "time": _matches(_TIME)}
_SCHEDULES = {
    "deviceHealthScriptHourlySchedule": _HOURLY,
    "deviceHealthScriptDailySchedule": _DAILY,
    "deviceHealthScriptRunOnceSchedule": {**_DAILY, "date": _matches(_DATE)},
}
