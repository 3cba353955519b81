"""What became of an operation, as one value to compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atlas_gql.reasons import ReasonCode

if TYPE_CHECKING:
    from atlas_gql.testing.installation import Place

REFUSED = "refused"


@dataclass(frozen=True)
class Counters:
    """How many items there were, and what became of them."""

    total: int | None = None
    processed: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Failure:
    """Why a run, an item or a start failed; a start that is refused has no reason."""

    code: str
    reason: ReasonCode | None = None
    message: str = ""
    detail: str | None = None


@dataclass(frozen=True)
class Item:
    """An item of a run; `state` is `succeeded`, `failed`, `skipped`, or `intent` for one in between."""

    key: str
    label: str
    state: str = "succeeded"
    result: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Audited:
    """An entry in the audit trail."""

    action: str
    outcome: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Logged:
    """A line that `ctx.log` wrote."""

    event: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """All that became of an operation, without what differs each time: ids and times.

    `outcome` is `succeeded`, `partially_succeeded`, `failed`, `cancelled`, or `refused` for what was not
    even started. Items are in the order of their keys.
    """

    outcome: str
    counters: Counters = Counters()
    items: tuple[Item, ...] = ()
    failure: Failure | None = None
    audit: tuple[Audited, ...] = ()
    log: tuple[Logged, ...] = ()
    result: Any = None
    """What it returned, as JSON by the names of its class; its ids and times are as they are."""


_FAILURE = "failure { code reasonCode reasonDetail message }"
_RUN = f"""
query Outcome($id: ID!, $after: String) {{
  node(id: $id) {{
    ... on OperationRun {{
      outcome
      result {{ json }}
      counters {{ total processed failed skipped }}
      failures(first: 1) {{ code reasonCode reasonDetail message item {{ key }} }}
      items(first: 100, after: $after) {{
        nodes {{ key label state result {_FAILURE} }}
        pageInfo {{ hasNextPage endCursor }}
      }}
      auditEntries {{ nodes {{ action outcome reason }} }}
      log(first: 100) {{ nodes {{ event data }} }}
    }}
  }}
}}
"""


def outcome_of(place: Place, run_id: str) -> Outcome:
    """What became of a run that has ended."""
    pages = list(_pages(place, run_id))
    run = pages[0]
    of_run = [failure for failure in run["failures"] if failure["item"] is None]
    return Outcome(
        outcome=run["outcome"].lower(),
        counters=Counters(**run["counters"]),
        items=tuple(
            sorted(
                (_item(node) for page in pages for node in page["items"]["nodes"]),
                key=lambda item: item.key,
            )
        ),
        failure=_failure(of_run[0]) if of_run else None,
        result=run["result"] and run["result"]["json"],
        audit=tuple(Audited(**entry) for entry in reversed(run["auditEntries"]["nodes"])),
        log=tuple(Logged(**line) for line in run["log"]["nodes"]),
    )


def _pages(place: Place, run_id: str) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        answer = place.ask(_RUN, id=run_id, after=after)
        assert "errors" not in answer, answer["errors"]
        page: dict[str, Any] = answer["data"]["node"]
        yield page
        if not page["items"]["pageInfo"]["hasNextPage"]:
            return
        after = page["items"]["pageInfo"]["endCursor"]


def _item(node: Mapping[str, Any]) -> Item:
    failure = _failure(node["failure"]) if node["failure"] else None
    return Item(
        key=node["key"],
        label=node["label"],
        state=node["state"].lower(),
        result=node["result"],
        failure=failure,
    )


def _failure(node: Mapping[str, Any]) -> Failure:
    return Failure(
        code=node["code"],
        reason=ReasonCode(node["reasonCode"]),
        message=node["message"],
        detail=node["reasonDetail"],
    )
