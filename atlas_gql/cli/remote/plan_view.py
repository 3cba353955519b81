"""A plan as a person reads it: the most dangerous first, the numbers and what to do at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from atlas_gql.cli.output import clean, grid
from atlas_gql.cli.remote.changes_view import COMPARED, LEGEND, policy_lines
from atlas_gql.cli.remote.mappings_view import mapping_lines
from atlas_gql.cli.remote.words import between, moment, policies

Plan = Mapping[str, Any]
Lines = Iterator[RenderableType]

REACH: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Reaches further", "red", ()),
    ("Reaches less", "yellow", ("POLICY_EMPTIED", "INCLUDE_REMOVED")),
    (
        "May not be what was backed up",
        "yellow",
        ("GROUP_RULE_DIFFERS", "FILTER_RULE_DIFFERS", "MATCHED_BY_NAME"),
    ),
)
"""Warnings by what they mean, the most dangerous first; a kind that is not named is of the first."""


@dataclass(frozen=True, kw_only=True)
class _Wording:
    """How plans of one purpose are talked of."""

    title: str
    written: str
    same: str
    blocked: str
    legend: str


_RESTORE = _Wording(
    title="Plan", written="written", same="as wanted", blocked="left exactly as they are", legend=LEGEND
)
_WORDINGS = {
    "RESTORE": _RESTORE,
    "UNDO": replace(_RESTORE, title="Plan to undo a restore:"),
    "COMPARE": _Wording(
        title="Comparison",
        written="different",
        same="the same",
        blocked="which cannot be compared",
        legend=COMPARED,
    ),
}

SHORT = 10
"""How many of a kind are shown unless all are asked for."""


def plan_lines(plan: Plan, *, whole: bool, hint: bool = True) -> Lines:
    """A finished plan: `restore_run` with its `items`.

    `whole` summarises nothing; `hint` tells at the end what to type next.
    """
    plan = clean(plan)
    yield from _head(plan)
    if plan["purpose"] != "COMPARE":  # nothing is going to be done
        yield from _warnings(plan, whole)
    yield from _blocked(plan, whole)
    yield from _written(plan, whole)
    yield from _policies("NOT IN THE BACKUP", "never touched", _of(plan, "NOT_IN_BACKUP"), whole)
    if whole:
        yield from _policies("AS IN THE BACKUP", "nothing to do", _of(plan, "NONE"), whole)
    mappings = list(mapping_lines(plan["mappings"], whole=whole))
    if mappings:
        same = sum(mapping["found"] == "ID" for mapping in plan["mappings"])
        yield _title("GROUPS AND FILTERS", f"{same} of {len(plan['mappings'])} have their id from the backup")
        yield from mappings
    yield from _numbers(plan)
    if hint and plan["purpose"] != "COMPARE":
        yield from _next(plan)


def summary_lines(plan: Plan) -> Lines:
    """What is needed to confirm a plan: whereto, every warning, the numbers."""
    plan = clean(plan)
    yield from _head(plan)
    yield from _warnings(plan, whole=True)
    yield from _numbers(plan)
    yield ""


def _head(plan: Plan) -> Lines:
    yield Text(f"{_WORDINGS[plan['purpose']].title} {plan['uuid']}", style="bold")
    yield _indented(
        [
            ("tenant", _tenant(plan["tenant"])),
            ("from", _origin(plan)),
            _mode(plan),
            ("by", f"{plan['createdBy']}, {moment(plan['plannedAt'])}"),
        ]
    )


def _origin(plan: Plan) -> str:
    """The backup set that is restored, its age then, and its tenant where that is another one."""
    backup, source = plan["backupSet"], plan["sourceTenant"]
    if backup is None or source is None:
        return "a backup of a tenant that you do not reach"
    kind = "the state before a restore" if backup["origin"] == "BEFORE_RESTORE" else "the backup"
    of = "" if source["id"] == plan["tenant"]["id"] else f" of {_tenant(source)}"
    age = f"{moment(backup['createdAt'])}, {between(backup['createdAt'], plan['plannedAt'])} before this"
    lacking = "" if backup["state"] == "COMPLETE" else "\nit is not complete: some policies are not known"
    return f"{kind}{of}, {backup['uuid']}\nmade {age}{lacking}"


def _mode(plan: Plan) -> tuple[str, str]:
    if plan["purpose"] != "COMPARE":
        return "mode", _MODES[plan["mode"]]
    against = plan["againstSet"]
    return "with", f"the backup {against['uuid']}" if against else "the tenant as it was then"


_MODES = {
    "REPLACE": "REPLACE: each policy gets the backup's assignments, and loses all others",
    "MERGE": "MERGE: the backup's assignments are added or put back, and all others stay",
}


def _warnings(plan: Plan, whole: bool) -> Lines:
    warnings = plan["warnings"]
    if not warnings:
        return
    yield _title("WARNINGS", f"{len(warnings)}, to be acknowledged")
    widths = [max(len(warning[key]) for warning in warnings) for key in ("id", "code")]
    for place, (title, style, _) in enumerate(REACH):
        mine = [warning for warning in warnings if _danger(warning) == place]
        if mine:
            yield Padding(Text(title, style=f"bold {style}"), (0, 0, 0, 2))
            rows = [(w["id"], Text(w["code"], style=style), w["message"]) for w in _some(mine, whole)]
            yield Padding(grid(rows, widths=widths), (0, 0, 0, 4))
            yield from _more(mine, whole)


def _danger(warning: Plan) -> int:
    """How late a warning comes: 0 for what reaches further."""
    return next((place for place, (_, _, codes) in enumerate(REACH) if warning["code"] in codes), 0)


def _blocked(plan: Plan, whole: bool) -> Lines:
    """Blocked policies by their reason, the rarest first: that of most is often no surprise."""
    items = _of(plan, "BLOCKED")
    if not items:
        return
    yield _title("BLOCKED", f"{policies(len(items))}, {_WORDINGS[plan['purpose']].blocked}")
    reasons = Counter(item["blockedReason"] for item in items)
    for reason, number in sorted(reasons.items(), key=lambda pair: (pair[1], pair[0])):
        yield Text.assemble("  ", (reason, "bold red"), f"  {policies(number)}")
        mine = [item for item in items if item["blockedReason"] == reason]
        for item in _some(mine, whole):
            yield from policy_lines(item, whole=whole, indent=4)
        yield from _more(mine, whole)


def _written(plan: Plan, whole: bool) -> Lines:
    """Policies that would be written, those with the most dangerous warnings first."""
    items = sorted(
        _of(plan, "WRITE"), key=lambda item: min(map(_danger, item["warnings"]), default=len(REACH))
    )
    words = _WORDINGS[plan["purpose"]]
    yield from _policies(words.written.upper(), words.legend, items, whole)


def _policies(title: str, about: str, items: Sequence[Plan], whole: bool) -> Lines:
    if items:
        yield _title(title, f"{policies(len(items))}  {about}")
        for item in _some(items, whole):
            yield from policy_lines(item, whole=whole)
        yield from _more(items, whole)


def _numbers(plan: Plan) -> Lines:
    counts, changes = plan["summary"]["policies"], plan["summary"]["assignments"]
    said = {"leftOut": "left out"}
    names = ("added", "removed", "changed", "kept", "leftOut", "blocked")
    words = _WORDINGS[plan["purpose"]]
    kinds = {"write": words.written, "none": words.same, "blocked": "blocked"}
    if counts["notInBackup"]:
        kinds["notInBackup"] = "not in the backup"
    yield _title("SUMMARY", "")
    rows = [
        ("policies", ", ".join(f"{counts[kind]} {name}" for kind, name in kinds.items())),
        ("assignments", ", ".join(f"{changes[name]} {said.get(name, name)}" for name in names)),
    ]
    if plan["purpose"] != "COMPARE":
        rows.append(("digest", plan["planDigest"]))
        rows.append(("until", f"{moment(plan['expiresAt'])}{', which is over' if plan['expired'] else ''}"))
    yield _indented(rows)


def _next(plan: Plan) -> Lines:
    """What to type now, on a line of its own that is never broken."""
    if plan["expired"]:
        yield Text("\nIt can no longer be executed: make a new plan.", style="bold")
    elif not plan["summary"]["policies"]["write"]:
        yield Text("\nThere is nothing to execute: no policy would be written.")
    else:
        acknowledge = " --acknowledge all" if plan["warnings"] else ""
        yield Text("\nTo execute it:")
        yield Text(f'  atlas restore execute {plan["uuid"]} --reason "..."{acknowledge}', no_wrap=True)


def _of(plan: Plan, action: str) -> list[Plan]:
    return [item for item in plan["items"] if item["action"] == action]


def _tenant(tenant: Plan) -> str:
    return f"{tenant['name']} ({tenant['primaryDomain']})"


def _title(title: str, about: str) -> Text:
    return Text.assemble("\n", (title, "bold"), f"  {about}" if about else "")


def _indented(rows: Iterable[tuple[str, str]]) -> RenderableType:
    return Padding(grid(rows), (0, 0, 0, 2))


def _some(things: Sequence[Plan], whole: bool) -> Sequence[Plan]:
    return things if whole else things[:SHORT]


def _more(things: Sequence[Plan], whole: bool) -> Lines:
    if not whole and len(things) > SHORT:
        yield Text(f"    ... and {len(things) - SHORT} more: --all shows them")
