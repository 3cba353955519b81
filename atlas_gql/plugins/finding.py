"""How plugins are found: entry points of the group `atlas_gql`, each a module or object with hooks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins.api import PROJECT
from atlas_gql.plugins.naming import OWN, normal
from atlas_gql.settings import split

DISTRIBUTION = "atlas-gql"


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """Stands for a plugin that could not be imported: `why` is for operators, `cause` for the log."""

    why: str
    cause: BaseException | None = None


def discover(only: Collection[str] | None = None) -> list[tuple[str, Any]]:
    """The installed plugins, by name, in the order of their names; `only` restricts to some.

    One that does not import, or that needs another version of Atlas, is `Unusable`. Raises
    ConfigurationError for a name in `only` that is not installed.
    """
    found = dict(_points())
    chosen = None if only is None else {normal(name) for name in only}
    missing = (chosen or set()) - found.keys()
    if missing:
        raise ConfigurationError(
            f"ATLAS_LOAD_PLUGINS names {', '.join(sorted(missing))}, which is not installed."
            f" Installed: {', '.join(sorted(found)) or 'none'}."
        )
    return [
        (name, _load(name, point, found[_bare(name)]))
        for name, point in sorted(found.items())
        if chosen is None or _bare(name) in chosen
    ]


def versions() -> dict[str, str]:
    """Of the distributions that plugins came with, by the plugins' names."""
    return {name: point.dist.version for name, point in _points() if point.dist}


def names(setting: str | None) -> list[str] | None:
    """The setting `ATLAS_LOAD_PLUGINS` as a list; None for all."""
    return None if setting is None else split(setting)


def _points() -> Iterator[tuple[str, EntryPoint]]:
    """The entry points by name; of two with one name the second is called `name (its distribution)`."""
    seen = set()
    for point in sorted(entry_points(group=PROJECT), key=_precedence):
        name = normal(point.name)
        yield (f"{name} ({_origin(point)})" if name in seen else name), point
        seen.add(name)


def _precedence(point: EntryPoint) -> tuple[bool, str]:
    """Atlas's own first: nobody takes the name `assignments` from it."""
    origin = _origin(point)
    return origin not in {f"atlas-{own}" for own in OWN}, origin


def _origin(point: EntryPoint) -> str:
    return canonicalize_name(point.dist.name) if point.dist else point.value


def _bare(name: str) -> str:
    return name.partition(" ")[0]


def _load(name: str, point: EntryPoint, first: EntryPoint) -> Any:
    if point != first:
        both = f"{_origin(first)} and {_origin(point)}"
        return Unusable(why=f"The plugin {_bare(name)} is offered by both {both}.")
    if misfit := _misfit(point):
        return Unusable(why=f"The plugin {name} {misfit}")
    try:
        return point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # SystemExit, too: a plugin does not end the service
        return Unusable(why=f"The plugin {name} does not import: {_explained(exc)}.", cause=exc)


def _misfit(point: EntryPoint) -> str | None:
    """What the plugin's distribution says that keeps it from this version of Atlas."""
    ours = version(DISTRIBUTION)
    for line in (point.dist.requires if point.dist else None) or ():
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue  # of something else, or pip would not have installed it
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        fits = needed.specifier.contains(ours, prereleases=True)
        if canonicalize_name(needed.name) == DISTRIBUTION and applies and not fits:
            return f"needs {DISTRIBUTION}{needed.specifier}, and this is {ours}."
    return None


def _explained(error: BaseException) -> str:
    """Why an import failed, without the error's own text."""
    kind = type(error).__name__[:100]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{kind} in {error.filename}, line {error.lineno}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{kind}: there is no module {error.name}"
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return kind if last is None else f"{kind} in {last.tb_frame.f_code.co_filename}, line {last.tb_lineno}"
