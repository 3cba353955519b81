"""Where a plugin may write: paths that it declared, in their plainest form, and none of a contract's.

Graph reads one path in many ways: in any case, with keys in parentheses, with the names of types in between,
percent-encoded. So nothing is decoded and compared here; whatever is not plain is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from atlas_gql.graph.contracts import CONTRACTS

METHODS = ("POST", "PATCH", "PUT", "DELETE")
ANY = "*"
"""In a declared path, one segment."""

_VERSIONS = ("beta", "v1.0")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_CASTS = ("microsoft.graph.", "graph.")
_ASSIGNING = frozenset({"assign", "assignments", "groupassignments", "updateassignments"})
"""Whoever is assigned to anything is decided under these names, also of kinds that no contract describes."""
_ALSO = ("deviceAppManagement/managedAppPolicies",)
"""Collections that lead to what contracts describe under other names."""


def segments_of(path: object, *, declared: bool = False) -> tuple[str, ...] | None:
    """The parts of a plain path below its version; None for any other. A declared one may have `*` parts."""
    if not isinstance(path, str):
        return None
    empty, *parts = path.split("/")
    if empty or len(parts) < 2 or parts[0] not in _VERSIONS:
        return None
    below = tuple(parts[1:])
    return below if all(_is_plain(part) or (declared and part == ANY) for part in below) else None


def _is_plain(segment: str) -> bool:
    return _SEGMENT.fullmatch(segment) is not None and not segment.lower().startswith(_CASTS)


def is_of_contract(segments: Sequence[str]) -> bool:
    """Whether a path may lead to a kind of policy, or to assignments; a `*` may lead anywhere."""
    given = [segment.lower() for segment in segments]
    if not _ASSIGNING.isdisjoint(given):
        return True
    collections = (*(contract.path for contract in CONTRACTS.values()), *_ALSO)
    return any(_is_one_way(given, path.lower().split("/")) for path in collections)


def _is_one_way(given: Sequence[str], collection: Sequence[str]) -> bool:
    """Whether a path leads into a collection, or is on the way to it: what holds it could be written."""
    return all(one in (ANY, other) for one, other in zip(given, collection, strict=False))


def problem_of_declared(path: object) -> str | None:
    """What is wrong with a declared path, as the end of a sentence; None for nothing."""
    segments = segments_of(path, declared=True)
    if segments is None:
        return "no plain path of Graph with its version"
    return "one of assignments, or of a kind of policy" if is_of_contract(segments) else None


def is_declared(path: str, declared: Sequence[str]) -> bool:
    """Whether a plain path is one of those that were declared."""
    parts = path.split("/")
    return any(
        len(parts) == len(wanted) and all(one in (ANY, part) for one, part in zip(wanted, parts, strict=True))
        for wanted in (pattern.split("/") for pattern in declared)
    )
