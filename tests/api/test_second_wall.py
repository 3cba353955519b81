"""With every right of the application granted to everybody, PostgreSQL still keeps workspaces apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from atlas_gql.access.actors import Actor
from atlas_gql.access.capabilities import CAPABILITIES, Role
from atlas_gql.db.database import AS_ENGINE
from atlas_gql.db.tables import metadata
from atlas_gql.schema import ids
from atlas_gql.schema.maps import KINDS
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR
from support.rows import make_place

NODE = "query Node($id: ID!) { node(id: $id) { __typename id } }"
TENANT = """
query Tenant($id: ID!) {
  tenant(id: $id) {
    runs { nodes { id } } auditEntries { nodes { id } } backupSets { nodes { id } } policies { nodes { id } }
  }
}
"""
WORKSPACE = (
    "query Workspace($id: ID!) { workspace(id: $id) { name runs { nodes { id } } tenants { nodes { id } } } }"
)
LISTS = """
query Lists($id: ID!) {
  workspace(id: $id) {
    tenants(first: 100) { nodes { id } }
    runs(first: 100) { nodes { id } }
    auditEntries(first: 100) { nodes { id } }
    credentials(first: 100) { nodes { id } }
    providers(first: 100) { nodes { id } }
  }
}
"""
CHANGES = (
    ("cancelRun", "runId", "OperationRun"),
    ("deleteBackupSet", "backupSetId", "BackupSet"),
    ("deleteCredential", "credentialId", "Credential"),
)


@dataclass(frozen=True)
class Stage:
    """Somebody with a workspace, and what is in another one."""

    asking: Place
    foreign: dict[str, str]
    """By kind, the id of a thing of the other workspace."""


def staged(database: TestDatabase, simulator: Running) -> Iterator[Stage]:
    with installation(database, simulator=simulator, worker=False) as atlas:
        asking, other = atlas.new_place(), atlas.new_place()
        with psycopg.connect(database.url, autocommit=True, options=AS_ENGINE) as connection:
            make_place(connection, workspace=asking.workspace)
            things = make_place(connection, workspace=other.workspace)
        foreign = {
            kind: ids.encode(kind, things.rows[rows.table.name])
            for kind, rows in KINDS.items()
            if rows.table.name in things.rows
        }
        foreign |= {"Workspace": other.workspace_id, "Tenant": ids.encode("Tenant", things.tenant)}
        yield Stage(asking, foreign)


@pytest.fixture(scope="module")
def walled(test_database: TestDatabase, simulator: Running) -> Iterator[Stage]:
    yield from staged(test_database, simulator)


@pytest.fixture(scope="module")
def unwalled(simulator: Running) -> Iterator[Stage]:
    """The control: the same without row-level security."""
    with fresh_database(DATA_DIR) as database:
        with psycopg.connect(database.admin_url) as connection:
            for table in metadata.sorted_tables:
                connection.execute(f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY".encode())
        yield from staged(database, simulator)


@pytest.fixture(autouse=True)
def everybody_may_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = CAPABILITIES[Role.OWNER]
    monkeypatch.setattr(Actor, "reaches_all_of", lambda *_: True)
    monkeypatch.setattr(Actor, "in_workspace", lambda *_: everything)
    monkeypatch.setattr(Actor, "in_tenant", lambda *_: everything)


def seen(stage: Stage, kind: str) -> bool:
    """Whether the other workspace's thing is given, in the ways in which it can be asked for."""
    id_ = stage.foreign[kind]
    answers = [stage.asking.ask(NODE, id=id_)["data"]["node"]]
    if kind == "Tenant":
        answers.append(stage.asking.ask(TENANT, id=id_)["data"]["tenant"])
    if kind == "Workspace":
        answers.append(stage.asking.ask(WORKSPACE, id=id_)["data"]["workspace"])
    assert len({answer is None for answer in answers}) == 1, answers
    return answers[0] is not None


FOREIGN = [kind for kind in KINDS if kind not in ("Provider", "TenantGrant")]


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_another_workspaces_is_not_there(walled: Stage, unwalled: Stage, kind: str) -> None:
    assert not seen(walled, kind)
    assert seen(unwalled, kind), "the control: nothing but PostgreSQL kept it back"


@pytest.mark.parametrize(("mutation", "argument", "kind"), CHANGES)
def test_what_is_another_workspaces_cannot_be_changed(
    walled: Stage, unwalled: Stage, mutation: str, argument: str, kind: str
) -> None:
    name = mutation[0].upper() + mutation[1:]
    document = f"mutation M($input: {name}Input!) {{ {mutation}(input: $input) {{ __typename }} }}"

    def refused(stage: Stage) -> bool:
        answer = stage.asking.ask(document, input={argument: stage.foreign[kind]})
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert codes in ([], ["NOT_FOUND"]), answer
        return codes == ["NOT_FOUND"]

    assert (refused(walled), refused(unwalled)) == (True, False)


def test_lists_of_another_workspace_are_empty_where_the_workspace_itself_is_forgotten(
    walled: Stage, unwalled: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, when also the conditions of the lists are left out: each shows what is one's own."""
    from atlas_gql.schema import pages

    monkeypatch.setattr(
        pages,
        "_conditions",
        lambda shape, _parents, _sources: [
            *shape.listing.link,
            *(shape.listing.filters[name] for name in shape.filters),
        ],
    )
    pages.page_of.cache_clear()
    try:
        found = []
        for stage in (walled, unwalled):
            answer = stage.asking.ask(LISTS, id=stage.asking.workspace_id)
            assert "errors" not in answer
            lists = answer["data"]["workspace"]
            given = {node["id"] for page in lists.values() for node in page["nodes"]}
            assert all(page["nodes"] for page in lists.values()), "one's own is there"
            found.append(given & set(stage.foreign.values()))
    finally:
        pages.page_of.cache_clear()
    walled_off, open_to_all = found
    assert walled_off == set()
    assert open_to_all >= {unwalled.foreign[kind] for kind in ("Tenant", "OperationRun", "AuditEntry")}
