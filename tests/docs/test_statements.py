"""What queries cost in statements: no more than their levels allow, whatever the size of their pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from uuid import uuid4

import pytest
from graphql import DocumentNode, parse

from atlas_gql.client import documents as client_documents
from atlas_gql.db.database import Transaction
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, installation
from atlas_gql.testing.postgres import TestDatabase
from support.documents import CLIENTS, blocks
from support.levels import is_query, levels, operation_of
from support.paths import ROOT
from support.runs import add_runs
from support.shipped import shipped_schema
from support.world import World

BEYOND_LEVELS = 2
"""Who asks, and one more."""

SCHEMA = shipped_schema()

CLIENT = {
    "tenant_runs": "tenantId",
    "workspace_runs": "workspaceId",
    "runs_since": "workspaceId",
    "backup_set": "backupSetId",
    "backup_items": "backupSetId",
    "restore_run": "restoreRunId",
    "restore_items": "restoreRunId",
}
"""Of what kind the `id` of a document of the command line is, where that is no run."""

QUERIES = [
    pytest.param(name, document, text, id=name)
    for name, text in (
        *((block.name, block.text) for block in blocks("graphql", *CLIENTS)),
        *(
            (path.name, path.read_text())
            for path in sorted(files(client_documents.__name__).iterdir(), key=str)
            if path.name.endswith(".graphql")
        ),
    )
    if is_query(document := parse(text))
]

(RUNS,) = (block for block in blocks("graphql", ROOT / "README.md") if block.text.startswith("query Runs("))
RUNS_STATEMENTS = 4
"""Who asks; the tenant; the page of runs with what they work on; the failed items of all its runs."""

PROVIDERS = """
query Providers($id: ID!, $first: Int!) {
  workspace(id: $id) {
    name
    providers(first: $first) {
      nodes { clientId tenant { name } credential { name } writeCredential { name } }
    }
    tenants(first: $first) { nodes { provider { cloud credential { kind } } } }
    credentials(first: $first) { nodes { name providers { totalCount totalCountIsExact nodes { cloud } } } }
  }
}
"""
PROVIDERS_STATEMENTS = 6
"""Who asks; the workspace; its providers, with tenants and credentials; its tenants, with providers and their
credentials; its credentials; the providers of all of those, with how many they are."""


TOKENS = """
query Tokens($id: ID!) {
  viewer { tokens { nodes { name owner { name } tenants { name } workspace { name } } } }
  workspace(id: $id) { invitations { nodes { email tenants { name } } } }
}
"""
TOKENS_STATEMENTS = 4
"""Who asks; the viewer's tokens, with their workspaces; their tenants; the workspace's invitations. Their
tenants are those of the tokens, read once."""
CREATE = """mutation C($input: CreateTokenInput!) { createToken(input: $input) { __typename } }"""
INVITE = """mutation I($input: InviteMemberInput!) { inviteMember(input: $input) { __typename } }"""


@pytest.fixture(scope="module")
def quiet(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API without a worker, so that nobody else makes statements in its loop."""
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch, quiet: Installation) -> list[str]:
    """Every statement of the quiet installation from now on; another one may live in this process."""
    seen: list[str] = []
    for name in ("fetch", "execute", "execute_many"):
        original = getattr(Transaction, name)

        async def counted(self, statement, *args, _original=original, **parameters):
            if asyncio.get_running_loop() is quiet._loop:
                seen.append(str(statement))
            return await _original(self, statement, *args, **parameters)

        monkeypatch.setattr(Transaction, name, counted)
    together = Transaction.together

    async def all_counted(self, *asked):
        if asyncio.get_running_loop() is quiet._loop:
            seen.extend(str(statement) for statement, _ in asked)
        return await together(self, *asked)

    monkeypatch.setattr(Transaction, "together", all_counted)
    return seen


def values(name: str, document: DocumentNode, world: World) -> dict[str, Any]:
    """The values of the operation's variables; those with a default are left to it."""
    own = world.values[CLIENT.get(name.removesuffix(".graphql"), "runId")]
    known = {**world.values, "id": own, "first": 25, "filter": None, "name": "Tenant"}
    declared = operation_of(document).variable_definitions or ()
    return {v.variable.name.value: known[v.variable.name.value] for v in declared if not v.default_value}


@pytest.mark.parametrize(("name", "document", "text"), QUERIES)
def test_a_query_costs_no_more_statements_than_its_levels_allow(
    name: str, document: DocumentNode, text: str, world: World, quiet: Installation, statements: list[str]
) -> None:
    answer = quiet.post(text, values(name, document, world), token=world.place.token).json()
    assert "errors" not in answer
    assert len(statements) <= levels(SCHEMA, document) + BEYOND_LEVELS, statements


def test_a_page_of_runs_costs_a_fixed_number_of_statements(quiet, admin_url, statements):
    place = quiet.new_place()
    add_runs(admin_url, place, 60)
    counted = {}
    for size in (5, 50):
        statements.clear()
        answer = place.ask(RUNS.text, tenantId=place.tenant_id, first=size)
        runs = answer["data"]["tenant"]["runs"]["nodes"]
        assert [len(run["failures"]) for run in runs] == [1] * size
        counted[size] = len(statements)
    assert counted == {5: RUNS_STATEMENTS, 50: RUNS_STATEMENTS}


def test_a_page_of_providers_costs_a_fixed_number_of_statements(quiet, statements):
    place = quiet.new_place()
    for n in range(8):
        place.add_tenant(str(uuid4()), f"{n}.example")
    counted = {}
    for size in (2, 9):
        statements.clear()
        answer = place.ask(PROVIDERS, id=place.workspace_id, first=size)
        assert "errors" not in answer
        lists = [page for page in answer["data"]["workspace"].values() if isinstance(page, dict)]
        assert [len(page["nodes"]) for page in lists] == [size] * 3
        counted[size] = len(statements)
    assert counted == {2: PROVIDERS_STATEMENTS, 9: PROVIDERS_STATEMENTS}


def test_tokens_and_invitations_cost_a_fixed_number_of_statements(quiet, statements):
    place = quiet.new_place()
    reached = [place.tenant_id, *(place.add_tenant(str(uuid4()), f"{n}.example").tenant_id for n in range(4))]
    of = {"workspaceId": place.workspace_id, "tenantIds": reached}
    counted = []
    for n in range(3):
        place.ask(CREATE, input={**of, "name": str(n)})
        place.ask(INVITE, input={**of, "role": "READONLY", "email": f"{n}@b.example"})
        statements.clear()
        answer = place.ask(TOKENS, id=place.workspace_id)
        assert "errors" not in answer
        assert len(answer["data"]["viewer"]["tokens"]["nodes"][0]["tenants"]) == 5
        assert len(answer["data"]["workspace"]["invitations"]["nodes"]) == n + 1
        counted.append(len(statements))
    assert counted == [TOKENS_STATEMENTS] * 3
