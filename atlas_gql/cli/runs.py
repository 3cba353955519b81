"""`atlas runs prune`, on the database; its neighbours ask the API, see `remote/runs.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_gql.cli.output import AsJson, tell

if TYPE_CHECKING:
    from atlas_gql.db.database import Database


def prune(
    older_than: Annotated[int, typer.Option(min=1, max=36500, help="Days since the end of a run.")],
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Runs deleted in one transaction.")] = 500,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete runs that ended long ago, with their items; audit entries, backups and plans stay.

    The newest run of each target is kept, and what a plan that can still be executed needs. It may be stopped
    at any time and run again, also beside working workers.
    """
    # Imported here: its neighbours should not wait for a database.
    from atlas_gql import audit
    from atlas_gql.audit import COMMAND
    from atlas_gql.cli.session import on_database
    from atlas_gql.db.database import ENGINE
    from atlas_gql.ops import prune as pruning

    async def work(database: Database) -> int:
        old = await pruning.prunable(database, timedelta(days=older_than))
        if dry_run or not old:
            return len(old)
        gone = await pruning.prune(database, old, batch=batch)
        async with database.scope(ENGINE).begin() as tx:
            details = {"runs": gone, "olderThanDays": older_than}
            await audit.record(tx, by=COMMAND, action="runs.pruned", details=details)
        return gone

    count = on_database(work)
    done = "would be deleted" if dry_run else "deleted"
    tell(
        f"{count} {'run' if count == 1 else 'runs'} {done}.",
        {"runs": count, "dryRun": dry_run},
        as_json=as_json,
    )
