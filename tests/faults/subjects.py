"""What faults are tried on: a tenant of its own, and an operation that is about to be started in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from atlas_gql.testing.installation import Place
from faults.stage import Stage, new_key
from faults.tenants import KINDS, document, domain, load, state_of
from support.steps import planned, restore_input

OPERATIONS = ("backup", "plan", "restore", "autopilot")
"""`restore` writes whole sets, `autopilot` item by item: what is doubled there stays doubled."""
SIZES = {"backup": (9, 2), "plan": (9, 2), "restore": (9, 0), "autopilot": (0, 5), "drift": (9, 2)}
"""Policies and Autopilot profiles of the tenant."""
AHEAD = 8
"""Subjects of one kind that are prepared at once, with one worker for all."""


@dataclass(kw_only=True)
class Subject:
    """An operation on a tenant; `runs` are those started so far."""

    stage: Stage
    operation: str
    entra_id: UUID
    place: Place
    mutation: str
    given: dict[str, Any]
    healthy: dict[str, list[Any]]
    damaged: dict[str, list[Any]]
    runs: list[UUID] = field(default_factory=list)

    def start(self) -> UUID:
        """Start the operation through the API; gives the run's id."""
        started = self.place.start(self.mutation, self.given)
        assert started["__typename"] == "StartRunPayload", started
        run = UUID(started["run"]["uuid"])
        if run not in self.runs:
            self.runs.append(run)
        return run

    def try_to_start(self, api_url: str) -> None:
        """Start it through another API process, which may die of it."""
        here = self.place.atlas.url
        self.place.atlas.url = api_url
        try:
            self.start()
        except httpx.TransportError:
            return
        finally:
            self.place.atlas.url = here
        raise AssertionError("the API answered, and should have died")

    def row(self) -> dict[str, Any]:
        """The first run as it is."""
        return self.stage.sql("SELECT * FROM operation_runs WHERE id = %s", self.runs[0])[0]

    def items(self) -> int:
        """How many items of the run are final."""
        return self.stage.sql(
            "SELECT count(*) AS n FROM run_items WHERE run_id = %s AND state <> 'intent'", self.runs[0]
        )[0]["n"]

    def ended(self) -> bool:
        """Whether no run of the tenant is active."""
        return not self.stage.sql(
            "SELECT id FROM operation_runs WHERE tenant_id = %s AND status <> 'completed' AND NOT internal",
            self.place.tenant,
        )

    def until_ended(self, *, within: float = 60) -> None:
        self.stage.until(self.ended, within=within)

    def until_begun(self, *, items: int = 1) -> None:
        """Until a worker carries the run and, where items come one by one, some of them are final."""
        one_by_one = self.operation in ("restore", "autopilot")
        self.stage.until(
            lambda: self.row()["status"] == "running" and (not one_by_one or self.items() >= items)
        )


class Subjects:
    """Gives out subjects; restores need a backup and a plan first, which is done for several at once."""

    def __init__(self, stage: Stage, *, ahead: int = AHEAD) -> None:
        self._stage = stage
        self._ahead = ahead
        self._ready: dict[tuple[str, int, int], list[Subject]] = defaultdict(list)

    def take(self, operation: str, *, size: tuple[int, int] | None = None) -> Subject:
        """A fresh subject. No worker may be alive, as it would carry what the test wants to hurt."""
        policies, profiles = size or SIZES[operation]
        ready = self._ready[operation, policies, profiles]
        if not ready:
            with self._stage.crew(1):
                ready += [
                    self._make(operation, policies, profiles) for _ in range(1 if size else self._ahead)
                ]
            self._stage.calm()
        return ready.pop()

    def _make(self, operation: str, policies: int, profiles: int) -> Subject:
        tenant = uuid4()
        url = self._stage.simulator_url
        load(url, tenant, document(tenant, policies=policies, profiles=profiles, damaged=False))
        healthy = state_of(url, tenant)
        place = self._stage.home.add_tenant(str(tenant), domain(tenant))
        steps: dict[str, Callable[[Place], dict[str, Any]]] = {
            "backup": lambda place: _what_to_back_up(place),
            "plan": lambda place: {"tenantId": place.tenant_id, "backupSetId": _backed_up(place)},
            "drift": _what_to_check,
        }
        mutations = {"backup": "fetchAssignments", "plan": "planAssignmentRestore", "drift": "driftCheck"}
        mutation = mutations.get(operation)
        given = steps[operation](place) if operation in steps else steps["plan"](place)
        if operation != "backup":
            load(url, tenant, document(tenant, policies=policies, profiles=profiles, damaged=True))
        if mutation is None:
            mutation = "restoreAssignments"
            plan = planned(place, given["backupSetId"])
            assert plan["summary"]["policies"]["write"] == policies + profiles, plan
            given = restore_input(plan, confirmation=domain(tenant), idempotencyKey=new_key())
        return Subject(
            stage=self._stage,
            operation=operation,
            entra_id=tenant,
            place=place,
            mutation=mutation,
            given=given,
            healthy=healthy,
            damaged=state_of(url, tenant),
        )


def start_work(
    place: Place, name: str, *, items: int = 1, milliseconds: int = 0, writes: bool = False
) -> UUID:
    """Start a run of the test plugin that works, or that counts as writing; gives its id."""
    given = {"tenantId": place.tenant_id, "name": name, "items": items, "milliseconds": milliseconds}
    if writes:
        given["idempotencyKey"] = new_key()
    started = place.start("faultsWrite" if writes else "faultsWork", given)
    assert started["__typename"] == "StartRunPayload", started
    return UUID(started["run"]["uuid"])


def _what_to_back_up(place: Place) -> dict[str, Any]:
    return {"tenantId": place.tenant_id, "policyTypes": list(KINDS)}


def _what_to_check(place: Place) -> dict[str, Any]:
    """A tenant that has a backup of all kinds."""
    given = {"tenantId": place.tenant_id}
    run = place.run("fetchAssignments", given)
    assert run["outcome"] == "SUCCEEDED", run
    return given


def _backed_up(place: Place) -> str:
    run = place.run("fetchAssignments", _what_to_back_up(place))
    assert run["outcome"] == "SUCCEEDED", run
    subject: str = run["subject"]["id"]
    return subject
