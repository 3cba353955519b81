"""Who asks: from what a request shows to an actor."""

from __future__ import annotations

from atlas_gql.access import tokens
from atlas_gql.access.actors import Actor
from atlas_gql.access.uses import Uses
from atlas_gql.db.database import Database


class Authentication:
    """Finds the actor behind what a request shows, and remembers that a token was used."""

    def __init__(self, database: Database, uses: Uses) -> None:
        self._database = database
        self._uses = uses

    async def actor(self, shown: str) -> Actor | None:
        """The actor; None for whatever opens nothing, whyever that is."""
        actor = await tokens.authenticate(self._database, shown)
        if actor is not None and actor.token_id is not None:
            self._uses.note(actor.token_id)
        return actor
