"""The client against the simulator, over real HTTP: every kind read, written and read back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import (
    CONTRACTS,
    GLOBAL,
    Assignment,
    MicrosoftGraphClient,
    MsalTokens,
    Pacer,
    Patience,
    ReadBack,
    ReadStrategy,
    Secret,
    TargetKind,
    WriteOutcome,
    WriteStrategy,
    fingerprint,
    write_assignments,
)
from atlas_gql.reasons import ReasonCode as R
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT, full_state, running
from support.loopback import loopback

ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
WRITABLE = {name: contract for name, contract in CONTRACTS.items() if contract.supports_restore}
ALL_WRITABLE = pytest.mark.parametrize("contract", WRITABLE.values(), ids=list(WRITABLE))
ONE_OF_EACH = {contract.write: contract for contract in WRITABLE.values()}
EVERY_WAY = pytest.mark.parametrize("contract", ONE_OF_EACH.values(), ids=list(ONE_OF_EACH))
NOBODY = "00000000-0000-4000-8000-00000000dead"


@asynccontextmanager
async def connected(simulator, *, secret=CLIENT_SECRET, tenant=DEMO_TENANT.id):
    # Plain HTTP on loopback: loading certificates would take longer than the tests.
    with httpx.Client(verify=False) as login:
        async with httpx.AsyncClient(verify=False) as http:
            tokens = MsalTokens(
                cloud=GLOBAL.at(simulator.url),
                tenant_id=tenant,
                client_id=CLIENT_ID,
                credential=Secret(value=secret),
                http=login,
            )
            yield MicrosoftGraphClient(
                base_url=simulator.url,
                tokens=tokens,
                http=http,
                tenant=tenant,
                pacer=Pacer(),
                patience=Patience(first=0.002, total=2),
            )


def ask(simulator, question, **more):
    async def run():
        async with connected(simulator, **more) as client:
            return await question(client)

    return asyncio.run(run())


def faults(simulator, *rules):
    loopback.post(f"{simulator.url}/_simulator/faults", json=list(rules)).raise_for_status()


def habits(simulator, **changed):
    loopback.post(f"{simulator.url}/_simulator/habits", json=changed).raise_for_status()


def held(simulator, contract):
    """What the simulator holds of a kind, by policy id."""
    files = simulator.state.export()[DEMO_TENANT.id]
    return {raw["id"]: raw for raw in files[f"{contract.path}.json"]["value"]}


def calls(simulator):
    """How many calls of Graph the journal holds; parts of a batch are none of their own."""
    return sum(
        entry["path"].startswith(("/beta", "/v1.0")) and "batch" not in entry for entry in simulator.journal
    )


@pytest.fixture(scope="module")
def simulator():
    """For tests that only read; one for all of them."""
    with running(full_state()) as served:
        yield served


@pytest.fixture
def writable(simulator):
    """The same one, with everything put back afterwards."""
    control = f"{simulator.url}/_simulator"
    before = loopback.get(f"{control}/export").json()
    loopback.delete(f"{control}/journal").raise_for_status()
    yield simulator
    loopback.delete(f"{control}/faults").raise_for_status()
    loopback.delete(f"{control}/habits").raise_for_status()
    loopback.post(f"{control}/load", json=before).raise_for_status()


async def every(client, contract):
    return [policy async for policy in client.policies(contract)]


@ALL
def test_every_policy_comes_with_its_assignments(simulator, contract):
    found = ask(simulator, lambda client: every(client, contract))
    expected = held(simulator, contract)

    assert {policy.id: policy.name for policy in found} == {
        key: raw[contract.name_field] for key, raw in expected.items()
    }
    assert {policy.id: len(policy.assignments) for policy in found} == {
        key: len(raw["assignments"]) for key, raw in expected.items()
    }
    assert [policy.error for policy in found] == [None] * len(found)
    assert found, "the simulated tenant has policies of every kind"
    if contract.platform or contract.platform_field:
        assert all(policy.platform for policy in found)


@ALL
def test_one_policy_is_as_the_list_says(simulator, contract):
    async def both(client):
        listed = (await every(client, contract))[0]
        return listed, await client.policy(contract, listed.id)

    listed, alone = ask(simulator, both)
    assert listed == alone


def test_a_policy_that_is_gone_is_not_found(simulator):
    with pytest.raises(GraphError) as caught:
        ask(simulator, lambda client: client.policy(CONTRACTS["mobileApps"], NOBODY))
    assert (caught.value.reason_code, caught.value.status) == (R.NOT_FOUND, 404)
    assert caught.value.request_id


def test_groups_are_found_by_id_and_by_name(simulator):
    groups = simulator.state.export()[DEMO_TENANT.id]["groups.json"]["value"]
    ids = [group["id"] for group in groups]

    async def look(client):
        return await client.groups([*ids, NOBODY]), await client.groups_named(
            [groups[0]["displayName"], "No 'body"]
        )

    by_id, by_name = ask(simulator, look)
    assert {key: group and group.name for key, group in by_id.items()} == {
        **{group["id"]: group["displayName"] for group in groups},
        NOBODY: None,
    }
    assert by_id[ids[0]].kind == ("dynamic" if groups[0]["membershipRule"] else "assigned")
    assert by_name == {groups[0]["displayName"]: [by_id[ids[0]]], "No 'body": []}


def test_groups_tell_how_many_members_they_have_when_asked(simulator):
    groups = simulator.state.export()[DEMO_TENANT.id]["groups.json"]["value"]

    async def look(client):
        ids = [*(group["id"] for group in groups), NOBODY]
        return await client.member_counts(ids)

    assert ask(simulator, look) == {group["id"]: group["members@odata.count"] for group in groups}


def test_members_that_cannot_be_counted_are_not_told(writable):
    faults(writable, {"status": 403, "path": "members"})
    (group, *_) = writable.state.export()[DEMO_TENANT.id]["groups.json"]["value"]
    assert ask(writable, lambda client: client.member_counts([group["id"]])) == {}


def test_a_deleted_group_is_told_from_one_that_is_gone(writable):
    (group, *_) = writable.state.export()[DEMO_TENANT.id]["groups.json"]["value"]
    deleted_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = writable.state.export()[DEMO_TENANT.id]
    state["groups.json"]["value"].remove(group)
    deleted = {"value": [{**group, "deletedDateTime": deleted_at}]}
    state["directory/deletedItems/microsoft.graph.group.json"] = deleted
    load = {DEMO_TENANT.id: state}
    loopback.post(f"{writable.url}/_simulator/load", json=load).raise_for_status()

    async def look(client):
        ids = [group["id"], NOBODY]
        return await client.groups(ids), await client.deleted_groups(ids)

    there, kept = ask(writable, look)
    assert there == {group["id"]: None, NOBODY: None}
    assert {key: (found.name, found.deleted) for key, found in kept.items()} == {
        group["id"]: (group["displayName"], deleted_at)
    }


def test_filters_come_with_their_rules(simulator):
    filters = simulator.state.export()[DEMO_TENANT.id]["deviceManagement/assignmentFilters.json"]["value"]
    found = ask(simulator, lambda client: client.filters())
    assert [(f.id, f.name, f.platform, f.rule) for f in found] == [
        (raw["id"], raw["displayName"], raw["platform"], raw["rule"]) for raw in filters
    ]


def test_plugins_may_read_any_path(simulator):
    path = "/beta/deviceManagement/configurationPolicies"

    async def read(client):
        pages = [page async for page in client.pages(path, {"$select": "id"})]
        return pages, await client.get(f"{path}/{pages[0]['value'][0]['id']}")

    pages, one = ask(simulator, read)
    assert one["id"] == pages[0]["value"][0]["id"]
    assert sum(len(page["value"]) for page in pages) == len(
        held(simulator, CONTRACTS["configurationPolicies"])
    )


def rewritten(contract, policy):
    """Another set: the first assignment gone, a group more."""
    first, *others = [assignment for assignment in policy.assignments if assignment.is_direct]
    intent = first.extra["intent"] if contract.intent_in_identity else None
    return [*others, Assignment(target=TargetKind.GROUP, group_id=NOBODY, extra=first.extra, intent=intent)]


async def write(client, contract, policy, desired, kept):
    async def keep(before, intent):
        kept.append((before, intent))

    return await write_assignments(
        client,
        contract,
        policy.id,
        planned_from=fingerprint(policy.assignments),
        desired=desired,
        keep=keep,
        justification="Aufräumen nach der Übung",
        read_back=ReadBack(waits=(0, 0.01, 0.05)),
    )


def assigned(policies):
    """The policy with the most assignments, one of which at least is its own."""
    own = [policy for policy in policies if any(a.is_direct for a in policy.assignments)]
    return max(own, key=lambda policy: len(policy.assignments))


def inherited(simulator, contract):
    """Make one assignment of each policy one that a policy set brought; whether the kind knows such."""
    state = simulator.state.export()
    policies = state[DEMO_TENANT.id][f"{contract.path}.json"]["value"]
    found = [a for raw in policies for a in raw["assignments"][-1:] if len(raw["assignments"]) > 1]
    known = any("source" in assignment for assignment in found)
    for assignment in found if known else ():
        assignment["source"] = "policySets"
    loopback.post(f"{simulator.url}/_simulator/load", json=state).raise_for_status()
    return known


@ALL_WRITABLE
def test_a_set_is_written_and_undone_exactly(writable, contract):
    """Read, write, replacement, extra fields; and what is inherited is left as it was."""
    knows_inheritance = inherited(writable, contract)
    before = held(writable, contract)

    async def there_and_back(client):
        policy = assigned(await every(client, contract))
        kept = []
        first = await write(client, contract, policy, rewritten(contract, policy), kept)
        changed = await client.policy(contract, policy.id)
        second = await write(client, contract, changed, kept[0][0].assignments, kept)
        return policy, first, changed, second

    policy, first, changed, second = ask(writable, there_and_back)
    assert [a.raw for a in changed.assignments if not a.is_direct] == [
        a.raw for a in policy.assignments if not a.is_direct
    ]
    assert knows_inheritance or all(a.is_direct for a in policy.assignments)
    assert first.outcome is second.outcome is WriteOutcome.APPLIED
    assert fingerprint(changed.assignments) == fingerprint(rewritten(contract, policy))
    assert fingerprint(first.before.assignments) == fingerprint(second.after.assignments)

    def shape(raws):
        return {
            key: sorted(str({n: v for n, v in a.items() if n != "id"}) for a in raw["assignments"])
            for key, raw in raws.items()
        }

    assert shape(held(writable, contract)) == shape(before)


@EVERY_WAY
@pytest.mark.parametrize(
    "rule", [{"lostResponse": True}, {"lostResponse": True, "status": 504}], ids=["drop", "504"]
)
def test_a_write_whose_answer_is_lost_is_neither_lost_nor_doubled(writable, contract, rule):
    faults(writable, {**rule, "method": "POST", "path": "/assign", "times": 1})

    async def once(client):
        policy = assigned(await every(client, contract))
        written = await write(client, contract, policy, rewritten(contract, policy), [])
        return policy, written

    policy, written = ask(writable, once)
    assert written.outcome is WriteOutcome.APPLIED
    targets = [a["target"].get("groupId") for a in held(writable, contract)[policy.id]["assignments"]]
    assert targets.count(NOBODY) == 1


def test_a_stormy_tenant_is_read_whole(writable):
    faults(
        writable,
        {"status": 429, "probability": 0.3},
        {"status": 503, "body": "html", "probability": 0.1},
        {"reset": True, "probability": 0.02},
    )

    async def everything(client):
        return {name: await every(client, contract) for name, contract in CONTRACTS.items()}

    found = ask(writable, everything)
    assert {name: len(policies) for name, policies in found.items()} == {
        name: len(held(writable, contract)) for name, contract in CONTRACTS.items()
    }
    assert all(policy.error is None for policies in found.values() for policy in policies)


def test_a_backup_of_everything_takes_few_calls(writable):
    async def everything(client):
        for contract in CONTRACTS.values():
            await every(client, contract)

    ask(writable, everything)
    # A call for each list, one more for the settings catalog, which comes in pages of 25, and one for the
    # assignments of each list that does not bring them.
    apart = sum(contract.read is not ReadStrategy.EXPAND for contract in CONTRACTS.values())
    assert calls(writable) <= len(CONTRACTS) + 1 + apart


@pytest.mark.parametrize(
    "contract", [c for c in CONTRACTS.values() if not c.supports_restore], ids=lambda c: c.policy_type
)
def test_a_kind_that_is_only_read_is_refused_with_its_reason(writable, contract):
    async def attempt(client):
        policy = assigned(await every(client, contract))
        await write(client, contract, policy, rewritten(contract, policy), [])

    before = held(writable, contract)
    with pytest.raises(OperationFailure) as caught:
        ask(writable, attempt)
    assert (caught.value.reason_code, caught.value.message) == (R.UNSUPPORTED, contract.why_not)
    assert held(writable, contract) == before


def test_a_change_that_needs_approval_says_that_a_request_was_filed(writable):
    habits(writable, protected=["configurationPolicy"])
    contract = CONTRACTS["deviceConfigurations"]

    async def attempt(client):
        policy = assigned(await every(client, contract))
        await write(client, contract, policy, rewritten(contract, policy), [])

    before = held(writable, contract)
    with pytest.raises(GraphError) as caught:
        ask(writable, attempt)
    assert caught.value.reason_code is R.APPROVAL_REQUIRED
    assert caught.value.detail.startswith("approval_request.")
    assert held(writable, contract) == before


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        pytest.param(
            {"status": 403, "body": "nested", "message": "Application is not authorized"},
            R.PERMISSION_DENIED,
            id="403",
        ),
        pytest.param({"status": 502, "body": "html"}, R.DEPENDENCY_UNREACHABLE, id="502-html"),
        pytest.param({"status": 400, "body": "empty"}, R.INVALID_REQUEST, id="400-empty"),
        pytest.param({"status": 401}, R.AUTHENTICATION_FAILED, id="401"),
        pytest.param({"status": 200, "body": "html"}, R.INVALID_RESPONSE, id="200-html"),
        pytest.param({"status": 200, "body": "empty"}, R.INVALID_RESPONSE, id="200-empty"),
        pytest.param({"status": 429, "retryAfter": 600}, R.THROTTLED, id="429-long"),
    ],
)
def test_a_failing_list_is_never_an_empty_one(writable, rule, reason):
    faults(writable, {**rule, "path": "/deviceConfigurations"})
    with pytest.raises(GraphError) as caught:
        ask(writable, lambda client: every(client, CONTRACTS["deviceConfigurations"]))
    assert caught.value.reason_code is reason


def test_a_wrong_secret_and_an_unknown_tenant_say_so(simulator):
    for reason, more in (
        (R.AUTHENTICATION_FAILED, {"secret": CLIENT_SECRET[::-1]}),
        (R.TENANT_NOT_FOUND, {"tenant": NOBODY}),
    ):
        with pytest.raises(GraphError) as caught:
            ask(simulator, lambda client: client.filters(), **more)
        assert caught.value.reason_code is reason


def test_an_expired_secret_says_so(writable):
    faults(writable, {"secretExpired": True})
    with pytest.raises(GraphError) as caught:
        ask(writable, lambda client: client.filters())
    assert caught.value.reason_code is R.CREDENTIAL_EXPIRED


def test_a_kind_is_only_written_in_its_own_way(simulator):
    nobody = Assignment(target=TargetKind.ALL_USERS)
    assign = next(c for c in CONTRACTS.values() if c.write is WriteStrategy.ASSIGN)
    items = next(c for c in CONTRACTS.values() if c.write is WriteStrategy.ITEMS)
    for question in (
        lambda client: client.assign(items, NOBODY, [nobody]),
        lambda client: client.add_assignment(assign, NOBODY, nobody),
        lambda client: client.delete_assignment(assign, NOBODY, "a"),
    ):
        with pytest.raises(OperationFailure) as caught:
            ask(simulator, question)
        assert caught.value.reason_code is R.UNSUPPORTED
