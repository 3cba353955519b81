"""The listener: each receiver is told of a run until it confirms, refuses, or a day is over.

A receiver is an item of the listener's run, final once it was told: what a worker that was killed had not
written down is told again, with the same id, and what was confirmed is not.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from atlas_gql.plugins import FinishedRun, OperationFailure, ReasonCode, RunContext
from atlas_webhooks.message import Message
from atlas_webhooks.networks import networks_of
from atlas_webhooks.posting import Posted, post
from atlas_webhooks.settings import WebhooksInstallationSettings, WebhooksSettings
from atlas_webhooks.signing import headers

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=4)
LIFE = timedelta(hours=23)
"""How long after its end a run is told of; shorter than the listener's time limit."""
AT_ONCE = 4


async def deliver(ctx: RunContext, ended: FinishedRun) -> None:
    """Tell every receiver that wants to hear of the run."""
    settings = await ctx.settings(WebhooksSettings)
    wanted = {key_of(each.url): each.url for each in settings.endpoints if each.wants(ended)}
    done = await ctx.done()
    left = [key for key in wanted if key not in done]
    if not left:
        return
    await ctx.total(len(wanted))
    secrets = [secret for secret in (settings.secret, settings.previous_secret) if secret]
    allowed = networks_of((await ctx.settings(WebhooksInstallationSettings)).private_networks)
    message = Message.of(ended, ctx.tenant)
    waiting: dict[str, Posted] = {}

    async def tell(key: str) -> None:
        if not secrets:
            await ctx.failed(key, shown(wanted[key]), _unsigned())
            return
        now = int(datetime.now(UTC).timestamp())
        signed = headers(message.id, message.body, at=now, secrets=secrets)
        posted = await post(wanted[key], message.body, signed, networks=allowed)
        if posted.problem is None:
            await ctx.succeeded(key, shown(wanted[key]), result="told")
        elif posted.again:
            waiting[key] = posted
        else:
            await ctx.failed(key, shown(wanted[key]), posted.problem)

    await ctx.each(left, tell, at_once=AT_ONCE)
    if waiting:
        await _try_again(ctx, ended, waiting, wanted)


async def _try_again(
    ctx: RunContext, ended: FinishedRun, waiting: Mapping[str, Posted], urls: Mapping[str, str]
) -> None:
    """Go on later, or give up on those that wait when their time is over."""
    age = datetime.now(UTC) - ended.finished_at
    pause = pause_after(age, [posted.after for posted in waiting.values()])
    for key, posted in waiting.items():
        assert posted.problem is not None  # it waits for that
        if age + pause > LIFE:
            await ctx.failed(key, shown(urls[key]), posted.problem)
        else:
            ctx.log(
                "not told yet",
                receiver=shown(urls[key]),
                problem=posted.problem.message,
                seconds=pause.seconds,
            )
    if age + pause <= LIFE:
        await ctx.later(pause)


def pause_after(age: timedelta, asked: Sequence[timedelta]) -> timedelta:
    """How long to wait after so long a time: as long again, or as receivers ask, four hours at most.

    A fifth more or less, so that what failed together does not come back together.
    """
    grown = min(max(age, FIRST_PAUSE), LONGEST_PAUSE) * random.uniform(0.8, 1.2)
    return max(grown, timedelta(seconds=1), min(max(asked, default=timedelta()), LONGEST_PAUSE))


def key_of(url: str) -> str:
    """What a receiver is told apart by in a run; a URL may hold what is not to be shown."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def shown(url: str) -> str:
    """As much of a URL as may be shown: its path may be a secret."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


def _unsigned() -> OperationFailure:
    return OperationFailure(
        "No secret is set, and nothing is sent unsigned.",
        reason=ReasonCode.MISSING_CONFIGURATION,
        code="unsigned",
    )
