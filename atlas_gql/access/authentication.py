"""Who asks: from what a request shows to an actor."""

from __future__ import annotations

from atlas_gql.access import tokens
from atlas_gql.access.actors import Actor
from atlas_gql.access.identities import actor_of_login
from atlas_gql.access.logins import Logins
from atlas_gql.access.uses import Uses
from atlas_gql.db.database import Database


class Authentication:
    """Finds the actor behind what a request shows, and remembers that a token was used."""

    def __init__(self, database: Database, uses: Uses, logins: Logins | None = None) -> None:
        self._database = database
        self._uses = uses
        self._logins = logins

    async def actor(self, shown: str, ahead: tokens.Ahead | None = None) -> Actor | None:
        """The actor; None for whatever opens nothing, whyever that is. `ahead` may be read with it."""
        if not shown.startswith(tokens.PREFIX):
            login = await self._logins.verified(shown) if self._logins else None
            return None if login is None else await actor_of_login(self._database, login)
        actor = await tokens.authenticate(self._database, shown, ahead)
        if actor is not None and actor.token_id is not None:
            self._uses.note(actor.token_id)
        return actor
