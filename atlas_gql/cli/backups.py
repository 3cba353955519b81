"""`atlas backup prune`, on the database; its neighbours ask the API, see `remote/backup.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atlas_gql.cli.output import AsJson, tell

if TYPE_CHECKING:
    from atlas_gql.db.database import Database


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete now what workers would delete within minutes: backup sets that are kept no longer.

    How long that is, is said for each tenant (`setBackupRetention`); without it everything stays. It may be
    stopped at any time and run again, also beside working workers.
    """
    # Imported here: its neighbours should not wait for a database.
    from atlas_gql.audit import COMMAND
    from atlas_gql.cli.session import on_database
    from atlas_gql.ops.retention import expire, expired

    async def work(database: Database) -> int:
        return len(await expired(database)) if dry_run else await expire(database, by=COMMAND)

    count = on_database(work)
    done = "would be deleted" if dry_run else "deleted"
    tell(
        f"{count} backup set{'' if count == 1 else 's'} {done}.",
        {"backupSets": count, "dryRun": dry_run},
        as_json=as_json,
    )
