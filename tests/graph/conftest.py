"""Two stand-ins for Graph: a function that answers HTTP requests, and one policy kept in memory.

Both run on a clock of the test.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import (
    Clock,
    MicrosoftGraphClient,
    Pacer,
    Patience,
    Policy,
    ReadBack,
    TargetKind,
    fingerprint,
    parse_assignment,
    write_assignments,
)
from atlas_gql.graph.transport import Transport
from atlas_gql.reasons import ReasonCode as R

BASE = "https://graph.example"


class FakeClock:
    """Time that passes only when somebody sleeps; `slept` lists how long."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: 1_800_000_000.0, sleep=self.sleep)

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class CountedTokens:
    """Tokens `token-1`, `token-2`, ...: a new one at each refresh."""

    def __init__(self):
        self.number = 1

    async def token(self, *, refresh=False):
        self.number += refresh
        return f"token-{self.number}"


@pytest.fixture
def time():
    return FakeClock()


@pytest.fixture
def tokens():
    return CountedTokens()


@pytest.fixture
def graph(time, tokens):
    """`graph(handler)` gives a client, its transport and its pacer; the handler takes an httpx.Request."""

    def build(handler, **patience):
        parts = {
            "base_url": BASE,
            "tokens": tokens,
            "http": httpx.AsyncClient(transport=httpx.MockTransport(handler)),
            "tenant": "GLOBAL/t",
            "pacer": Pacer(clock=time.clock),
            "patience": Patience(**patience),
            "clock": time.clock,
        }
        return SimpleNamespace(
            client=MicrosoftGraphClient(**parts), transport=Transport(**parts), pacer=parts["pacer"]
        )

    return build


@pytest.fixture
def script():
    """`script(answer, ...)` is a handler that gives the answers one by one, the last for ever.

    An exception among them is raised; `handler.requests` holds what was asked.
    """

    def build(*answers):
        left = list(answers)

        def handler(request):
            handler.requests.append(request)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        handler.requests = []
        return handler

    return build


@pytest.fixture(scope="session")
def fake():
    """A policy in memory, and the safe write of it without waiting."""
    return SimpleNamespace(Tenant=Tenant, Journal=Journal, Crash=Crash, write=write, reason_of=reason_of)


class Crash(BaseException):
    """The process dies here."""


class Tenant:
    """One policy in memory, as Graph keeps it: `/assign` replaces, ids are derived by the service.

    `writes` lists what was asked; `states` the direct assignments after each write. `faults` maps the
    number of a write (from 1) to (takes effect, exception). `lag` reads after a write still give the
    state before it.
    """

    def __init__(self, contract, assignments, *, faults=None, lag=0):
        self.contract = contract
        self.ids = itertools.count(1)
        self.stored = [self.store(assignment) for assignment in assignments]
        self.faults = faults or {}
        self.lag = lag
        self.stale, self.stale_reads = (), 0
        self.writes, self.states, self.reads = [], [], []
        self.writers = 0

    def store(self, assignment):
        raw = (
            assignment.body(self.contract) if assignment.target is not TargetKind.UNKNOWN else assignment.raw
        )
        return parse_assignment(
            self.contract, {**raw, "id": f"a{next(self.ids)}", "source": assignment.source}
        )

    async def policy(self, contract, policy_id):
        return Policy(policy_type=contract.policy_type, id=policy_id, name="P", assignments=self.read())

    async def assignments(self, contract, policy_id):
        assert not self.writers, "who waits for company must not keep a writer's place"
        return self.read()

    def read(self):
        if self.reads and (problem := self.reads.pop(0)):
            raise problem
        seen = self.stored
        if self.stale_reads:
            self.stale_reads -= 1
            seen = self.stale
        return tuple(seen)

    @asynccontextmanager
    async def writing(self):
        self.writers += 1
        try:
            yield
        finally:
            self.writers -= 1

    def write(self, what, after):
        assert self.writers, "writes are few at a time"
        self.writes.append(what)
        takes_effect, problem = self.faults.get(len(self.writes), (True, None))
        if takes_effect:
            self.stale, self.stale_reads = tuple(self.stored), self.lag
            self.stored = after
            self.states.append([a for a in after if a.is_direct])
        if problem:
            raise problem
        return f"request-{len(self.writes)}"

    async def assign(self, contract, policy_id, assignments, *, justification=None, approval=None):
        inherited = [a for a in self.stored if not a.is_direct]
        return self.write("assign", inherited + [self.store(a) for a in assignments])

    async def add_assignment(self, contract, policy_id, assignment, *, justification=None):
        return self.write("add", [*self.stored, self.store(assignment)])

    async def delete_assignment(self, contract, policy_id, assignment_id, *, justification=None):
        after = [a for a in self.stored if a.raw["id"] != assignment_id]
        if len(after) == len(self.stored):
            raise GraphError("Gone.", reason=R.NOT_FOUND)
        return self.write("delete", after)


class Journal:
    """What `keep` was given, and the fingerprints that a resume passes as `ours`."""

    def __init__(self):
        self.kept = []

    async def keep(self, policy, intent):
        self.kept.append((policy, intent))

    @property
    def ours(self):
        return {
            f for _, i in self.kept for f in (i.before_fingerprint, *i.intermediate, i.desired_fingerprint)
        }


async def no_sleep(_seconds):
    return


def write(tenant, desired, *, planned_from=None, journal=None, ours=(), waits=(0, 0, 0), **more):
    journal = journal or Journal()
    planned = fingerprint(tenant.stored) if planned_from is None else planned_from
    return asyncio.run(
        write_assignments(
            tenant,
            tenant.contract,
            "p",
            planned_from=planned,
            desired=desired,
            keep=journal.keep,
            ours=ours,
            read_back=ReadBack(waits=waits, sleep=no_sleep),
            **more,
        )
    )


def reason_of(tenant, desired, **more):
    with pytest.raises(OperationFailure) as caught:
        write(tenant, desired, **more)
    return caught.value.reason_code
