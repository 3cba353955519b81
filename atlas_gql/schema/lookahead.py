"""Which fields a query selects below a field, so that only their columns are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)

from atlas_gql.schema.context import Context
from atlas_gql.schema.rows import INSIDE, RowMap

Level = dict[str, list[FieldNode]]


def selected(info: strawberry.Info[Context, None], *paths: tuple[str, ...]) -> frozenset[str]:
    """The names of the fields selected at these paths below the field being resolved.

    Found out once for an operation: type conditions and `@skip`/`@include` are not looked at, since a column
    too many does no harm.
    """
    raw = info._raw_info  # Strawberry's own look-ahead converts the whole tree for each row
    known = info.context.selections
    key = (tuple(map(id, raw.field_nodes)), paths)
    if key not in known:
        top = _below(raw.field_nodes, raw.fragments)
        known[key] = frozenset(name for path in paths for name in _at(top, path, raw.fragments))
    found: frozenset[str] = known[key]
    return found


def attributes(
    info: strawberry.Info[Context, None], rows: RowMap, paths: Iterable[tuple[str, ...]], *more: str
) -> tuple[str, ...]:
    """The attributes of rows of this kind, and of what they are linked to, that are read at these paths."""
    paths, known = tuple(paths), info.context.selections
    key = (tuple(map(id, info._raw_info.field_nodes)), rows, paths, more)
    if key not in known:
        known[key] = _attributes(info, rows, paths, *more)
    found: tuple[str, ...] = known[key]
    return found


def _attributes(
    info: strawberry.Info[Context, None], rows: RowMap, paths: tuple[tuple[str, ...], ...], *more: str
) -> tuple[str, ...]:
    fields = selected(info, *paths)
    names = set(rows.needed(fields, *more))
    for name in fields & rows.links.keys():
        inner = attributes(info, rows.links[name].to(), [(*path, name) for path in paths])
        names.update(f"{name}{INSIDE}{attribute}" for attribute in inner)
    return tuple(sorted(names))


def _at(level: Level, path: tuple[str, ...], fragments: Mapping[str, FragmentDefinitionNode]) -> Level:
    for name in path:
        level = _below(level.get(name, []), fragments)
    return level


def _below(fields: Iterable[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> Level:
    """The fields one level down, by name. Each fragment is walked once, however often it is spread."""
    found: Level = {}
    spread: set[str] = set()
    pending: list[SelectionSetNode | None] = [field.selection_set for field in fields]
    while pending:
        selections = pending.pop()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                found.setdefault(node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                pending.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                pending.append(fragments[node.name.value].selection_set)
    return found
