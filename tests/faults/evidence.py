"""What is looked at over all faults: ended runs stay as they were, and no secret is anywhere."""

from __future__ import annotations

from uuid import UUID

from atlas_gql.simulator import CLIENT_SECRET
from faults.stage import Stage

_ended: dict[UUID, str] = {}


def remember(stage: Stage) -> None:
    """Keep how the runs that have ended look now."""
    for row in _rows(stage):
        _ended.setdefault(row["id"], row["digest"])


def unchanged(stage: Stage) -> bool:
    """Whether all of them still look so."""
    now = {row["id"]: row["digest"] for row in _rows(stage)}
    return now | _ended == now


def secrets_found(stage: Stage) -> list[str]:
    """Where a secret of the installation is found: in the whole database, in the logs."""
    text = stage.logs()
    for row in stage.sql(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    ):
        text += "\n".join(str(line["t"]) for line in stage.sql(f"SELECT t::text FROM {row['name']} AS t"))
    secrets = {"the client secret": CLIENT_SECRET, "a token": stage.home.token, "the key": stage.key}
    return [f"{name} is in the database or a log" for name, secret in secrets.items() if secret in text]


def _rows(stage: Stage) -> list[dict[str, object]]:
    return stage.sql(
        "SELECT id, md5(run::text) AS digest FROM operation_runs AS run WHERE status = 'completed'"
    )
