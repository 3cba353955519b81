"""Where the console blocks of the documentation are played: two tenants, and what happens to them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from sqlalchemy import bindparam, insert, update
from structlog.testing import capture_logs

from atlas_gql.access.members import MEMBER
from atlas_gql.db.database import Transaction
from atlas_gql.db.ids import new_id
from atlas_gql.db.tables import memberships, tenants, users, workspaces
from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT
from atlas_gql.testing.installation import Installation, Place
from support.console import Console, rewritten
from support.loopback import loopback
from support.shell import Shell
from support.steps import damaged

USER, WORKSPACE = "Maria Lindqvist", "Juniper Services"


@contextmanager
def console(atlas: Installation) -> Iterator[Console]:
    """A console in an installation whose simulated tenants are as they were made."""
    place = atlas.new_place()
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    _rename(place, other)
    events: dict[str, Callable[[], object]] = {
        "a bad day": lambda: damaged(place),
        "Pilot Ring is deleted and made again": lambda: made_again(place, "Pilot Ring"),
        "Paul joins": lambda: joined(place, "Paul Berger"),
    }
    with tempfile.TemporaryDirectory() as home, capture_logs(), chdir(home):
        environment = {"HOME": home, "COLUMNS": "100", "MY_TOKEN": place.token}
        nothing: dict[str, Any] = dict.fromkeys(
            ("XDG_CONFIG_HOME", "ATLAS_URL", "ATLAS_TOKEN", "ATLAS_PROFILE")
        )
        shell = Shell(environment={**environment, **nothing})
        yield Console(run=lambda given: str(shell.run(*given).output), events=events, url=atlas.url)


def made_again(place: Place, name: str) -> None:
    """Another group of the name in the place of the one that there is; assignments keep the old id."""
    simulator = place.atlas.simulator.url
    state = loopback.get(f"{simulator}/_simulator/export").json()
    (group,) = (g for g in state[DEMO_TENANT.id]["groups.json"]["value"] if g["displayName"] == name)
    group["id"] = str(uuid5(NAMESPACE_DNS, name))
    loopback.post(f"{simulator}/_simulator/load", json=state).raise_for_status()


def joined(place: Place, name: str) -> None:
    """A new user of this name is a member of the workspace, and nothing is granted to them."""
    user = new_id()

    async def join(tx: Transaction) -> None:
        await tx.execute(insert(users).values(id=user, name=name))
        await tx.execute(insert(memberships).values(workspace_id=place.workspace, user_id=user, role=MEMBER))

    place.atlas.call(join)


def _rename(place: Place, other: Place) -> None:
    for table, key, name in (
        (users, place.user, USER),
        (workspaces, place.workspace, WORKSPACE),
        (tenants, other.tenant, DEMO_SECOND_TENANT.name),
    ):
        statement = update(table).where(table.c.id == bindparam("of_id")).values(name=name)
        place.atlas.call(lambda tx, statement=statement, key=key: tx.execute(statement, of_id=key))


def write(page: Path) -> None:
    """Write the page's console blocks anew."""
    from atlas_gql.testing.installation import installation
    from atlas_gql.testing.postgres import fresh_database
    from support.paths import DATA_DIR

    with fresh_database(DATA_DIR) as database, installation(database) as atlas, console(atlas) as played:
        page.write_text(rewritten(page, played))


if __name__ == "__main__":
    from support.paths import ROOT

    write(ROOT / "docs" / "administrators.md")
