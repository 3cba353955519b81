"""A tenant's Graph client of an operation that declares where it writes, beside what contracts describe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import orjson

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import GraphClient
from atlas_gql.graph.paths import METHODS, is_declared, is_of_contract, segments_of
from atlas_gql.ops import items
from atlas_gql.ops.control import LeaseLost
from atlas_gql.ops.crash import AFTER_GRAPH_WRITE, crash_here
from atlas_gql.ops.graph import ReadOnlyGraph, release_if_throttled
from atlas_gql.ops.leases import Claim
from atlas_gql.reasons import ReasonCode


class SendingGraph(ReadOnlyGraph):
    """The client that reads, and that writes where the operation declared it.

    `writer` gives the client with the write credential; `log` keeps a line of each write with the run.
    """

    def __init__(
        self,
        client: GraphClient,
        claim: Claim,
        *,
        declared: Sequence[str],
        writer: Callable[[], Awaitable[GraphClient]],
        log: Callable[..., None],
    ) -> None:
        super().__init__(client)
        self._claim = claim
        self._declared = declared
        self._writer = writer
        self._log = log

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        self._check(method, path, body)
        items.stop_if_cancelled(self._claim)
        client = await self._writer()
        async with client.writing():
            if not self._claim.holds():
                raise LeaseLost
            try:
                answer = await client.send(method, path, body)
            except GraphError as exc:
                self._log("graph write failed", method=method, path=path, status=exc.status)
                _tell(exc)
        crash_here(AFTER_GRAPH_WRITE)
        self._log("graph write", method=method, path=path)
        return answer

    def _check(self, method: str, path: str, body: Any) -> None:
        segments = segments_of(path)
        if method not in METHODS:
            raise _refused("Writing takes POST, PATCH, PUT or DELETE.")
        if segments is None:
            raise _refused("This is no plain path of Graph with its version.")
        if is_of_contract(segments):
            raise _refused("Policies and their assignments are written through the restore run only.")
        if not is_declared(path, self._declared):
            raise _refused("The operation does not declare that it writes there.")
        try:
            orjson.dumps(body)
        except TypeError as exc:
            raise OperationFailure(
                "What is to be sent is no JSON.", reason=ReasonCode.INVALID_REQUEST, code="write_refused"
            ) from exc


def _tell(error: GraphError) -> NoReturn:
    """Raises what a failed write means. It is sent again only when it surely was not carried out."""
    if not error.may_have_happened:
        release_if_throttled(error)
    if not error.may_have_happened or error.reason_code is ReasonCode.THROTTLED:
        raise error
    raise GraphError(
        "Whether the write took effect could not be found out. Look at the tenant in the Intune admin center"
        " before you try again.",
        reason=ReasonCode.WRITE_UNCERTAIN,
        status=error.status,
        may_have_happened=True,
        request_id=error.request_id,
    ) from error


def _refused(why: str) -> OperationFailure:
    return OperationFailure(why, reason=ReasonCode.UNSUPPORTED, code="write_refused")
