"""A run as a person reads it: how it ended, and what in it did not go well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from atlas_gql.cli.output import clean, grid, table
from atlas_gql.cli.remote.words import instant, moment, plain, word

Run = Mapping[str, Any]

COLUMNS = {"uuid": "Id", "type": "Operation", "how": "How it ended", "created": "Started"}
LOG_COLUMNS = {"at": "When", "attempt": "Attempt", "event": "What happened", "values": "With"}
SHORT = 20
_STYLES = {"SUCCEEDED": "green", "PARTIALLY_SUCCEEDED": "yellow", "PENDING": "", "CANCELLED": "yellow"}


def listed(run: Run) -> dict[str, Any]:
    """A run as a row of `COLUMNS`."""
    tenant = run["tenant"]["name"] if run["tenant"] else ""
    return {
        **run,
        "how": f"{how(run)}: {counts_of(run)}",
        "tenant": tenant,
        "created": moment(run["createdAt"]),
    }


def logged(line: Run) -> dict[str, Any]:
    """A line of a run's log as a row of `LOG_COLUMNS`."""
    values = [f"{name}={plain(value, whole=True)}" for name, value in line["data"].items()]
    return {**line, "at": instant(line["at"]), "values": " ".join(values)}


def how(run: Run) -> str:
    """Where a run stands, or how it ended."""
    return word(run["outcome"] if run["status"] == "COMPLETED" else run["status"])


def end_lines(run: Run, items: Sequence[Run], *, whole: bool = False) -> Iterator[RenderableType]:
    """How a run ended, and its `items`, each with what became of it."""
    run, items = clean(run), clean(items)
    style = _STYLES.get(run["outcome"], "red")
    yield Text.assemble(f"{run['type']} ", (how(run), style), f": {counts_of(run)}")
    yield f"  run {run['uuid']}"
    for failure in run["failures"]:
        if failure["item"] is None:
            said = f"  {failure['reasonCode']}  {failure['message'] or failure['code']}"
            yield Text(said, style="red")
    if items:
        yield Padding(_items(items if whole else items[:SHORT]), (0, 0, 0, 2))
    if len(items) > SHORT and not whole:
        yield f"  ... and {len(items) - SHORT} more: `atlas runs show {run['uuid']} --all`"


def fact_lines(run: Run) -> Iterator[RenderableType]:
    """Who started a run, when, on what."""
    yield Padding(grid((name, value) for name, value in _facts(clean(run)) if value), (0, 0, 0, 2))


def _facts(run: Run) -> Iterator[tuple[str, str | None]]:
    yield "tenant", run["tenant"]["name"] if run["tenant"] else None
    yield "by", run["initiator"]["name"]
    yield "reason", run["reason"]
    yield "accepted", moment(run["createdAt"])
    yield "started", moment(run["startedAt"])
    yield "ended", moment(run["finishedAt"])
    yield "attempts", str(run["attempt"]) if run["attempt"] > 1 else None
    for entry in run["auditEntries"]["nodes"]:
        outcome = f", {word(entry['outcome'])}" if entry["outcome"] else ""
        yield "audit", f"{entry['action']} by {entry['actor']['name']}{outcome}"
    subject = run["subject"]
    yield "about", f"{_KINDS.get(subject['__typename'], 'thing')} {subject['uuid']}" if subject else None


_KINDS = {"BackupSet": "backup set", "RestoreRun": "plan"}


def counts_of(run: Run) -> str:
    """`60 done, 3 failed`; what there is none of is not named."""
    counters = run["counters"]
    others = [f"{counters[name]} {name}" for name in ("failed", "skipped") if counters[name]]
    return ", ".join([f"{counters['processed']} done", *others])


def _items(items: Sequence[Run]) -> Table:
    rows = [
        {
            "item": item["label"] or item["key"],
            "result": item["result"] or word(item["state"]),
            "reason": (item["failure"] or {}).get("reasonCode"),
            "message": (item["failure"] or {}).get("message"),
        }
        for item in items
    ]
    return table(rows, {"item": "Item", "result": "Result", "reason": "Reason", "message": "What happened"})
