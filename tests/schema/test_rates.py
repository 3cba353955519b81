"""A token's requests are counted, each with its share of a minute."""

from __future__ import annotations

from uuid import uuid4

import pytest

from atlas_gql.errors import RateLimited
from atlas_gql.schema import rates
from atlas_gql.schema.rates import Rates

TOKEN, OTHER = uuid4(), uuid4()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(limited: Rates, token=TOKEN) -> int:
    """How many requests pass now."""
    passed = 0
    while True:
        try:
            limited.take(token)
        except RateLimited as exc:
            taken.wait = exc.retry_after
            return passed
        passed += 1


def test_after_a_rest_a_minutes_requests_may_come_at_once_and_then_one_per_share():
    clock = Clock()
    limited = Rates(30, clock=clock)
    assert (taken(limited), taken.wait) == (30, 2)
    clock.now += 1.5
    assert (taken(limited), taken.wait) == (0, 1)
    clock.now += 0.5
    assert taken(limited) == 1
    clock.now += 10
    assert taken(limited) == 5
    clock.now += 3600
    assert taken(limited) == 30


def test_one_token_takes_nothing_from_another():
    limited = Rates(3, clock=Clock())
    assert (taken(limited, TOKEN), taken(limited, OTHER)) == (3, 3)


def test_none_is_no_limit():
    limited = Rates(0)
    for _ in range(10_000):
        limited.take(TOKEN)


def test_tokens_at_rest_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "KEPT", 3)
    clock = Clock()
    limited = Rates(60, clock=clock)
    for _ in range(5):
        limited.take(uuid4())
        clock.now += 10
    assert len(limited._paid_at) <= 3
