"""The doors beside GraphQL's POST, and subscriptions by both of theirs: who gets in, and to what."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.archive import MEDIA_TYPE
from atlas_gql.schema import ids
from support.matrix import oracle
from support.matrix.asking import Asker, Seen
from support.matrix.callers import CALLERS, OUTSIDERS, REFERENCE, TENANTS, Caller
from support.matrix.oracle import Named, Refused
from support.matrix.shown import Shown
from support.matrix.table import Table, guard_of, kind_named
from support.matrix.world import World
from support.watching import by_socket, by_sse, closing, send, socket

EXPORT, IMPORT = ("exportBackup", "BackupSet"), ("importBackup", "Tenant")
DOORS: dict[tuple[str, str], tuple[str, str, tuple[str, ...]]] = {
    EXPORT: ("GET", "/backups/{}/archive", ("backups.view", "backups.export")),
    IMPORT: ("POST", "/tenants/{}/archives", ("backups.import",)),
}
"""What is audited, of which kind of thing: the method, the path, and the capabilities in their order."""
STATUS = {"NOT_FOUND": 404, "FORBIDDEN": 403}
OPEN = ("/graphql", "/schema.graphql")


@pytest.mark.parametrize("caller", [*CALLERS, REFERENCE], ids=str)
def test_archives(caller: Caller, ask: Asker, own: World) -> None:
    token, shown = own.token(caller), Shown(caller, own)
    for (name, kind), (method, path, needed) in DOORS.items():
        missing = ask.send(token, method, path.format(uuid4()))
        assert (missing.status, missing.body["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
        assert ask.send(token, method, path.format("nonsense")).body == missing.body
        state, _ = ask.state(), ask.audited()
        for place in TENANTS:
            thing = own.thing(kind, place)
            seen = ask.send(token, method, path.format(thing.uuid), content=b"no archive", headers=_FILE)
            verdict = _needs(caller, place, needed)
            shown.check_text(seen)
            if verdict is None:
                # An archive that is none is refused for that.
                assert seen.status == (200 if method == "GET" else 422), seen.text
                state, _ = ask.state(), ask.audited()
                continue
            (error,) = seen.errors
            assert (seen.status, verdict.shown(error)) == (STATUS[verdict.code], True), seen.text
            lacking = [("mutation.refused", {"mutation": name, "capability": verdict.capability})]
            assert (ask.state(), ask.audited()) == (state, lacking if verdict.capability else [])
            if verdict == oracle.NOT_FOUND:
                assert (seen.body, seen.statements) == (missing.body, missing.statements)


_FILE = {"Content-Type": MEDIA_TYPE}


def _needs(caller: Caller, place: str, needed: tuple[str, ...]) -> Refused | None:
    verdicts = (oracle.holds(caller.rights(place), capability) for capability in needed)
    return next((verdict for verdict in verdicts if verdict), None)


@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_everybody_with_a_token_may_read_the_schema_and_who_they_are(
    caller: Caller, ask: Asker, world: World
) -> None:
    token = world.token_of(caller)
    assert ask.send(token, "GET", "/schema.graphql").status == 200
    seen = ask.send(token, "GET", "/graphql", params={"query": "{ viewer { name } }"})
    assert (seen.status, seen.errors) == (200, [])


def test_the_page_that_asks_holds_nothing(ask: Asker, world: World) -> None:
    seen = ask.send(None, "GET", "/graphiql")
    assert seen.status == 200
    Shown(Caller(name="anybody"), world).check_text(seen)


@pytest.mark.parametrize("outsider", OUTSIDERS)
def test_outsiders_find_every_door_shut(outsider: str, ask: Asker, own: World) -> None:
    token, status = own.outsider(outsider), OUTSIDERS[outsider]
    paths = [
        path.format(key)
        for (_, kind), (_, path, _) in DOORS.items()
        for key in (own.thing(kind, "granted").uuid, uuid4(), "nonsense")
    ]
    ask.audited()
    state, answers = ask.state(), []
    for path in (*paths, *OPEN):
        for method in ("GET", "POST", "PUT", "DELETE"):
            answers.append(ask.send(token, method, path, content=b"{}"))
    assert {(seen.status, str(seen.body)) for seen in answers} == {(status, str(answers[0].body))}
    assert (ask.state(), ask.audited()) == (state, [])
    given = {"query": "subscription { x }"}
    seen = ask.send(token, "POST", "/graphql", json=given, headers={"Accept": "text/event-stream"})
    assert (seen.status, seen.body) == (status, answers[0].body)
    with socket(ask.atlas.url) as opened:
        shown = {"authorization": f"Bearer {token}"} if token else {}
        send(opened, type="connection_init", payload=shown)
        assert closing(opened) == 4000 + status


@pytest.mark.parametrize("watch", [by_sse, by_socket], ids=["sse", "socket"])
@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_every_subscription(caller: Caller, watch: Any, ask: Asker, table: Table, own: World) -> None:
    token, shown = own.token(caller), Shown(caller, own)
    for name, field in table.subscriptions.items():
        guard = guard_of(field)
        assert guard is not None, f"{name} has no guard"
        (argument,) = (each for each in field.args if each.endswith("Id"))
        kind = kind_named(argument, table.kinds)
        text = f"subscription S($id: ID!) {{ it: {name}({argument}: $id) {table.of_event(name).text} }}"
        things = [Named(id=thing.id, thing=thing) for thing in own.things_of(kind)]
        absent = Named(id=ids.encode(kind, uuid4()))
        answers = list[tuple[Refused | None, Any]]()
        for named in (absent, Named(id="nonsense", malformed=True), *things):
            with watch(ask.atlas.url, token, text, {"id": named.id}) as events:
                body = next(events)
            seen = _seen(body)
            shown.check(seen)
            verdict = oracle.of_subscription(caller, guard, named)
            if verdict is None:
                assert seen.body["data"]["it"]["eventCursor"], f"{name}: {seen.text}"
                continue
            (error,) = seen.errors
            assert verdict.shown(error), f"{name} {named}: {seen.text}"
            assert not seen.body.get("data")
            answers.append((verdict, seen.body))
        assert len({str(body) for verdict, body in answers if verdict == oracle.NOT_FOUND}) == 1


def _seen(body: dict[str, Any]) -> Seen:
    text = str(body)
    for error in body.get("errors", ()):
        del error["extensions"]["requestId"]
    return Seen(status=200, text=text, body=body, statements=0)
