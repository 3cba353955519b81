"""`GET /backups/{uuid}/archive` and `POST /tenants/{uuid}/archives`: backup sets as files.

Beside GraphQL, which is no place for large binary bodies; with the same tokens, rights, order of checks and
form of errors. A file lies on disk while it is made, sent or received, and is gone after.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, BinaryIO
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from atlas_gql.access.actors import Actor
from atlas_gql.access.authentication import Authentication
from atlas_gql.access.capabilities import Capability
from atlas_gql.archive import MEDIA_TYPE
from atlas_gql.db.database import Database
from atlas_gql.errors import (
    ArchiveRefused,
    ArchiveTooLarge,
    BackupSetInUse,
    DomainError,
    NotFound,
    RateLimited,
    TenantArchived,
)
from atlas_gql.ops.archives import export_set, import_set
from atlas_gql.providers.sealing import Sealer
from atlas_gql.schema import answers, ids
from atlas_gql.schema.context import Context
from atlas_gql.schema.endpoint import Endpoint, json_response
from atlas_gql.schema.engine import Engine
from atlas_gql.schema.mutations import demand
from atlas_gql.schema.permissions import place_of
from atlas_gql.schema.rates import Rates
from atlas_gql.schema.requests import Refused

AT_ONCE = 4
"""Archives on their way in or out of one process."""
RETRY_AFTER = 5
"""Seconds after which to ask again when there are that many."""
PATIENCE = 30.0
"""Seconds to wait for the next bytes of an upload."""
LONGEST = 900.0
"""Seconds for a whole archive to come or go."""
UNPACKED = 10
"""How many times its own largest size an archive may have unpacked."""
_CHUNK = 256 * 1024

Work = Callable[[Request, Context, UUID], Awaitable[Response]]


def archive_routes(
    authentication: Authentication,
    database: Database,
    engine: Engine,
    sealer: Sealer,
    *,
    rates: Rates,
    largest: int,
) -> list[Route]:
    """The two routes; `largest` bounds an archive that is taken in, in bytes."""
    archives = _Archives(database, engine, sealer, largest)
    return [
        Route(path, _ArchiveEndpoint(archives, authentication, rates, method, work))
        for path, method, work in (
            ("/backups/{uuid}/archive", "GET", archives.export),
            ("/tenants/{uuid}/archives", "POST", archives.take_in),
        )
    ]


class _Archives:
    """What both routes share: how many archives are on their way."""

    def __init__(self, database: Database, engine: Engine, sealer: Sealer, largest: int) -> None:
        self.database = database
        self.engine = engine
        self.sealer = sealer
        self._largest = largest
        self._under_way = 0

    async def export(self, _request: Request, context: Context, uuid: UUID) -> Response:
        place = await place_of(context, "BackupSet", uuid)
        for capability in (Capability.BACKUPS_VIEW, Capability.BACKUPS_EXPORT):
            await demand(context, "exportBackup", capability, place)
        async with AsyncExitStack() as held:
            file = await held.enter_async_context(self._room())
            exported = await export_set(
                context.database,
                context.actor.by(context.request_id),
                file,
                set_id=uuid,
                tenant_id=place.tenant_id,
            )
            headers = {
                "Content-Length": str(exported.size),
                "Content-Disposition": f'attachment; filename="atlas-backup-{uuid}.zip"',
                "Cache-Control": "no-store",
                "X-Request-ID": context.request_id,
            }
            return _Sending(file, headers, held.pop_all())

    async def take_in(self, request: Request, context: Context, uuid: UUID) -> Response:
        place = await place_of(context, "Tenant", uuid)
        await demand(context, "importBackup", Capability.BACKUPS_IMPORT, place)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise Refused(415, f"Send an archive as {MEDIA_TYPE}.")
        async with self._room() as file:
            await _receive(request, file, self._largest)
            imported = await import_set(
                context.database,
                context.actor.by(context.request_id),
                file,
                tenant_id=place.tenant_id,
                workspace_id=place.workspace_id,
                largest=self._largest * UNPACKED,
            )
        made = {
            "id": ids.encode("BackupSet", imported.set_id),
            "uuid": str(imported.set_id),
            "itemCount": imported.items,
        }
        body = {"backupSet": made, "deduplicated": imported.deduplicated}
        return json_response(body, 200 if imported.deduplicated else 201, context.request_id)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[BinaryIO]:
        """A file for one archive. Raises RateLimited when too many are on their way."""
        if self._under_way >= AT_ONCE:
            raise RateLimited(
                retry_after=RETRY_AFTER,
                message="Too many archives are on their way: try again in a few seconds.",
            )
        self._under_way += 1
        try:
            with tempfile.TemporaryFile(prefix="atlas-archive-") as file:
                yield file
        finally:
            self._under_way -= 1


class _ArchiveEndpoint(Endpoint):
    """One of the two routes."""

    def __init__(
        self, archives: _Archives, authentication: Authentication, rates: Rates, method: str, work: Work
    ) -> None:
        super().__init__(authentication, rates)
        self.methods = (method,)
        self._archives = archives
        self._work = work

    async def answer(self, request: Request, actor: Actor, request_id: str) -> Response:
        context = Context(
            actor=actor,
            database=self._archives.database.scope(actor.scope),
            engine=self._archives.engine,
            sealer=self._archives.sealer,
            request_id=request_id,
        )
        try:
            return await self._work(request, context, _uuid(request))
        except (ArchiveRefused, BackupSetInUse, TenantArchived) as exc:
            return json_response(answers.refusal(exc.message, exc.code, request_id), _status(exc), request_id)


def _uuid(request: Request) -> UUID:
    try:
        return UUID(request.path_params["uuid"])
    except ValueError:
        raise NotFound from None


def _status(error: DomainError) -> int:
    if isinstance(error, BackupSetInUse | TenantArchived):
        return 409
    return 413 if isinstance(error, ArchiveTooLarge) else 422


async def _receive(request: Request, file: BinaryIO, largest: int) -> None:
    """Put the body into the file. Raises ArchiveTooLarge, and Refused for a body that does not come."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        raise ArchiveTooLarge
    body = request.stream()
    try:
        async with asyncio.timeout(LONGEST):
            while chunk := await asyncio.wait_for(anext(body, b""), PATIENCE):
                if file.tell() + len(chunk) > largest:
                    raise ArchiveTooLarge
                file.write(chunk)
    except TimeoutError:
        raise Refused(408, "The archive took too long to come.") from None
    except ClientDisconnect:
        raise Refused(400, "The archive did not come to its end.") from None


class _Sending(StreamingResponse):
    """A file on its way to the client; what was held for it is let go at the end, however that comes."""

    def __init__(self, file: BinaryIO, headers: dict[str, str], held: AsyncExitStack) -> None:
        super().__init__(_chunks(file), media_type=MEDIA_TYPE, headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held, asyncio.timeout(LONGEST):
            await super().__call__(scope, receive, send)


async def _chunks(file: BinaryIO) -> AsyncIterator[Any]:
    file.seek(0)
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk
