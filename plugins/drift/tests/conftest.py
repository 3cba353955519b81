"""An installation of the plugin's own, with a simulated tenant that can be damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import fresh_database

CONFIGURATIONS = "deviceManagement/deviceConfigurations.json"


@dataclass(frozen=True, kw_only=True)
class Portal:
    """The simulated tenants, as their administrators change them."""

    http: httpx.Client
    pristine: Any

    def reset(self) -> None:
        self.http.post("/_simulator/load", json=self.pristine).raise_for_status()
        self.http.delete("/_simulator/faults").raise_for_status()

    def change(self, place: Place, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """Change the tenant's device configurations, as a list."""
        entra = place.ask("query T($id: ID!) { tenant(id: $id) { entraTenantId } }", id=place.tenant_id)
        tenant = entra["data"]["tenant"]["entraTenantId"]
        state = self.http.get("/_simulator/export").json()[tenant]
        change(state[CONFIGURATIONS]["value"])
        self.http.post("/_simulator/load", json={tenant: state}).raise_for_status()

    def refuse(self, path: str) -> None:
        """Let calls with this path be refused, until the next reset."""
        self.http.post("/_simulator/faults", json=[{"path": path, "status": 403}]).raise_for_status()


@pytest.fixture(scope="session")
def atlas() -> Iterator[Installation]:
    with fresh_database(Path(".atlas/test-postgres")) as database, installation(database) as running:
        yield running


@pytest.fixture(scope="session")
def simulated(atlas: Installation) -> Iterator[Portal]:
    with httpx.Client(base_url=atlas.simulator.url, verify=False, trust_env=False, timeout=30) as http:
        yield Portal(http=http, pristine=http.get("/_simulator/export").json())


@pytest.fixture
def portal(simulated: Portal) -> Portal:
    simulated.reset()
    return simulated


@pytest.fixture
def place(atlas: Installation, portal: Portal) -> Place:
    """A workspace with a tenant that is as it was made."""
    return atlas.new_place()
