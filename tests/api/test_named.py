"""Operations whose inputs name things, anywhere in them: each is asked for before the input is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.plugins import (
    BackupSet,
    Id,
    Operation,
    Policy,
    Ref,
    RunContext,
    Tenant,
    ValidationError,
    new,
)
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT, Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.statements import counted


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A policy, and sets."""

    policy_id: Id[Policy]
    set_ids: tuple[Id[BackupSet], ...] = ()


@dataclass(frozen=True, kw_only=True)
class NameInput:
    """Things of many kinds."""

    choices: tuple[Choice, ...] = ()
    other_id: Id[Tenant] | None = None
    doomed_ids: Annotated[tuple[UUID, ...], Ref("BackupSet", "backups.delete")] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.note == "odd":
            raise ValidationError("An odd note.", field="note")


async def nothing(_ctx: RunContext, _given: NameInput) -> None:
    pass


NAME = Operation(
    type="tests.name", mutation="nameThings", label="Name", description="Tests.", input=NameInput,
    target=new(), capability="policies.view", handler=nothing,
)  # fmt: skip


@pytest.fixture(scope="module")
def naming(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    operations = {NAME.type: NAME}
    with installation(test_database, simulator=simulator, worker=False, operations=operations) as running:
        yield running


@pytest.fixture
def place(naming: Installation) -> Place:
    return naming.new_place()


def policies(place: Place, admin_url: str, count: int = 1) -> list[str]:
    """New policies of the place's tenant."""
    statement = (
        "INSERT INTO policies (id, tenant_id, workspace_id, policy_type, external_id, name, last_seen_at)"
        " VALUES (%(id)s, %(tenant)s, %(workspace)s, 'mobileApps', %(id)s, 'p', now())"
    )
    return things(place, admin_url, statement, "Policy", count)


def sets(place: Place, admin_url: str, count: int = 1) -> list[str]:
    """New backup sets of the place's tenant."""
    statement = (
        "INSERT INTO backup_sets (id, tenant_id, workspace_id, origin, state, run_id)"
        " VALUES (%(id)s, %(tenant)s, %(workspace)s, 'requested', 'complete', %(id)s)"
    )
    return things(place, admin_url, statement, "BackupSet", count)


def things(place: Place, admin_url: str, statement: str, kind: str, count: int) -> list[str]:
    keys = [uuid4() for _ in range(count)]
    rows = [{"id": key, "tenant": place.tenant, "workspace": place.workspace} for key in keys]
    with psycopg.connect(admin_url) as connection, connection.cursor() as cursor:
        cursor.executemany(statement.encode(), rows)
    return [ids.encode(kind, key) for key in keys]


def ask(place: Place, token: str | None = None, **given: Any) -> Any:
    text = (
        "mutation N($input: NameThingsInput!) { nameThings(input: $input) { __typename"
        " ... on ValidationError { field message } ... on StartRunPayload { run { id } } } }"
    )
    return place.ask(text, token, input={"tenantId": place.tenant_id, **given})


def told(answer: Any) -> tuple[str, Any]:
    """The code of the first error, and what it points at; or the type of the answer."""
    for error in answer.get("errors", ()):
        more = error["extensions"]
        return more["code"], more.get("argument") or more.get("capability")
    return answer["data"]["nameThings"]["__typename"], answer["data"]["nameThings"].get("field")


def test_many_things_of_two_kinds_cost_a_statement_each(place: Place, admin_url: str) -> None:
    one, few = policies(place, admin_url), policies(place, admin_url, 40)
    taken = sets(place, admin_url, 30)
    with counted(place.atlas) as without:
        assert told(ask(place, note="first"))[0] == "StartRunPayload"
    with counted(place.atlas) as with_one:
        assert told(ask(place, note="second", choices=[{"policyId": one[0]}]))[0] == "StartRunPayload"
    choices = [{"policyId": policy, "setIds": taken} for policy in few]
    with counted(place.atlas) as with_many:
        assert told(ask(place, choices=choices, doomedIds=taken[:3]))[0] == "StartRunPayload"
    assert (len(with_one) - len(without), len(with_many) - len(without)) == (1, 2)


def test_what_is_foreign_is_as_if_it_were_not_there(place: Place, admin_url: str) -> None:
    stranger = place.atlas.new_place()
    mine, (foreign,), absent = (
        policies(place, admin_url, 2),
        policies(stranger, admin_url),
        ids.encode("Policy", uuid4()),
    )
    answers = [ask(place, choices=[{"policyId": mine[0]}, {"policyId": bad}]) for bad in (foreign, absent)]
    answers += [
        ask(place, choices=[{"policyId": mine[0], "setIds": [bad]}])
        for bad in (sets(stranger, admin_url)[0], ids.encode("BackupSet", uuid4()))
    ]
    answers += [ask(place, otherId=bad) for bad in (stranger.tenant_id, ids.encode("Tenant", uuid4()))]
    for answer in answers:
        del answer["errors"][0]["extensions"]["requestId"]
    assert [told(answer) for answer in answers] == [("NOT_FOUND", None)] * 6
    assert answers == [answers[0]] * 6


def test_a_thing_of_another_workspace_of_ones_own_is_not_there_either(place: Place, admin_url: str) -> None:
    """Whoever reaches both must not carry things from one to the other."""
    other = place.atlas.new_place()
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "INSERT INTO memberships (id, workspace_id, user_id, role)"
            " SELECT gen_random_uuid(), %s, user_id, 'owner' FROM memberships WHERE workspace_id = %s",
            (other.workspace, place.workspace),
        )
    (policy,) = policies(other, admin_url)
    assert told(ask(place, choices=[{"policyId": policy}])) == ("NOT_FOUND", None)
    assert told(ask(place, otherId=other.tenant_id)) == ("NOT_FOUND", None)


def test_what_is_no_id_of_its_kind_names_its_place(place: Place, admin_url: str) -> None:
    (policy,) = policies(place, admin_url)
    wrong = [{"policyId": policy, "setIds": [policy]}]
    assert told(ask(place, choices=wrong)) == ("BAD_USER_INPUT", "choices.0.setIds.0")
    assert told(ask(place, doomedIds=["no id"])) == ("BAD_USER_INPUT", "doomedIds.0")


def test_rights_are_asked_before_ids_are_read_and_ids_before_all_else(place: Place, admin_url: str) -> None:
    (doomed,), bad = sets(place, admin_url), [{"policyId": "no id"}]
    reader, limited = place.member("readonly"), place.member("operator")
    assert told(ask(place, reader, doomedIds=[doomed], note="odd")) == ("FORBIDDEN", "backups.delete")
    assert told(ask(place, limited, doomedIds=[doomed])) == ("FORBIDDEN", "backups.delete")
    assert told(ask(place, choices=bad, note="odd")) == ("BAD_USER_INPUT", "choices.0.policyId")
    assert told(ask(place, note="odd")) == ("ValidationError", "note")
    unreached = place.atlas.new_place()
    assert told(ask(unreached, reader, choices=bad)) == ("NOT_FOUND", None)


def test_a_capability_is_needed_where_the_thing_is(place: Place, admin_url: str) -> None:
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    (policy,) = policies(other, admin_url)
    member = place.member("readonly")
    assert told(ask(place, member, choices=[{"policyId": policy}])) == ("NOT_FOUND", None)
    assert told(ask(place, choices=[{"policyId": policy}], otherId=other.tenant_id))[0] == "StartRunPayload"


def test_a_retry_asks_again(place: Place, admin_url: str) -> None:
    (doomed,) = sets(place, admin_url)
    run = ask(place, choices=[{"policyId": policies(place, admin_url)[0]}], doomedIds=[doomed])
    run_id = run["data"]["nameThings"]["run"]["id"]
    cancel = "mutation C($input: CancelRunInput!) { cancelRun(input: $input) { __typename } }"
    place.ask(cancel, input={"runId": run_id})

    def retried(token: str | None = None) -> Any:
        text = "mutation R($input: RetryRunInput!) { nameThings: retryRun(input: $input) { __typename } }"
        return told(place.ask(text, token, input={"runId": run_id}))

    assert retried(place.member("operator")) == ("FORBIDDEN", "backups.delete")
    with psycopg.connect(admin_url) as connection:
        connection.execute("DELETE FROM policies WHERE workspace_id = %s", (place.workspace,))
    assert retried() == ("NOT_FOUND", None)


def test_what_names_things_is_started_in_one_tenant_at_a_time(place: Place) -> None:
    text = "mutation M($input: StartOnTenantsInput!)"
    answer = place.ask(
        f"{text} {{ nameThings: startOnTenants(input: $input) {{ __typename }} }}",
        input={
            "workspaceId": place.workspace_id,
            "operationType": NAME.type,
            "tenantIds": [place.tenant_id],
        },
    )
    assert told(answer)[0] == "NotForMany"
