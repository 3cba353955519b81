"""How the service behaves where tenants differ, or where nobody knows for sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from atlas_gql.simulator.kind import Family
from atlas_gql.simulator.table import KINDS

APPROVALS = frozenset(kind.approval for kind in KINDS.values() if kind.approval)
"""The kinds of change that Multi Admin Approval can hold here."""
NAMES = frozenset(kind.name for kind in KINDS.values())
ALL = "*"


class HabitError(ValueError):
    """Habits that cannot be used; the text says which field and why."""


@dataclass(frozen=True, kw_only=True)
class Throttling:
    """Limits per family. The documented ones are the default; services are known to have lower ones."""

    scale: float = 1.0
    """Every documented limit times this."""
    limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Own limits: `{"updates": {"writes": 5, "any": 20}}`, calls per `seconds`, not scaled."""
    seconds: float = 20.0
    """The window of Intune's families."""
    retryAfter: bool = True  # noqa: N815 - the fields are the JSON's
    """Whether a 429 tells how long to wait."""
    size: str = "S"
    """The size of the tenant, which decides the limit of the directory: S, M or L."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What can be switched; the defaults are what tools in production see, and strict where unknown."""

    throttling: Throttling | None = None
    """None: nothing is throttled but by a rule."""
    lagSeconds: float = 0  # noqa: N815
    """How long reads of a policy's assignments tell what was before a write."""
    lagReads: int = 0  # noqa: N815
    """How many of those reads do; with both, the longer counts."""
    protected: frozenset[str] = frozenset()
    """What needs a second administrator's approval, by the policy type of Multi Admin Approval."""
    approvalStatus: int = 412  # noqa: N815
    """The status by which a filed request for approval is told: 412, or the 403 that was seen too."""
    justificationStatus: int = 400  # noqa: N815
    """The status of a protected write without a justification: 400, or 403 as was announced."""
    unlicensed: frozenset[str] = frozenset()
    """Kinds that the tenants have no licence for, by name; `*` for all of Intune."""
    statuses: str = "observed"
    """Statuses of successful writes: `observed` by tools, or `documented`."""
    emptyBodies: frozenset[str] = frozenset()  # noqa: N815
    """Kinds whose `/assign` answers 200 with an empty body instead of the set, by name."""
    emptyPages: bool = False  # noqa: N815
    """Whether an empty page with a next link comes before every page."""
    brokenToken: int = 400  # noqa: N815
    """The status for a skip token that is not known: 400 or 410."""
    unknownGroups: str = "accepted"  # noqa: N815
    """A well-formed group id that is not in the tenant: `accepted` or `refused` in an assignment."""
    filterPlatforms: bool = True  # noqa: N815
    """Whether a filter for another platform than the policy's is refused."""
    assumptions: bool = False
    """Whether routes are served that only analogy or the schema speaks for."""


_WORDS: dict[str, tuple[object, ...]] = {
    "approvalStatus": (403, 412),
    "justificationStatus": (400, 403),
    "statuses": ("observed", "documented"),
    "brokenToken": (400, 410),
    "unknownGroups": ("accepted", "refused"),
    "size": ("S", "M", "L"),
}
_SETS: dict[str, frozenset[str]] = {
    "protected": APPROVALS,
    "unlicensed": NAMES | {ALL},
    "emptyBodies": NAMES,
}


def parse_habits(document: object) -> Habits:
    """The habits in a JSON object of those that differ from the default. Raises HabitError."""
    given = _known(document, Habits, "Habits")
    if given.get("throttling") is not None:
        given["throttling"] = _throttling(given["throttling"])
    return Habits(**{name: _checked(name, value) for name, value in given.items()})


def habits_json(habits: Habits) -> dict[str, Any]:
    """Habits as they are given: without what is as by default."""
    return {
        f.name: _plain(getattr(habits, f.name))
        for f in fields(habits)
        if getattr(habits, f.name) != getattr(Habits(), f.name)
    }


def _throttling(document: object) -> Throttling:
    given = _known(document, Throttling, "'throttling'")
    for family, limit in _object(given.get("limits", {}), "'limits'").items():
        if family not in {member.value for member in Family}:
            raise HabitError(f"There is no family '{family}': one of {', '.join(Family)}.")
        if not set(_object(limit, f"'{family}'")) <= {"writes", "any"}:
            raise HabitError(f"'{family}' has no limits but 'writes' and 'any'.")
        if not all(_is_number(value) and value >= 1 for value in limit.values()):
            raise HabitError(f"A limit of '{family}' is no number above 0.")
    return Throttling(**{name: _checked(name, value) for name, value in given.items()})


def _checked(name: str, value: Any) -> Any:
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise HabitError(f"'{name}' is one of {', '.join(map(str, _WORDS[name]))}.")
    elif name in _SETS:
        if not isinstance(value, list) or not set(map(str, value)) <= _SETS[name]:
            raise HabitError(f"'{name}' is a list of {', '.join(sorted(_SETS[name]))}.")
        return frozenset(value)
    elif name in ("scale", "seconds", "lagSeconds", "lagReads"):
        if not _is_number(value) or value < 0 or (value == 0 and name in ("scale", "seconds")):
            raise HabitError(f"'{name}' is no number, or out of range.")
    elif name not in ("throttling", "limits") and not isinstance(value, bool):
        raise HabitError(f"'{name}' is true or false.")
    return value


def _known(document: object, cls: type[Any], where: str) -> dict[str, Any]:
    given = dict(_object(document, where))
    unknown = sorted(given.keys() - {f.name for f in fields(cls)})
    if unknown:
        raise HabitError(f"{where}: there is no field '{unknown[0]}'.")
    return given


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HabitError(f"{where}: not an object.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Throttling):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return value
