"""A schedule as a person reads it: what it starts, when, where, and what came of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding

from atlas_gql.cli.output import clean, grid, table
from atlas_gql.cli.remote.run_view import how, listed
from atlas_gql.cli.remote.words import count, moment, plain, word

Schedule = Mapping[str, Any]

COLUMNS = {
    "name": "Schedule",
    "operationType": "Starts",
    "cron": "When",
    "timeZone": "Time zone",
    "where": "Tenants",
    "next": "Next",
    "last": "Last time",
}
_RUNS = {"tenant": "Tenant", "how": "How it ended", "created": "Started", "uuid": "Run"}


def row_of(schedule: Schedule) -> dict[str, Any]:
    """A schedule as a row of `COLUMNS`."""
    return {
        **schedule,
        "where": _where(schedule),
        "next": _next(schedule),
        "last": _last(schedule["lastTick"]),
    }


def schedule_lines(schedule: Schedule) -> Iterator[RenderableType]:
    """All of a schedule, with the runs that it started last."""
    schedule = clean(schedule)
    yield f"{schedule['name']} starts {schedule['operationType']}"
    yield Padding(grid((name, value) for name, value in _facts(schedule) if value), (0, 0, 0, 2))
    if runs := schedule["runs"]["nodes"]:
        rows = [{**listed(run), "how": how(run)} for run in runs]
        yield Padding(table(rows, _RUNS), (0, 0, 0, 2))


def _facts(schedule: Schedule) -> Iterator[tuple[str, str | None]]:
    jitter = schedule["jitterSeconds"]
    yield "id", schedule["uuid"]
    yield "when", f"{schedule['cron']} {schedule['timeZone']}"
    yield "spread over", count(jitter, "second") if jitter else None
    yield "tenants", _named(schedule)
    yield "input", plain(schedule["input"], whole=True) if schedule["input"] else None
    yield "owner", schedule["owner"]["name"] or "no member any more"
    yield "next", _next(schedule)
    yield "then", ", ".join(map(moment, schedule["nextTicks"][1:]))
    yield "last time", _last(schedule["lastTick"])


def _where(schedule: Schedule) -> str:
    return "all" if schedule["allTenants"] else str(schedule["tenants"]["totalCount"])


def _named(schedule: Schedule) -> str:
    if schedule["allTenants"]:
        return "all"
    found = schedule["tenants"]
    left = found["totalCount"] - len(found["nodes"])
    names = [tenant["name"] for tenant in found["nodes"]]
    return ", ".join([*names, count(left, "more", "more")] if left else names) or "none"


def _next(schedule: Schedule) -> str:
    if schedule["enabled"]:
        return moment(schedule["nextAt"])
    reason = word(schedule["disabledReason"])
    return f"disabled: {reason}" if reason else "disabled"


def _last(tick: Mapping[str, Any] | None) -> str:
    if tick is None:
        return ""
    counted = (("started", "started"), ("deduplicated", "active already"), ("archived", "archived"))
    said = ["missed"] if tick["missed"] else []
    said += [f"{tick[key]} {words}" for key, words in counted if tick[key]]
    said += [f"{one['tenants']} refused ({one['code']})" for one in tick["refusals"]]
    return f"{moment(tick['dueAt'])}: {', '.join(said) or 'nothing to start'}"
