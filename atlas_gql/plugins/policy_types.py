"""What a kind of policy that a plugin adds must be like, so that nothing of Atlas's rules is lost with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from atlas_gql.graph.contract import Family, PolicyContract, ReadStrategy, WriteStrategy

_PATH = re.compile(r"[A-Za-z]+(/[A-Za-z][A-Za-z0-9]*){1,3}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")

_RULES: Mapping[str, Callable[[PolicyContract], bool]] = {
    "its path is no collection below a version, such as deviceManagement/exampleProfiles": lambda row: bool(
        _PATH.fullmatch(row.path)
    ),
    "its permission is no stem, such as DeviceManagementConfiguration": lambda row: bool(
        _NAME.fullmatch(row.permission)
    ),
    "its element_type is no name of a type": lambda row: bool(_NAME.fullmatch(row.element_type)),
    "it has no label": lambda row: bool(row.label.strip()),
    "its version is not beta: v1.0 hides filters, and a restore would reach further": lambda row: (
        row.version == "beta"
    ),
    "its family, read or write is none that there is": lambda row: (
        isinstance(row.family, Family)
        and isinstance(row.read, ReadStrategy)
        and isinstance(row.write, WriteStrategy)
    ),
    "it gives why_not, or a way to write it, but not exactly one of them": lambda row: (
        bool(row.why_not) != (row.write is not WriteStrategy.NONE)
    ),
    "it names one platform and a field for it": lambda row: not (row.platform and row.platform_field),
    "it has no status that a write succeeds with": lambda row: (
        bool(row.success) and all(200 <= status < 300 for status in row.success)
    ),
}


def problem_of(row: object) -> str | None:
    """What is wrong with a row, as the end of a sentence; None when nothing is."""
    if not isinstance(row, PolicyContract):
        return "it is no PolicyContract"
    try:
        return next((problem for problem, holds in _RULES.items() if not holds(row)), None)
    except (TypeError, AttributeError):
        return "a field has a value of another type"


def names_of(row: PolicyContract) -> tuple[str, ...]:
    """What no other kind may have: its name, its collection, its label for people."""
    return (f"policy type {row.policy_type}", f"collection {row.path}", f"label {row.label}")
