"""What a caller may be shown, and whether that is what an answer shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from atlas_gql.schema import ids
from support.matrix import oracle
from support.matrix.asking import Seen
from support.matrix.callers import Caller
from support.matrix.oracle import NOT_FOUND, Named, Refused
from support.matrix.table import Selection, Step
from support.matrix.world import Thing, World

PAGE = 25
"""How many things a page lists."""


NARROWED = ("Workspace.tenantsWithoutFreshBackup",)
"""Lists that hold less than may be seen, whoever asks."""


class Shown:
    """What a caller may be shown."""

    def __init__(self, caller: Caller, world: World) -> None:
        self.caller = caller
        self.world = world
        self._hidden = oracle.hidden(caller, world)

    def check(self, seen: Seen, *asked: str) -> None:
        """An answer came, and holds nothing of what is out of reach, and no thing that may not be seen.

        The ids that were asked for may be repeated.
        """
        assert seen.status == 200, seen.text
        self.check_text(seen, *asked)
        for id_ in _ids(seen.body.get("data")):
            found = ids.parse(id_)
            assert found is not None
            if found.kind in oracle.KINDS:
                thing = self.world.by_uuid.get(found.uuid)
                # What the caller has just made is none of the world's.
                assert thing is None or oracle.shown(self.caller, thing), f"{found.kind}: {seen.text}"

    def check_text(self, seen: Seen, *asked: str) -> None:
        """An answer of whatever kind holds nothing of what is out of reach."""
        assert [text for text in self._hidden if text in seen.text and text not in asked] == []

    def check_lists(self, seen: Seen, thing: Thing, there: Collection[Step]) -> set[Step]:
        """A workspace lists all that may be seen of it, and nothing else; gives what is not empty."""
        left = set(there)
        for step in there:
            if step.lists is None or oracle.of_field(self.caller, step.guards, thing):
                continue
            found = [one for one in self.world.at(step.lists) if one.workspace == thing.workspace]
            visible = {one.id for one in found if oracle.visible(self.caller, one)}
            page = seen.body["data"]["it"][step.path[0]]
            shown = {node["id"] for node in page["nodes"]}
            assert shown <= visible, step.name
            if step.name in NARROWED:
                continue
            assert len(shown) == min(len(visible), PAGE), step.name
            assert page.get("totalCount", len(visible)) == len(visible), step.name
            if not visible:
                left.discard(step)
        return left

    def check_result(self, seen: Seen, results: Mapping[str, Selection], named: Mapping[str, Named]) -> None:
        """What a mutation gives is refused where the caller may do something and not see it."""
        given = seen.body["data"]["it"]
        if given is None:
            return
        (thing, *_) = (one.thing for one in named.values() if one.thing is not None)
        told = _told(seen)
        for step in results[given["__typename"]].steps:
            error = told.pop(step.path, None)
            if step.several:
                assert error is None or step.guards, step.name
                continue
            verdict = oracle.of_field(self.caller, step.guards, thing)
            assert (error is None) if verdict is None else (error and verdict.shown(error)), step.name
        assert told == {}

    def check_thing(self, seen: Seen, thing: Thing, selection: Selection, there: Collection[Step]) -> None:
        """A thing's fields are as the oracle has it: each shown where there is something, or refused so."""
        given = seen.body["data"]["it"]
        assert (given["__typename"], given["id"]) == (thing.kind, thing.id)
        told = _told(seen)
        verdicts = {step: oracle.of_field(self.caller, step.guards, thing) for step in selection.steps}
        refused = {step.path for step, verdict in verdicts.items() if verdict}
        wrong = [
            (step.name, verdict, told.get(step.path))
            for step, verdict in verdicts.items()
            if not step.several
            and not any(step.path[:n] in refused for n in range(1, len(step.path)))
            and not _as_told(step, verdict, told.get(step.path), filled(seen, step), step in there)
        ]
        assert wrong == []
        assert told.keys() <= {step.path for step in selection.steps}


def _told(seen: Seen) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """The errors of an answer by their fields."""
    return {
        tuple(part for part in error["path"][1:] if isinstance(part, str)): error for error in seen.errors
    }


def _as_told(
    step: Step, verdict: Refused | None, error: Mapping[str, Any] | None, filled: bool, there: bool
) -> bool:
    if verdict is None:
        return error is None and filled == there
    if step.silent and verdict == NOT_FOUND:
        return error is None and not filled
    return error is not None and not filled and verdict.shown(error)


def filled(seen: Seen, step: Step) -> bool:
    """Whether the field shows something, anywhere in the thing."""
    found = [seen.body["data"]["it"]]
    for name in step.path:
        several = (value for one in found for value in (one if isinstance(one, list) else [one]))
        found = [one[name] for one in several if one is not None]
    return any(value not in (None, []) and _nodes(value) != [] for value in found)


def _nodes(value: Any) -> Any:
    return value.get("nodes") if isinstance(value, dict) else None


def _ids(value: Any) -> Iterator[str]:
    """Every id of a thing in an answer."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "id" and isinstance(inner, str) and ids.parse(inner):
                yield inner
            else:
                yield from _ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner)
