"""Providers through the API: how a tenant is reached, and who may say so."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.schema import ids
from atlas_gql.simulator import CLIENT_ID
from atlas_gql.testing.installation import Installation, Place
from support.connecting import change, changed, connected, refused, secret_of, trail

OTHER_CLIENT = "22222222-aaaa-4bbb-8ccc-333333333333"

LIST = """
query List($id: ID!, $filter: ProviderFilter) {
  workspace(id: $id) { providers(filter: $filter) { totalCount nodes { tenant { id } } } }
}
"""
OF_TENANT = """
query OfTenant($id: ID!) {
  tenant(id: $id) { provider { cloud clientId writesEnabled credential { name } writeCredential { name } } }
}
"""


@pytest.fixture
def place(atlas: Installation) -> Place:
    return atlas.new_place(provider=False)


def test_a_tenant_is_connected(place: Place) -> None:
    assert place.ask(OF_TENANT, id=place.tenant_id)["data"]["tenant"] == {"provider": None}
    credential, writing = secret_of(place, "App"), secret_of(place, "Writer")
    made = connected(
        place, credential, clientId=CLIENT_ID.upper(), cloud="US_GOVERNMENT",
        writeCredentialId=writing["id"], writeClientId=OTHER_CLIENT.upper(),
    )  # fmt: skip
    uuid = made.pop("uuid")
    assert made == {
        "id": ids.encode("Provider", uuid),
        "cloud": "US_GOVERNMENT",
        "clientId": CLIENT_ID,
        "writeClientId": OTHER_CLIENT,
        "writesEnabled": False,
        "tenant": {"id": place.tenant_id},
        "credential": {"id": credential["id"]},
        "writeCredential": {"id": writing["id"]},
    }
    assert place.ask(OF_TENANT, id=place.tenant_id)["data"]["tenant"]["provider"] == {
        "cloud": "US_GOVERNMENT",
        "clientId": CLIENT_ID,
        "writesEnabled": False,
        "credential": {"name": "App"},
        "writeCredential": {"name": "Writer"},
    }
    stored = {
        "cloud": "us_government",
        "clientId": CLIENT_ID,
        "credentialId": credential["uuid"],
        "writeCredentialId": writing["uuid"],
        "writeClientId": OTHER_CLIENT,
        "writesEnabled": False,
    }
    assert trail(place, uuid) == [("provider.created", stored)]
    again = refused(
        place, "createProvider", tenantId=place.tenant_id, cloud="GLOBAL", clientId=CLIENT_ID,
        credentialId=credential["id"],
    )  # fmt: skip
    assert again == ("tenant", "The tenant has a provider already.")


def test_what_is_left_out_of_a_change_stays_and_what_changed_is_audited(place: Place) -> None:
    credential, writing = secret_of(place, "App"), secret_of(place, "Writer")
    made = connected(place, credential)

    def update(**given: Any) -> Any:
        return changed(place, "updateProvider", providerId=made["id"], **given)

    assert update(writesEnabled=True) == {**made, "writesEnabled": True}
    update(writesEnabled=True)
    both = update(writeCredentialId=writing["id"], writeClientId=OTHER_CLIENT, cloud="CHINA")
    wanted = {"cloud": "CHINA", "writeClientId": OTHER_CLIENT, "writeCredential": {"id": writing["id"]}}
    assert both == {**made, "writesEnabled": True, **wanted}
    assert update(writeCredentialId=None) == {**made, "writesEnabled": True, "cloud": "CHINA"}
    changes = [details["changes"] for _, details in trail(place, made["uuid"])[1:]]
    assert changes == [
        {"writesEnabled": {"old": False, "new": True}},
        {
            "cloud": {"old": "simulator", "new": "china"},
            "writeCredentialId": {"old": None, "new": writing["uuid"]},
            "writeClientId": {"old": None, "new": OTHER_CLIENT},
        },
        {
            "writeCredentialId": {"old": writing["uuid"], "new": None},
            "writeClientId": {"old": OTHER_CLIENT, "new": None},
        },
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"clientId": "my-app"}, "clientId", id="client-id"),
        pytest.param({"writeClientId": OTHER_CLIENT}, "writeClientId", id="no-write-credential"),
        pytest.param({"credentialId": None}, "credentialId", id="no-credential"),
        pytest.param({"cloud": None}, "cloud", id="no-cloud"),
        pytest.param({"writesEnabled": None}, "writesEnabled", id="neither-yes-nor-no"),
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(place: Place, given: dict[str, Any], field: str) -> None:
    made = connected(place, secret_of(place, "App"))
    assert refused(place, "updateProvider", providerId=made["id"], **given)[0] == field
    assert [action for action, _ in trail(place, made["uuid"])] == ["provider.created"]


def test_a_foreign_credential_is_as_if_it_were_not_there(place: Place) -> None:
    own, foreign = secret_of(place, "App"), secret_of(place.atlas.new_place(), "Foreign")
    made = connected(place, own)
    for named in (foreign["id"], ids.encode("Credential", uuid4())):
        answer = change(place, "updateProvider", providerId=made["id"], writeCredentialId=named)
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_deleted_provider_leaves_its_credential(place: Place) -> None:
    credential = secret_of(place, "App")
    made = connected(place, credential)
    assert changed(place, "deleteProvider", providerId=made["id"]) == made["id"]
    assert place.ask(OF_TENANT, id=place.tenant_id)["data"]["tenant"] == {"provider": None}
    assert [action for action, _ in trail(place, made["uuid"])] == ["provider.created", "provider.deleted"]
    connected(place, credential)
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["intents"]})
    assert run["outcome"] == "SUCCEEDED"


def test_providers_are_listed_and_filtered(place: Place) -> None:
    first, second = secret_of(place, "A"), secret_of(place, "B")
    tenants = [
        place,
        place.add_tenant(str(uuid4()), "two.example"),
        place.add_tenant(str(uuid4()), "3.example"),
    ]
    connected(place, first, cloud="GLOBAL", writeCredentialId=second["id"])

    def listed(token: str | None = None, **given: Any) -> list[int]:
        found = place.ask(LIST, token, id=place.workspace_id, filter=given)
        assert "errors" not in found, found
        page = found["data"]["workspace"]["providers"]
        order = [place.tenant_id for place in tenants]
        places = sorted(order.index(node["tenant"]["id"]) for node in page["nodes"])
        assert page["totalCount"] == len(places)
        return places

    assert listed() == [0, 1, 2]
    assert listed(cloud=["GLOBAL", "CHINA"]) == [0]
    assert listed(writesEnabled=True) == [1, 2]
    assert [listed(credentialId=one["id"]) for one in (first, second)] == [[0], [0]]
    assert listed(credentialId=second["id"], cloud=["CHINA"]) == []
    assert listed(place.member("readonly")) == [0]


def test_only_who_manages_providers_changes_them(place: Place) -> None:
    made = connected(place, secret_of(place, "App"))
    strangers = {"FORBIDDEN": place.member("operator"), "NOT_FOUND": place.atlas.new_place().token}
    for code, token in strangers.items():
        for mutation in ("updateProvider", "deleteProvider"):
            answer = change(place, mutation, token, providerId=made["id"])
            assert answer["errors"][0]["extensions"]["code"] == code, (mutation, answer)
    manager = place.member("manager")
    answer = change(place, "updateProvider", manager, providerId=made["id"], writesEnabled=True)
    assert answer["data"]["updateProvider"]["provider"]["writesEnabled"] is True
