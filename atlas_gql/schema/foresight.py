"""What a request will read, told by what the same operation read before.

Most queries are about one thing, whose id is a variable. The row of that thing can be read with the question
who asks, instead of after its answer. Who asks, and what they may see, is decided as ever: nobody is told of
the row before, and PostgreSQL gives none that is out of reach of the token's user.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from atlas_gql.access.tokens import Ahead
from atlas_gql.schema import ids
from atlas_gql.schema.context import Foreseen
from atlas_gql.schema.execution import KEPT_DOCUMENTS, LONGEST_KEPT
from atlas_gql.schema.operations import Operation
from atlas_gql.schema.requests import GraphQLRequest
from atlas_gql.schema.rows import by_id


@dataclass(kw_only=True)
class ReadAhead(Ahead):
    """The row of one thing, and how it will be looked up."""

    key: Hashable

    def found(self) -> Foreseen:
        """What was read, as the operation looks it up."""
        if self.rows is None:
            return {}
        return {self.key: self.rows[0] if self.rows else None}


class Foresight:
    """The operations that were executed here, by what was sent."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Operation] = OrderedDict()

    def of(self, asked: GraphQLRequest | None) -> ReadAhead | None:
        """What a request will probably read; None where there is no telling."""
        operation = self._known.get(_sent(asked)) if asked else None
        if asked is None or operation is None:
            return None
        id_ = (asked.variables or {}).get(operation.id_variable or "")
        named = ids.parse(id_) if isinstance(id_, str) else None
        reads = operation.reads.get(named.kind) if named else None
        if named is None or reads is None:
            return None
        key = str(named.uuid)
        return ReadAhead(statement=by_id(*reads), parameters={"ids": [key]}, key=(*reads, key))

    def learn(self, asked: GraphQLRequest, operation: Operation | None) -> None:
        """Remember an operation that was executed, if it notes what it reads and its text is kept."""
        sent = _sent(asked)
        if operation is None or not operation.reads or sent in self._known:
            return
        if len(asked.query or "") <= LONGEST_KEPT:
            self._known[sent] = operation
            if len(self._known) > KEPT_DOCUMENTS:
                self._known.popitem(last=False)


def _sent(asked: GraphQLRequest) -> Hashable:
    return asked.query, asked.sha256, asked.operation_name
