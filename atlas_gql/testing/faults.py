"""Faults of Microsoft Graph, as the simulator plays them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from atlas_gql.simulator import DEMO_TENANT, Running


class Graph:
    """The simulated Microsoft Graph of a test: what it holds, what goes wrong there, what it was asked."""

    def __init__(self, simulator: Running, http: httpx.Client) -> None:
        self._url = f"{simulator.url}/_simulator"
        self._http = http
        self._rules: list[dict[str, Any]] = []
        self._first: Any = None

    def reset(self) -> None:
        """Put everything back to what it was at the first reset: tenants without faults, an empty journal."""
        if self._first is None:
            self._first = self._http.get(f"{self._url}/export").raise_for_status().json()
        self._http.post(f"{self._url}/load", json=self._first).raise_for_status()
        self.works()
        for what in ("habits", "journal"):
            self._http.delete(f"{self._url}/{what}").raise_for_status()
        granted = {"tenant": DEMO_TENANT.id}
        self._http.post(f"{self._url}/registration", json=granted).raise_for_status()

    def fails(self, path: str, status: int, *, times: int | None = None, **more: Any) -> None:
        """Answer calls with a status: those whose path, with its version, the regular expression is found in.

        `times` is how often, always when None; `method`, `retryAfter`, `code`, `message`, `latencyMs` and so
        on as `atlas simulator` knows them.
        """
        self._add({"path": path, "status": status, "times": times, **more})

    def drops(self, path: str, *, times: int | None = None, after_write: bool = False) -> None:
        """Break the connection of such calls: before anything happened, or after a write took effect."""
        self._add({"path": path, "times": times, "lostResponse" if after_write else "reset": True})

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change what the demo tenant holds, as its administrators would.

        `change` is given all of it: by collection, such as `deviceManagement/deviceConfigurations.json`, an
        object whose `value` lists the things.
        """
        state = self._http.get(f"{self._url}/export").raise_for_status().json()[DEMO_TENANT.id]
        change(state)
        self._http.post(f"{self._url}/load", json={DEMO_TENANT.id: state}).raise_for_status()

    def works(self) -> None:
        """Take all faults back."""
        self._rules.clear()
        self._http.delete(f"{self._url}/faults").raise_for_status()

    def calls(self, *methods: str) -> list[tuple[str, str]]:
        """Method and path of the calls since the reset, in order; of these methods when any are given."""
        entries = self._http.get(f"{self._url}/journal").raise_for_status().json()
        return [
            (entry["method"], entry["path"]) for entry in entries if not methods or entry["method"] in methods
        ]

    def _add(self, rule: dict[str, Any]) -> None:
        self._rules.append({name: value for name, value in rule.items() if value is not None})
        self._http.post(f"{self._url}/faults", json=self._rules).raise_for_status()
