from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import httpx
import pytest

from atlas_gql.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    DEMO_SECOND_TENANT,
    DEMO_TENANT,
    Registration,
    Running,
    full_state,
    running,
)

TakeToken = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def served() -> Iterator[Running]:
    with running(full_state()) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def pristine() -> dict:
    return copy.deepcopy(full_state().export())


@pytest.fixture
def sim(served: Running, pristine: dict) -> Running:
    """The one server, with policies of every kind as new, no faults and an empty journal."""
    with httpx.Client(base_url=served.url, trust_env=False, verify=False) as control:
        control.post("/_simulator/load", json=pristine).raise_for_status()
        for tenant in served.state.tenants.values():
            tenant.registration = Registration()
        for conditions in ("faults", "habits", "clock"):
            control.delete(f"/_simulator/{conditions}").raise_for_status()
        control.delete("/_simulator/journal").raise_for_status()
    return served


@pytest.fixture
def control(sim: Running) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=sim.url, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture(name="take_token")
def _take_token() -> TakeToken:
    """A function that asks for a token: (client, tenant, form fields; empty ones are left out)."""
    return take_token


def take_token(client: httpx.Client, tenant: str, **form: str) -> httpx.Response:
    given = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
        **form,
    }
    sent = {name: value for name, value in given.items() if value}
    return client.post(f"/{tenant}/oauth2/v2.0/token", data=sent)


@pytest.fixture
def habits(control: httpx.Client) -> Callable[..., None]:
    """A function that puts habits in force, by name."""

    def put(**given: object) -> None:
        control.post("/_simulator/habits", json=given).raise_for_status()

    return put


@pytest.fixture
def graph(sim: Running) -> Iterator[httpx.Client]:
    """A client of the first tenant, with every role; the journal is empty."""
    yield from _signed(sim, DEMO_TENANT.id)


@pytest.fixture
def second(sim: Running) -> Iterator[httpx.Client]:
    """The same for the second tenant."""
    yield from _signed(sim, DEMO_SECOND_TENANT.id)


def _signed(sim: Running, tenant: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.url, trust_env=False, verify=False) as client:
        token = take_token(client, tenant).json()["access_token"]
        sim.journal.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
