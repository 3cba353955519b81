"""A page costs the same few statements, whatever its size."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from atlas_gql.db.database import Transaction
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, installation
from atlas_gql.testing.postgres import TestDatabase
from support.documents import blocks
from support.paths import ROOT
from support.runs import add_runs

STATEMENTS = 5
"""Who asks; the tenant; the page of runs; the failed items of all its runs; what they work on."""

(RUNS,) = (block for block in blocks("graphql", ROOT / "README.md") if block.text.startswith("query Runs("))

PROVIDERS = """
query Providers($id: ID!, $first: Int!) {
  workspace(id: $id) {
    providers(first: $first) {
      nodes { clientId tenant { name } credential { name } writeCredential { name } }
    }
    tenants(first: $first) { nodes { provider { cloud credential { kind } } } }
    credentials(first: $first) { nodes { name providers { totalCount nodes { cloud } } } }
  }
}
"""
PROVIDERS_STATEMENTS = 11
"""Who asks; the workspace; its providers, with tenants and credentials; its tenants, with providers and their
credentials; its credentials, with providers and how many."""


TOKENS = """
query Tokens($id: ID!) {
  viewer { tokens { nodes { name owner { name } tenants { name } workspace { name } } } }
  workspace(id: $id) { invitations { nodes { email tenants { name } } } }
}
"""
TOKENS_STATEMENTS = 6
"""Who asks; the viewer's tokens, with their tenants and workspaces; the workspace; its invitations. Their
tenants are those of the tokens, read once."""
CREATE = """mutation C($input: CreateTokenInput!) { createToken(input: $input) { __typename } }"""
INVITE = """mutation I($input: InviteMemberInput!) { inviteMember(input: $input) { __typename } }"""


@pytest.fixture
def quiet(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API without a worker, so that nobody else makes statements in this process."""
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
    return seen


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
    assert counted == {5: STATEMENTS, 50: STATEMENTS}


def test_a_page_of_providers_costs_a_fixed_number_of_statements(quiet, statements):
    place = quiet.new_place()
    for n in range(8):
        place.add_tenant(str(uuid4()), f"{n}.example")
    counted = {}
    for size in (2, 9):
        statements.clear()
        answer = place.ask(PROVIDERS, id=place.workspace_id, first=size)
        assert "errors" not in answer
        assert [len(page["nodes"]) for page in answer["data"]["workspace"].values()] == [size] * 3
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
