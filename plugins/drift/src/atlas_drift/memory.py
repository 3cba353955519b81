"""What is remembered from one check to the next: which policies had drifted, and since when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from atlas_gql.plugins import RunContext

DOCUMENT = "drifted"
"""One document for all, so that a check changes all of it or nothing."""
MOST = 2000
"""Policies that are remembered at most: what a document has room for."""


async def remembered(ctx: RunContext) -> dict[str, datetime]:
    """The policies that had drifted at the last check, by key, with when each was first seen so."""
    known = await ctx.documents.get(DOCUMENT) or {}
    return {key: datetime.fromisoformat(at) for key, at in known.items()}


async def remember(ctx: RunContext, since: Mapping[str, datetime]) -> None:
    """Keep what has drifted now in place of what was known."""
    if not since:
        await ctx.documents.delete(DOCUMENT)
        return
    newest = sorted(since.items(), key=lambda entry: entry[1], reverse=True)[:MOST]
    await ctx.documents.put(DOCUMENT, {key: at.isoformat() for key, at in newest})


def since_when(
    drifted: Collection[str], before: Mapping[str, datetime], *, backed_up: datetime, now: datetime
) -> dict[str, datetime]:
    """When each of these policies was first seen drifted, now at the latest.

    What was seen before the backup was made is no drift from it, and does not count.
    """
    return {key: seen if (seen := before.get(key, now)) > backed_up else now for key in drifted}
