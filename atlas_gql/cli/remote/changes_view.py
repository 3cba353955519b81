"""What a plan does to one policy, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from atlas_gql.cli.output import grid
from atlas_gql.cli.remote.words import plain, target

Item = Mapping[str, Any]

LEGEND = "+ added  - removed  ~ changed  . left out"
COMPARED = "+ in the backup only  - in the tenant only  ~ other values"
_MARKS = {
    "ADDED": ("+", "green"),
    "REMOVED": ("-", "red"),
    "CHANGED": ("~", "yellow"),
    "BLOCKED": ("!", "red"),
    "LEFT_OUT": (".", "dim"),
    "KEPT": ("=", "dim"),
}
_COMMON_INTENT = "apply"
"""The intent that device configurations have unless they are the reverse; it says nothing."""


def policy_lines(item: Item, *, whole: bool, indent: int = 2) -> Iterator[RenderableType]:
    """The policy's name and what happens to its assignments; `whole`: also to those that stay."""
    name = item["targetName"] or item["sourceName"]
    line = Text.assemble((" " * indent + name, "bold"), f"  {item['policyType']}")
    if item["sourceName"] and item["sourceName"] != name:
        line.append(f", in the backup {item['sourceName']}")
    yield line
    changes = [change for change in item["changes"] if whole or change["change"] != "KEPT"]
    twins = _twins(changes)
    rows = [
        (Text(mark, style=style), _what(change, item, whole, twins))
        for change in changes
        for mark, style in (_MARKS[change["change"]],)
    ]
    if item["blockedMessage"] and not rows and item["blockedReason"] != "POLICY_NOT_FOUND":
        rows = [(Text("!", style="red"), item["blockedMessage"])]
    if rows:
        yield Padding(grid(rows), (0, 0, 0, indent + 2))


def _twins(changes: Sequence[Item]) -> set[str]:
    """The names that several groups here bear, as when one was deleted and made again."""
    named = {(change["target"]["name"], change["target"]["id"]) for change in changes}
    return {name for name, number in Counter(name for name, _ in named).items() if name and number > 1}


def _what(change: Item, item: Item, whole: bool, twins: Collection[str]) -> str:
    """One assignment: whom it names, what is new in it, and why it is not restored."""
    turned = any(field["field"] == "excluded" for field in change["fields"])  # said below, in words
    whom = target({**change["target"], "excluded": change["target"]["excluded"] and not turned})
    if change["target"]["name"] in twins:
        whom += f" {change['target']['id']}"
    intent = change["intent"] if change["intent"] != _COMMON_INTENT else None
    parts = [f"{intent}: {whom}" if intent else whom]
    if change["change"] == "CHANGED":
        parts += [_difference(field, whole) for field in change["fields"]]
    elif change["change"] == "ADDED":
        parts += [
            f"{field['field']} {plain(field['new'], whole=whole)}"
            for field in change["fields"]
            if field["new"] and field["field"] != "intent"
        ]
    if change["reason"] and change["reason"] != item["blockedReason"]:
        parts.append(change["reason"])
    if change["message"] and change["message"] != item["blockedMessage"]:
        parts.append(change["message"])
    return ", ".join(parts)


def _difference(field: Item, whole: bool) -> str:
    """`filter: Corporate → none`; that somebody is included instead of excluded is said in words."""
    if field["field"] == "excluded":
        return "will be excluded, is included now" if field["new"] else "will be included, is excluded now"
    return f"{field['field']}: {plain(field['old'], whole=whole)} → {plain(field['new'], whole=whole)}"
