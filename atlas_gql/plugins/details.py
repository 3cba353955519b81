"""The reason details that plugins declare: one table for a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from atlas_gql.plugins.api import ReasonDetail


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A cause that a plugin knows; `plugin.name` is how failures show it."""

    plugin: str
    name: str
    description: str


DETAILS: dict[str, Declared] = {}
"""By what failures show, in the order of the plugins."""
_offered: dict[str, tuple[ReasonDetail, ...]] = {}


def offer(details: Mapping[str, tuple[ReasonDetail, ...]]) -> dict[str, tuple[ReasonDetail, ...]]:
    """Make the table of this process these, by plugin; gives those that were offered before.

    Called once, when the process has loaded its plugins.
    """
    before = dict(_offered)
    _offered.clear()
    _offered.update(details)
    DETAILS.clear()
    DETAILS.update(
        (f"{plugin}.{one.name}", Declared(plugin=plugin, name=one.name, description=one.description))
        for plugin, own in _offered.items()
        for one in own
    )
    return before


def of_plugin(plugin: str) -> list[Declared]:
    return [declared for declared in DETAILS.values() if declared.plugin == plugin]
