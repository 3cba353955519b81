"""What is remembered: values in, values out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from atlas_drift.memory import MOST, remember, remembered, since_when

NOW = datetime(2026, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)


class Documents:
    """Documents in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    async def get(self, key: str) -> Any:
        return self.kept.get(key)

    async def put(self, key: str, body: Any) -> None:
        self.kept[key] = body

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)


def test_what_was_seen_since_the_backup_counts_and_all_else_is_new() -> None:
    before = {"old": NOW - 3 * DAY, "known": NOW - DAY, "gone": NOW - DAY}
    assert since_when({"old", "known", "new"}, before, backed_up=NOW - 2 * DAY, now=NOW) == {
        "old": NOW,
        "known": NOW - DAY,
        "new": NOW,
    }


def test_what_is_remembered_comes_back_the_newest_first_and_within_bounds() -> None:
    ctx: Any = SimpleNamespace(documents=Documents())
    since = {str(n): NOW - n * timedelta(minutes=1) for n in range(MOST + 3)}
    asyncio.run(remember(ctx, since))
    found = asyncio.run(remembered(ctx))
    assert (len(found), found["0"], str(MOST) in found) == (MOST, NOW, False)


def test_nothing_drifted_leaves_nothing() -> None:
    ctx: Any = SimpleNamespace(documents=Documents())
    asyncio.run(remember(ctx, {"a": NOW}))
    asyncio.run(remember(ctx, {}))
    assert (ctx.documents.kept, asyncio.run(remembered(ctx))) == ({}, {})
