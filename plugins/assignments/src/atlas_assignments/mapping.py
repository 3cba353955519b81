"""Which group and which filter of the target tenant stand for those that a backup names.

A person's explicit choice goes first; then the id, inside one tenant; then the exact name, for filters
together with the platform. Several of one name are never chosen from, and nothing is ever created.
Group and filter ids are in lower case here, as `parse_assignment` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from atlas_assignments.source import Source, readable
from atlas_gql.plugins import Filter, Group, Policy, ReasonCode, SourceItem

ORPHANED = "ORPHANED"
"""The group was gone already when the backup was made: left alone, and in nobody's way."""


class Found(StrEnum):
    """How the counterpart of a group or filter was found."""

    EXPLICIT = "explicit"
    ID = "id"
    NAME = "name"


@dataclass(frozen=True, kw_only=True)
class Directory:
    """What is known of the target tenant, and how a person wants it used.

    The choices map source ids to target ids. `groups_by_name` may hold more than the exact name:
    Graph does not compare case.
    """

    same_tenant: bool
    groups: Mapping[str, Group | None] = field(default_factory=dict)
    """By id; None for one that was looked up and does not exist."""
    groups_by_name: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    filters: Sequence[Filter] = ()
    group_choices: Mapping[str, str] = field(default_factory=dict)
    filter_choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A group or filter of the backup and its counterpart, or the reason why it has none."""

    kind: str
    """`group` or `filter`."""
    source_id: str
    source_name: str | None
    target_id: str | None = None
    target_name: str | None = None
    found: Found | None = None
    reason: str | None = None
    """A reason code, or ORPHANED; None exactly when there is a counterpart."""
    chosen: str | None = None
    """The id that a person chose, where the target tenant does not have it."""
    candidates: tuple[Mapping[str, Any], ...] = ()
    rule_then: str | None = None
    rule_now: str | None = None

    @property
    def rule_differs(self) -> bool:
        return self.found is not None and (self.rule_then or None) != (self.rule_now or None)

    def row(self, counts: Mapping[str, int]) -> dict[str, Any]:
        """The reference as one JSON-able row of the mapping table; `counts` are members by group id."""
        return {
            "kind": self.kind,
            "sourceId": self.source_id,
            "sourceName": self.source_name,
            "targetId": self.target_id,
            "targetName": self.target_name,
            "found": self.found.value if self.found else None,
            "reason": self.reason,
            "candidates": [
                {**candidate, "members": counts.get(candidate["id"])} for candidate in self.candidates
            ],
            "members": counts.get(self.target_id or ""),
            "ruleThen": self.rule_then,
            "ruleNow": self.rule_now,
        }


@dataclass(frozen=True, kw_only=True)
class References:
    """Every group and filter that the selected policies mention directly, by source id."""

    same_tenant: bool
    groups: Mapping[str, Reference]
    filters: Mapping[str, Reference]
    names: Mapping[str, str]
    """Names of all groups and filters known on either side, by id; the target's name goes first."""

    def name(self, id_: str) -> str:
        """A group's or filter's name for people; its id where no name is known."""
        return self.names.get(id_, id_)

    def candidates(self) -> frozenset[str]:
        """The groups that bear a name together, so that none of them is taken."""
        return frozenset(thing["id"] for group in self.groups.values() for thing in group.candidates)

    def table(self, counts: Mapping[str, int]) -> list[dict[str, Any]]:
        """The mapping table: groups, then filters, in the order in which the backup mentions them."""
        return [reference.row(counts) for reference in (*self.groups.values(), *self.filters.values())]


def needed_group_ids(
    items: Iterable[SourceItem], live: Iterable[Policy], *, same_tenant: bool, choices: Mapping[str, str]
) -> frozenset[str]:
    """The group ids to look up in the target: those chosen, those of the matched live policies (for
    their names), and inside one tenant those of the backup."""
    ids = {chosen.lower() for chosen in choices.values()}
    ids |= {a.group_id for policy in live for a in policy.assignments if a.group_id}
    if same_tenant:
        groups, _ = _mentioned(readable(items))
        ids |= {id_ for id_, known in groups.items() if not known.get("orphaned")}
    return frozenset(ids)


def needed_group_names(
    items: Iterable[SourceItem],
    groups: Mapping[str, Group | None],
    *,
    same_tenant: bool,
    choices: Mapping[str, str],
) -> frozenset[str]:
    """The group names to look up in the target: of those that nobody chose, that were there when they
    were backed up, and that inside one tenant are not found by id (`groups`, as looked up before)."""
    chosen = {source_id.lower() for source_id in choices}
    return frozenset(
        known["name"]
        for source_id, known in _mentioned(readable(items))[0].items()
        if known.get("name")
        and not known.get("orphaned")
        and source_id not in chosen
        and not (same_tenant and groups.get(source_id))
    )


def map_references(items: Iterable[SourceItem], directory: Directory) -> References:
    """The counterparts of all groups and filters that the items mention in direct assignments."""
    sources = list(readable(items))
    groups, filters = _mentioned(sources)
    group_finder = _Finder(
        "group",
        things=[group for group in directory.groups.values() if group is not None],
        choices=directory.group_choices,
        same_tenant=directory.same_tenant,
    )
    filter_finder = _Finder(
        "filter",
        things=directory.filters,
        choices=directory.filter_choices,
        same_tenant=directory.same_tenant,
    )
    return References(
        same_tenant=directory.same_tenant,
        groups={
            id_: group_finder.find(id_, known, _groups_named(known, directory))
            for id_, known in groups.items()
        },
        filters={
            id_: filter_finder.find(id_, known, _filters_named(known, directory))
            for id_, known in filters.items()
        },
        names=_names(sources, directory),
    )


Known = Mapping[str, Any]
"""What the backup says of a group or filter; empty when it says nothing."""


def _mentioned(sources: Iterable[Source]) -> tuple[dict[str, Known], dict[str, Known]]:
    """Groups and filters of direct assignments, by id. Items captured at different moments may differ:
    the first that knows a name is believed."""
    groups: dict[str, Known] = {}
    filters: dict[str, Known] = {}
    for source in sources:
        for assignment in source.direct:
            for found, id_, known in (
                (groups, assignment.group_id, source.policy.groups),
                (filters, assignment.filter_id, source.policy.filters),
            ):
                if id_ and not found.get(id_, {}).get("name"):
                    found[id_] = known.get(id_) or found.get(id_, {})
    return groups, filters


class _Finder:
    """Finds the counterparts of one kind of thing."""

    def __init__(
        self,
        kind: str,
        *,
        things: Iterable[Group | Filter],
        choices: Mapping[str, str],
        same_tenant: bool,
    ) -> None:
        self._kind = kind
        self._by_id = {thing.id.lower(): thing for thing in things}
        self._choices = {source_id.lower(): chosen.lower() for source_id, chosen in choices.items()}
        self._same_tenant = same_tenant

    def find(self, source_id: str, known: Known, named: Sequence[Group | Filter]) -> Reference:
        """The reference to `source_id`; `named` is what bears its name in the target."""
        blank = Reference(
            kind=self._kind, source_id=source_id, source_name=known.get("name"), rule_then=known.get("rule")
        )
        choice = self._choices.get(source_id)
        if choice is not None:
            chosen = self._by_id.get(choice)
            if chosen is None:
                return replace(blank, reason=_REASONS[self._kind][0].value, chosen=choice)
            return self._settled(blank, [chosen], Found.EXPLICIT)
        if self._kind == "group" and known.get("orphaned"):
            return replace(blank, reason=ORPHANED)
        if self._same_tenant and source_id in self._by_id:
            return self._settled(blank, [self._by_id[source_id]], Found.ID)
        return self._settled(blank, named, Found.NAME)

    def _settled(self, blank: Reference, hits: Sequence[Group | Filter], found: Found) -> Reference:
        if len(hits) == 1:
            hit = hits[0]
            return replace(
                blank, target_id=hit.id.lower(), target_name=hit.name, found=found, rule_now=hit.rule
            )
        none, several = _REASONS[self._kind]
        reason = several if hits else none
        return replace(blank, reason=reason.value, candidates=tuple(map(_candidate, hits)))


_REASONS = {
    "group": (ReasonCode.UNRESOLVED_GROUP, ReasonCode.AMBIGUOUS_GROUP),
    "filter": (ReasonCode.UNRESOLVED_FILTER, ReasonCode.AMBIGUOUS_FILTER),
}


def _groups_named(known: Known, directory: Directory) -> list[Group]:
    name = known.get("name")
    return [group for group in directory.groups_by_name.get(name or "", ()) if group.name == name]


def _filters_named(known: Known, directory: Directory) -> list[Filter]:
    wanted = (known.get("name"), known.get("platform"))
    return [found for found in directory.filters if (found.name, found.platform) == wanted]


def _candidate(thing: Group | Filter) -> dict[str, Any]:
    """What helps a person to choose; a filter's kind is its platform."""
    if isinstance(thing, Group):
        return {"id": thing.id, "name": thing.name, "kind": thing.kind, "created": thing.created}
    return {"id": thing.id, "name": thing.name, "kind": thing.platform, "created": None}


def _names(sources: Iterable[Source], directory: Directory) -> dict[str, str]:
    names = {
        id_: known["name"]
        for source in sources
        for id_, known in (*source.policy.groups.items(), *source.policy.filters.items())
        if known.get("name")
    }
    things: list[Group | Filter] = [group for named in directory.groups_by_name.values() for group in named]
    things += [group for group in directory.groups.values() if group is not None]
    return names | {thing.id.lower(): thing.name for thing in (*things, *directory.filters)}
