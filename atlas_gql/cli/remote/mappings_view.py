"""The groups and filters of a plan: what stands for what, and what was not found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from atlas_gql.cli.output import grid
from atlas_gql.cli.remote.words import count, word

Mapped = Mapping[str, Any]

SHORT = 10
_HOW = {"ID": "same id", "NAME": "same name", "EXPLICIT": "as you said"}


def mapping_lines(mappings: Sequence[Mapped], *, whole: bool) -> Iterator[RenderableType]:
    """One row for each, those without a counterpart first; what has its id still, only for the `whole`."""
    rows = sorted(mappings, key=_place)
    listed = rows if whole else [mapping for mapping in rows if mapping["found"] != "ID"]
    missing = sum(mapping["found"] is None for mapping in listed)
    # all that are missing are told: each of them may have to be mapped by hand
    shown = listed if whole else listed[: max(SHORT, missing)]
    if shown:
        yield Padding(grid(map(_row, shown)), (0, 0, 0, 2))
    if len(shown) < len(listed):
        yield Text(f"    ... and {len(listed) - len(shown)} more: --all shows them")


def _place(mapping: Mapped) -> int:
    """Not found, found by name only, as somebody said, gone long ago, the same."""
    if mapping["reason"] == "ORPHANED":
        return 3
    return {None: 0, "NAME": 1, "EXPLICIT": 2, "ID": 4}[mapping["found"]]


def _row(mapping: Mapped) -> tuple[Text, Text, Text]:
    name = mapping["sourceName"] or "without a name"
    source = Text(f"{word(mapping['kind'])} {name}\n  {mapping['sourceId']}")
    if mapping["reason"] == "ORPHANED":
        return source, Text("ORPHANED"), Text("gone when it was backed up")
    if not mapping["found"]:
        candidates = "\n".join(map(_candidate, mapping["candidates"])) or "nothing of that name"
        return source, Text(mapping["reason"], style="red"), Text(candidates)
    members = mapping["memberCount"]
    counted = "" if members is None else f" ({count(members, 'member')})"
    there = [f"{mapping['targetName'] or ''}{counted}", f"  {mapping['targetId']}"]
    if mapping["ruleThen"] != mapping["ruleNow"]:
        there.append(f"rule then: {mapping['ruleThen'] or 'none'}")
        there.append(f"rule now: {mapping['ruleNow'] or 'none'}")
    return source, Text(_HOW[mapping["found"]]), Text("\n".join(there))


def _candidate(candidate: Mapped) -> str:
    """What helps to choose: `0f… assigned, made 2026-01-12, 40 members`."""
    made, members = candidate["createdAt"], candidate["memberCount"]
    facts = [candidate["kind"], f"made {made[:10]}" if made else None]
    facts.append(None if members is None else count(members, "member"))
    return f"{candidate['id']}\n  {', '.join(filter(None, facts))}"
