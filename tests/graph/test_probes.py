"""What may be read, asked in as few calls as it takes; and what a refusal means."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from atlas_gql.graph import CONTRACTS, GLOBAL, MicrosoftGraphClient, MsalTokens, Pacer, Patience, Secret
from atlas_gql.graph.permissions import grants
from atlas_gql.reasons import ReasonCode as R
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT, running
from support.loopback import loopback

UNLICENSED = "windowsDriverUpdateProfiles"


@pytest.fixture
def simulator():
    with running() as server:
        yield server


def ask(simulator, question):
    async def run():
        with httpx.Client(verify=False) as login:
            async with httpx.AsyncClient(verify=False) as http:
                tokens = MsalTokens(
                    cloud=GLOBAL.at(simulator.url),
                    tenant_id=DEMO_TENANT.id,
                    client_id=CLIENT_ID,
                    credential=Secret(value=CLIENT_SECRET),
                    http=login,
                )
                client = MicrosoftGraphClient(
                    base_url=simulator.url,
                    tokens=tokens,
                    http=http,
                    tenant="t",
                    pacer=Pacer(),
                    patience=Patience(first=0.002, total=2),
                )
                return await question(client)

    return asyncio.run(run())


def tell(simulator, what, document):
    loopback.post(f"{simulator.url}/_simulator/{what}", json=document).raise_for_status()


def calls(simulator):
    """Graph's own, without the parts of batches."""
    listed = loopback.get(f"{simulator.url}/_simulator/journal").json()
    return [call for call in listed if call["path"].endswith("/$batch")]


def reasons(found):
    return {name: error.reason_code for name, error in found.items() if error}


def test_a_probe_of_every_kind_costs_a_call_for_each_family_and_permission(simulator):
    found = ask(simulator, lambda client: client.probe(CONTRACTS.values()))
    assert (list(found), reasons(found)) == (list(CONTRACTS), {})
    assert len(calls(simulator)) == len({(c.family, c.permission) for c in CONTRACTS.values()}) == 13


def test_a_kind_without_a_licence_is_told_from_one_without_permission(simulator):
    tell(simulator, "habits", {"unlicensed": [UNLICENSED, "mobileApps"]})
    roles = ["DeviceManagementConfiguration.ReadWrite.All"]
    tell(simulator, "registration", {"tenant": DEMO_TENANT.id, "roles": roles})
    kinds = [CONTRACTS[name] for name in (UNLICENSED, "windowsFeatureUpdateProfiles", "mobileApps")]
    found = ask(simulator, lambda client: client.probe(kinds))
    assert reasons(found) == {UNLICENSED: R.NOT_LICENSED, "mobileApps": R.PERMISSION_DENIED}


def test_a_batch_that_is_refused_as_a_whole_is_the_answer_of_its_parts_alone(simulator):
    tell(simulator, "faults", [{"path": "batch$", "status": 400, "times": 1}])
    found = ask(simulator, lambda client: client.probe(CONTRACTS.values()))
    refused = {CONTRACTS[name].family for name in reasons(found)}
    assert (len(refused), set(reasons(found).values())) == (1, {R.INVALID_REQUEST})


def test_permissions_are_those_of_a_token_of_now(simulator):
    async def twice(client):
        before = await client.permissions()
        tell(simulator, "registration", {"tenant": DEMO_TENANT.id, "roles": ["CloudPC.Read.All"]})
        return before, await client.permissions()

    before, after = ask(simulator, twice)
    assert (before > after, after) == (True, {"CloudPC.Read.All"})


@pytest.mark.parametrize(
    ("role", "permission", "granted"),
    [
        pytest.param("CloudPC.Read.All", "CloudPC.Read.All", True, id="itself"),
        pytest.param("CloudPC.ReadWrite.All", "CloudPC.Read.All", True, id="writing-reads"),
        pytest.param("CloudPC.Read.All", "CloudPC.ReadWrite.All", False, id="reading-does-not-write"),
        pytest.param("Directory.Read.All", "GroupMember.Read.All", True, id="the-directory-has-groups"),
        pytest.param("GroupMember.Read.All", "Group.Read.All", False, id="members-are-not-groups"),
    ],
)
def test_a_role_includes_what_reaches_less_far(role, permission, granted):
    assert grants({role}, permission) is granted
