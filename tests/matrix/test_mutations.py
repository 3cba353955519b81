"""Every mutation, tried by everybody on what is theirs or not: refused as it should be, and in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLField, GraphQLInputObjectType, get_named_type

from atlas_gql.schema import ids
from support.matrix import oracle
from support.matrix.asking import Asker, Seen
from support.matrix.callers import CALLERS, OUTSIDERS, REFERENCE, ROLES, TENANTS, Caller
from support.matrix.oracle import Named, Refused
from support.matrix.shown import Shown
from support.matrix.table import Table, guard_of, ids_in, kind_named, nonsense
from support.matrix.world import World


@dataclass(frozen=True, kw_only=True)
class Try:
    """A mutation with an input that names these things by these fields."""

    label: str
    varied: str
    named: Mapping[str, Named]


class Mutations:
    """The mutations of a schema, and what to try them on in a world."""

    def __init__(self, table: Table, world: World) -> None:
        self._table = table
        self._world = world

    def text(self, name: str, field: GraphQLField) -> str:
        """The mutation with all that it can answer."""
        parts = " ".join(
            f"... on {type_} {{ {whole.text} }}" for type_, whole in self._table.of_result(field).items()
        )
        given = self.input_of(field).name
        return f"mutation M($input: {given}!) {{ it: {name}(input: $input) {{ __typename {parts} }} }}"

    @staticmethod
    def input_of(field: GraphQLField) -> GraphQLInputObjectType:
        given = get_named_type(field.args["input"].type)
        assert isinstance(given, GraphQLInputObjectType)
        return given

    def given(self, field: GraphQLField, tried: Try) -> dict[str, Any]:
        """The variables of a try."""
        named = {name: one.id for name, one in tried.named.items()}
        return {"input": nonsense(self.input_of(field), named)}

    def tries(self, field: GraphQLField) -> Iterator[Try]:
        """Each id of the input in turn is of every place, of nothing, and of no form; the others are ours."""
        fields = dict(ids_in(self.input_of(field)))
        needed = {name: self._ours(name) for name, required in fields.items() if required}
        for varied in fields:
            for label, named in self._variants(varied):
                yield Try(label=f"{varied}: {label}", varied=varied, named={**needed, varied: named})

    def _ours(self, name: str) -> Named:
        thing = self._world.thing(kind_named(name, self._table.kinds), "granted")
        return Named(id=thing.id, thing=thing)

    def _variants(self, name: str) -> Iterator[tuple[str, Named]]:
        kind = kind_named(name, self._table.kinds)
        found = {place: self._world.thing(kind, place) for place in TENANTS}
        yield from {
            thing.id: (place, Named(id=thing.id, thing=thing)) for place, thing in found.items()
        }.values()
        yield "absent", Named(id=ids.encode(kind, uuid4()))
        yield "malformed", Named(id="nonsense", malformed=True)
        yield "of another kind", Named(id=ids.encode("Toaster", uuid4()), malformed=True)


@pytest.mark.parametrize("caller", [*CALLERS, REFERENCE], ids=str)
def test_every_mutation(caller: Caller, ask: Asker, table: Table, own: World) -> None:
    token, shown, mutations = own.token(caller), Shown(caller, own), Mutations(table, own)
    past, state = set(), ask.state()
    ask.audited()
    for name, field in table.mutations.items():
        guard = guard_of(field)
        assert guard is not None, f"{name} has no guard"
        text, absent, allowed = mutations.text(name, field), dict[str, Seen](), list[Try]()
        for tried in mutations.tries(field):
            verdict = oracle.of_mutation(caller, name, tuple(guard.permissions), tried.named)
            if verdict is None:
                allowed.append(tried)
                continue
            seen, where = ask.query(token, text, mutations.given(field, tried)), f"{name} of {tried.label}"
            shown.check(seen, *(one.id for one in tried.named.values()))
            refused(seen, verdict, where)
            assert ask.audited() == refusal(name, verdict), where
            if tried.named[tried.varied].reached(caller) == oracle.NOT_FOUND:
                first = absent.setdefault(tried.varied, seen)
                assert (seen.body, seen.statements) == (first.body, first.statements), where
        assert ask.state() == state, f"{name} was refused, and changed something"
        for tried in allowed:
            seen = ask.query(token, text, mutations.given(field, tried))
            shown.check(seen, *(one.id for one in tried.named.values()))
            went_past(seen, f"{name} of {tried.label}")
            shown.check_result(seen, table.of_result(field), tried.named)
            own.mend()
        if allowed:
            past.add(name)
            state = ask.state()
            ask.audited()
    if caller.rights("granted") == ROLES["owner"]:
        assert past == set(table.mutations)


def refused(seen: Seen, verdict: Refused, where: str) -> None:
    """The whole answer is the refusal."""
    (error,) = seen.errors
    assert seen.body["data"] == {"it": None}, where
    assert (error["path"], verdict.shown(error)) == (["it"], True), f"{where}: {verdict}, {seen.text}"


def refusal(name: str, verdict: Refused) -> list[tuple[str, dict[str, Any]]]:
    """What is audited of it: one entry where a member lacks a capability, none where all is out of reach."""
    if verdict.capability is None:
        return []
    return [("mutation.refused", {"mutation": name, "capability": verdict.capability})]


def went_past(seen: Seen, where: str) -> None:
    """Whatever came of it, the mutation itself was not refused."""
    codes = {error["extensions"]["code"] for error in seen.errors if error["path"] == ["it"]}
    assert codes <= {oracle.BAD_INPUT.code}, f"{where}: {seen.text}"


@pytest.mark.parametrize("outsider", OUTSIDERS)
def test_outsiders_change_nothing(outsider: str, ask: Asker, table: Table, own: World) -> None:
    token, mutations = own.outsider(outsider), Mutations(table, own)
    ask.audited()
    state, answers = ask.state(), []
    for name, field in table.mutations.items():
        for tried in mutations.tries(field):
            answers.append(ask.query(token, mutations.text(name, field), mutations.given(field, tried)))
    assert {(seen.status, str(seen.body)) for seen in answers} == {
        (OUTSIDERS[outsider], str(answers[0].body))
    }
    assert (ask.state(), ask.audited()) == (state, [])
