"""A GraphQL client of the public API, as anyone would write one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from atlas_gql.errors import ConfigurationError

RUN = """
query Run($id: ID!) {
  node(id: $id) {
    ... on OperationRun {
      id type status outcome attempt startedAt finishedAt
      counters { total processed failed skipped }
      failures { code reasonCode message item { label } }
      subject { id __typename }
      initiator { name }
      auditEntries { nodes { action outcome reason createdAt actor { name } } }
    }
  }
}
"""


class Api:
    """POST /graphql with a token. Raises ConfigurationError with what the API said when it says no."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30),
            trust_env=False,
        )

    def query(self, document: str, **variables: Any) -> dict[str, Any]:
        """The `data` of an answer without errors."""
        answer = self._http.post("/graphql", json={"query": document, "variables": variables}).json()
        if answer.get("errors"):
            raise ConfigurationError(f"The API refused: {answer['errors'][0]['message']}")
        data: dict[str, Any] = answer["data"]
        return data

    def start(self, mutation: str, input_type: str, given: dict[str, Any]) -> str:
        """Start an operation; gives the id of its run."""
        document = f"""
            mutation Start($input: {input_type}!) {{
              {mutation}(input: $input) {{
                __typename
                ... on StartRunPayload {{ run {{ id }} deduplicated }}
                ... on Error {{ message code }}
              }}
            }}"""
        result = self.query(document, input=given)[mutation]
        if result["__typename"] != "StartRunPayload":
            raise ConfigurationError(f"{mutation}: {result['message']} ({result['code']})")
        run_id: str = result["run"]["id"]
        return run_id

    def watch(self, run_id: str, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The run once it has ended; `tell` is given it each time it was looked at."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            run: dict[str, Any] = self.query(RUN, id=run_id)["node"]
            tell(run)
            if run["status"] == "COMPLETED":
                return run
            time.sleep(0.1)
        raise ConfigurationError("A run did not end within two minutes; is the worker running?")

    def close(self) -> None:
        self._http.close()
