"""What a script would do: the same reads and writes one after the other, checked by nobody, kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT
from atlas_gql.testing.installation import PLAIN

LIST = "/beta/deviceManagement/configurationPolicies"
PARTS = 20


class Script:
    """A client with a token; every call waits for the one before."""

    def __init__(self, simulator_url: str) -> None:
        self._http = httpx.Client(base_url=simulator_url, timeout=60, verify=PLAIN, trust_env=False)
        answer = self._http.post(
            f"/{DEMO_TENANT.id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "scope": "https://graph.microsoft.com/.default",
            },
        )
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        self._http.close()

    def fetch_one_by_one(self) -> dict[str, Any]:
        """The assignments of each policy by its id; groups are looked up too."""
        held = {key: self._get(f"{LIST}/{key}/assignments")["value"] for key in self._ids()}
        for group in _groups(held):
            self._get(f"/v1.0/groups/{group}?$select=id,displayName")
        return held

    def fetch_in_batches(self) -> dict[str, Any]:
        ids = list(self._ids())
        answers = self._batch("beta", [("GET", f"{LIST[5:]}/{key}/assignments", None) for key in ids])
        held = {key: answer["value"] for key, answer in zip(ids, answers, strict=True)}
        self._batch("v1.0", [("GET", f"/groups/{g}?$select=id,displayName", None) for g in _groups(held)])
        return held

    def calls_alone(self) -> None:
        """The calls that a backup makes: expanded pages, and the groups that they name, in batches."""
        link: str | None = f"{LIST}?$select=id,name,platforms,roleScopeTagIds&$expand=assignments"
        groups: set[str] = set()
        while link:
            page = self._get(link)
            groups |= _groups({policy["id"]: policy["assignments"] for policy in page["value"]})
            link = page.get("@odata.nextLink")
        self._batch("v1.0", [("GET", f"/groups/{group}?$select=id,displayName", None) for group in groups])

    def restore_one_by_one(self, wanted: dict[str, Any]) -> None:
        """Read, write, read back."""
        for key, assignments in wanted.items():
            self._get(f"{LIST}/{key}/assignments")
            body = {"assignments": _bodies(assignments)}
            self._http.post(f"{LIST}/{key}/assign", json=body).raise_for_status()
            self._get(f"{LIST}/{key}/assignments")

    def restore_in_batches(self, wanted: dict[str, Any]) -> None:
        reads = [("GET", f"{LIST[5:]}/{key}/assignments", None) for key in wanted]
        self._batch("beta", reads)
        self._batch(
            "beta",
            [("POST", f"{LIST[5:]}/{key}/assign", {"assignments": _bodies(a)}) for key, a in wanted.items()],
        )
        self._batch("beta", reads)

    def _ids(self) -> Iterator[str]:
        link: str | None = f"{LIST}?$select=id,name"
        while link:
            page = self._get(link)
            yield from (policy["id"] for policy in page["value"])
            link = page.get("@odata.nextLink")

    def _get(self, url: str) -> Any:
        answer = self._http.get(url)
        answer.raise_for_status()
        return answer.json()

    def _batch(self, version: str, calls: Sequence[tuple[str, str, Any]]) -> list[Any]:
        """The bodies, in the order of the calls."""
        found: list[Any] = []
        for start in range(0, len(calls), PARTS):
            requests = [
                {"id": str(n), "method": method, "url": url}
                | ({"body": body, "headers": {"Content-Type": "application/json"}} if body else {})
                for n, (method, url, body) in enumerate(calls[start : start + PARTS])
            ]
            answer = self._http.post(f"/{version}/$batch", json={"requests": requests})
            answer.raise_for_status()
            parts = sorted(answer.json()["responses"], key=lambda part: int(part["id"]))
            assert all(part["status"] == 200 for part in parts)
            found += [part["body"] for part in parts]
        return found


def _groups(held: dict[str, Any]) -> set[str]:
    return {a["target"]["groupId"] for assignments in held.values() for a in assignments}


def _bodies(assignments: Sequence[Any]) -> list[Any]:
    return [{"target": assignment["target"]} for assignment in assignments]
