"""A Graph in a function: clients whose HTTP ends in a handler of the test, on a clock of the test."""

from __future__ import annotations

from types import SimpleNamespace

import httpx
import pytest

from atlas_gql.graph import Clock, MicrosoftGraphClient, Pacer, Patience
from atlas_gql.graph.transport import Transport

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
