"""Every field that leads to a thing or has a guard, asked for by everybody, of what is theirs or not."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from graphql import is_required_argument

from atlas_gql.schema import ids
from support.matrix import oracle
from support.matrix.asking import Asker, Seen
from support.matrix.callers import CALLERS, OUTSIDERS, REFERENCE, Caller
from support.matrix.oracle import NOT_FOUND, Refused
from support.matrix.shown import Shown, filled
from support.matrix.table import Selection, Step, Table, kind_named
from support.matrix.world import World

MALFORMED = ("", "nonsense", "VGVuYW50Og==", ids.encode("Toaster", uuid4()))


@pytest.fixture(scope="session")
def full(ask: Asker, table: Table, world: World) -> frozenset[tuple[UUID, Step]]:
    """The fields of things that are not empty."""
    token = world.token_of(REFERENCE)
    found = set()
    for kind in table.kinds:
        selection = table.of_kind(kind)
        for thing in world.at(kind):
            seen = ask.query(token, whole(kind, selection), {"id": thing.id})
            assert seen.errors == [], seen.text
            found |= {(thing.uuid, step) for step in selection.steps if filled(seen, step)}
    return frozenset(found)


def test_the_world_has_one_of_every_kind(table: Table, world: World) -> None:
    assert table.kinds == sorted(oracle.KINDS)
    assert [kind for kind in table.kinds if not world.at(kind)] == []


def test_the_world_has_something_to_show_for_every_field(
    table: Table, full: frozenset[tuple[UUID, Step]]
) -> None:
    walked = {step.name for kind in table.kinds for step in table.of_kind(kind).steps}
    assert walked - {step.name for _, step in full} == set()


def test_every_field_there_is_is_walked(table: Table) -> None:
    walked = {step.name for kind in table.kinds for step in table.of_kind(kind).steps}
    walked |= {f"Query.{name}" for name in table.queries}
    walked |= {step.name for name in table.queries for step in table.of_root(name).steps}
    walked |= {f"Mutation.{name}" for name in table.mutations}
    walked |= {f"Subscription.{name}" for name in table.subscriptions}
    for field in table.mutations.values():
        walked |= {step.name for whole in table.of_result(field).values() for step in whole.steps}
    for name in table.subscriptions:
        walked |= {step.name for step in table.of_event(name).steps}
    assert table.to_walk - walked == set()


@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_every_field_of_every_thing(
    caller: Caller, ask: Asker, table: Table, world: World, full: frozenset[tuple[UUID, Step]]
) -> None:
    token, shown = world.token_of(caller), Shown(caller, world)
    for kind in table.kinds:
        selection = table.of_kind(kind)
        query = whole(kind, selection)
        missing = ask.query(token, query, {"id": ids.encode(kind, uuid4())})
        assert missing.body == {"data": {"it": None}}
        assert missing.statements > 1, "who asks, and the look-up, are counted"
        for thing in world.at(kind):
            seen = ask.query(token, query, {"id": thing.id})
            shown.check(seen)
            if oracle.visible(caller, thing):
                there = {step for step in selection.steps if (thing.uuid, step) in full}
                if kind == "Workspace":
                    there = shown.check_lists(seen, thing, there)
                shown.check_thing(seen, thing, selection, there)
            else:
                assert (seen.body, seen.statements) == (missing.body, missing.statements)
        for malformed in MALFORMED:
            assert ask.query(token, query, {"id": malformed}).body == missing.body


def whole(kind: str, selection: Selection) -> str:
    """A query for all of a thing."""
    return (
        f"query Q($id: ID!) {{ it: node(id: $id) {{ __typename id ... on {kind} {{ {selection.text} }} }} }}"
    )


@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_every_root_field(caller: Caller, ask: Asker, table: Table, world: World) -> None:
    token, shown = world.token_of(caller), Shown(caller, world)
    for name, field in table.queries.items():
        if name == "node":
            continue
        selection = table.of_root(name)
        if not any(map(is_required_argument, field.args.values())):
            seen = ask.query(token, f"{{ {name} {selection.text} }}", {})
            shown.check(seen)
            assert seen.errors == []
            assert seen.body["data"][name]
            continue
        assert list(field.args) == ["id"], f"the matrix does not know how to reach Query.{name}"
        kind = kind_named(name, table.kinds)
        query = f"query Q($id: ID!) {{ it: {name}(id: $id) {selection.text} }}"
        missing = ask.query(token, query, {"id": ids.encode(kind, uuid4())})
        refused(missing, "it", NOT_FOUND)
        for thing in world.at(kind):
            seen = ask.query(token, query, {"id": thing.id})
            shown.check(seen)
            if oracle.visible(caller, thing):
                assert (seen.errors, seen.body["data"]["it"]["id"]) == ([], thing.id)
            else:
                assert (seen.body, seen.statements) == (missing.body, missing.statements)
        for malformed in (*MALFORMED, ids.encode("Policy", uuid4())):
            refused(ask.query(token, query, {"id": malformed}), "it", oracle.BAD_INPUT)


@pytest.mark.parametrize("outsider", OUTSIDERS)
def test_outsiders_learn_nothing_of_anything(outsider: str, ask: Asker, table: Table, world: World) -> None:
    token, before = world.outsider(outsider), ask.state()
    answers = []
    for kind in table.kinds:
        query = whole(kind, table.of_kind(kind))
        for id_ in (world.thing(kind, "granted").id, ids.encode(kind, uuid4()), "nonsense"):
            answers.append(ask.query(token, query, {"id": id_}))
    for name, field in table.queries.items():
        given = f'(id: "{world.thing("Tenant", "granted").id}")' if field.args else ""
        answers.append(ask.query(token, f"{{ {name}{given} {table.of_root(name).text} }}", {}))
    answers.append(ask.query(token, "{ no such text", {}))
    assert {(seen.status, str(seen.body)) for seen in answers} == {
        (OUTSIDERS[outsider], str(answers[0].body))
    }
    assert list(answers[0].body) == ["errors"]
    assert ask.state() == before


def refused(seen: Seen, field: str, verdict: Refused) -> None:
    """An answer to one field says no more than that."""
    (error,) = seen.errors
    assert seen.body["data"] == {field: None}
    assert (error["path"], verdict.shown(error)) == ([field], True), seen.text
