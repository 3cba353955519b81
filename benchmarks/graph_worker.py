"""A worker as `atlas worker` runs it, but for Microsoft's limits, which would hide what it costs."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import uvloop

from atlas_gql import logs
from atlas_gql.app import until_signalled
from atlas_gql.children import follow_parent, write_url
from atlas_gql.graph import Family, Pacer
from atlas_gql.graph.allowance import Limit
from atlas_gql.plugins.loading import discover, load_plugins
from atlas_gql.providers import clients
from atlas_gql.providers.sealing import Sealer
from atlas_gql.settings import Settings
from atlas_gql.worker import running_worker

UNLIMITED = dict.fromkeys(Family, Limit(requests=1_000_000, writes=1_000_000))


def main() -> None:
    follow_parent()
    url, key, simulator_url, ready = sys.argv[1:5]
    logs.configure(format_="json", level="info")
    clients.Pacer = partial(Pacer, limits=UNLIMITED)  # type: ignore[assignment,misc] # for this process only

    async def run() -> None:
        settings = Settings(simulator_url=simulator_url)
        async with running_worker(settings, url, Sealer.from_text(key), load_plugins(discover())):
            write_url(Path(ready), "ready")
            await until_signalled()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
