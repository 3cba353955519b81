"""What is looked at over all faults: ended runs stay as they were, and no secret is anywhere."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from faults.stage import Stage

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
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
    places = {"the logs": stage.logs()}
    for (table,) in (row.values() for row in stage.sql(_TABLES)):
        places[table] = "\n".join(str(row["t"]) for row in stage.sql(f"SELECT t::text FROM {table} AS t"))
    secrets = {"a token": stage.home.token, "the key": stage.key, "the password": _password(stage)}
    return [
        f"{name} is in {place}"
        for place, text in places.items()
        for name, secret in secrets.items()
        if secret in text
    ]


def _password(stage: Stage) -> str:
    password = urlsplit(stage.database.url).password
    assert password
    return password


def _rows(stage: Stage) -> list[dict[str, object]]:
    return stage.sql(
        "SELECT id, md5(run::text) AS digest FROM operation_runs AS run WHERE status = 'completed'"
    )
