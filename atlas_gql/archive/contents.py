"""What may stand in the content of an imported policy: exactly what a backup of Microsoft's answers holds.

Assignments are kept as they are, also those whose target Atlas does not know: a restore reports these and
never writes them. What a restore would act upon must be what it seems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from atlas_gql.archive.records import Fields
from atlas_gql.errors import ArchiveInvalid
from atlas_gql.values import is_guid

DEEPEST = 32
"""Levels of nesting in a content."""


def check_content(content: Any) -> None:
    """Raises ArchiveInvalid unless it is the content of a policy."""
    _check_plain(content)
    fields = Fields(content, "A content")
    # What came back doubtful stands beside the rest, and only where there is any.
    for name in ("assignments", "suspicious") if "suspicious" in content else ("assignments",):
        for assignment in fields.take(name, list):
            _check_assignment(assignment)
    fields.texts("scopeTagIds")
    for name, facts in (("groups", ("name", "kind", "rule")), ("filters", ("name", "platform", "rule"))):
        known = fields.take(name, dict)
        for key, value in known.items():
            _check_guid(key)
            _check_reference(value, facts)
    fields.end()


def _check_assignment(given: Any) -> None:
    if not isinstance(given, dict):
        raise ArchiveInvalid("A content holds something that is no assignment.")
    target = given.get("target")
    if not isinstance(target, dict) or not isinstance(target.get("@odata.type"), str):
        raise ArchiveInvalid("A content holds an assignment without a target.")
    # Plans ask Microsoft for these.
    for name in ("groupId", "deviceAndAppManagementAssignmentFilterId"):
        if target.get(name):
            _check_guid(target[name])


def _check_guid(value: Any) -> None:
    if not isinstance(value, str) or not is_guid(value):
        raise ArchiveInvalid("A content names a group or filter by something that is no GUID.")


def _check_reference(given: Any, facts: tuple[str, ...]) -> None:
    """What is known of a group or a filter."""
    fields = Fields(given, "A group or filter")
    for name in facts:
        fields.optional(name, lambda name: fields.take(name, str))
    fields.flag("orphaned")
    if "deletedAt" in given:
        fields.text("deletedAt")
    fields.end()


def _check_plain(content: Any) -> None:
    """No text that a database cannot hold, and no nesting that nobody needs."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        if not level:
            return
        if any("\0" in text for text in _texts(level)):
            raise ArchiveInvalid("A content holds a NUL character.")
        level = [inner for value in level for inner in _inner(value)]
    raise ArchiveInvalid("A content is nested too deeply.")


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _texts(level: list[Any]) -> Iterator[str]:
    for value in level:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from value
