"""Executing a subscription: each event by itself, with what was read for it and the rights of its time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypedDict

from graphql import GraphQLError
from psycopg import OperationalError

from atlas_gql.access.actors import Actor, Proof
from atlas_gql.access.tokens import actors_again
from atlas_gql.db.database import Database
from atlas_gql.errors import AtlasError, Unauthenticated
from atlas_gql.metrics import Meter
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema import answers
from atlas_gql.schema.context import Context
from atlas_gql.schema.engine import Engine
from atlas_gql.schema.execution import Answer, Document, Executor, refused
from atlas_gql.schema.live.hub import Closing, Hub
from atlas_gql.schema.live.seats import Seats
from atlas_gql.schema.requests import GraphQLRequest
from atlas_gql.schema.trusted import DocumentRefused, TrustedDocuments

OF_TOKEN, IN_ALL = 200, 5000
"""Subscriptions that one web process serves for one token, and in all."""

ONLY_SUBSCRIPTIONS = "Only subscriptions are answered here; send queries and mutations by POST."


class _Operation(TypedDict):
    variables: dict[str, Any] | None
    operation_name: str | None


class Live:
    """What both transports share."""

    def __init__(
        self,
        executor: Executor,
        *,
        database: Database,
        engine: Engine,
        sealer: Sealer,
        hub: Hub,
        meter: Meter,
        trusted: TrustedDocuments,
    ) -> None:
        self.executor = executor
        self._trusted = trusted
        self.hub = hub
        self._database = database
        self._engine = engine
        self._sealer = sealer
        self._meter = meter
        self._seats = Seats(of_token=OF_TOKEN, in_all=IN_ALL)

    def of(self, executor: Executor) -> Live:
        """The same for the operations of another schema."""
        return Live(
            executor,
            database=self._database,
            engine=self._engine,
            sealer=self._sealer,
            hub=self.hub,
            meter=self._meter,
            trusted=self._trusted,
        )

    async def actor(self, proof: Proof) -> Actor:
        """The actor behind a proof as its rights are now. Raises Unauthenticated."""
        actor = (await actors_again(self._database, [proof])).get(proof)
        if actor is None:
            raise Unauthenticated
        return actor

    def read(self, asked: GraphQLRequest) -> Document:
        """The document that was asked for, parsed and validated."""
        try:
            return self.executor.read(self._trusted.text_of(asked))
        except DocumentRefused as exc:
            return refused(exc.message, exc.code)

    def check_room(self, actor: Actor) -> None:
        """Raises TooManySubscriptions when the actor could not begin another one now."""
        with self._seats.taken(actor.proof.key):
            pass

    async def answers(
        self, actor: Actor, asked: GraphQLRequest, document: Document, *, request_id: str, transport: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The answers to a subscription, one for each event; the last one may hold nothing but errors.

        Raises Unauthenticated when the token ends, Closing when the client should come again.
        """
        try:
            with self._seats.taken(actor.proof.key), self._meter.watching.one_more(transport):
                async with aclosing(self._answers(actor, asked, document, request_id)) as bodies:
                    async for body in bodies:
                        self._meter.told.add(transport)
                        yield body
        except (Unauthenticated, Closing):
            raise
        except OperationalError as exc:
            # The database is away for longer than anybody should wait for it here.
            raise Closing from exc
        except AtlasError as exc:
            error = GraphQLError(exc.message, original_error=exc)
            yield {"errors": [answers.of_execution_error(error, request_id)]}
        except Exception as exc:
            yield answers.of_unexpected(exc, request_id)

    async def _answers(
        self, actor: Actor, asked: GraphQLRequest, document: Document, request_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        if document.ast is None:
            answer = await self.executor.execute(
                document, self._context(actor, request_id), variables=None, operation_name=None
            )
            yield answer.body
            return
        what: _Operation = {"variables": asked.variables, "operation_name": asked.operation_name}
        events = await self.executor.subscribe(document, self._context(actor, request_id), **what)
        if isinstance(events, Answer):
            yield events.body
            return
        async with aclosing(events):
            async for event in events:
                # The guards of what the event shows ask anew, of the rights that it was found with.
                context = self._context(event.actor, request_id)
                answer = await self.executor.execute(document, context, **what, root=event)
                yield answer.body

    def _context(self, actor: Actor, request_id: str) -> Context:
        return Context(
            actor=actor,
            database=self._database.scope(actor.scope),
            engine=self._engine,
            sealer=self._sealer,
            request_id=request_id,
            hub=self.hub,
        )
