"""Backup archives through the API: into a file and out of one, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from atlas_gql.archive import MEDIA_TYPE, check_seal
from atlas_gql.client.api import Api, body_of
from atlas_gql.client.errors import ApiError, NoAnswer

CHUNK = 256 * 1024

Tell = Callable[[int, int | None], None]
"""Is told how many bytes have gone, and of how many, where that is known."""


def download(api: Api, set_uuid: str, file: BinaryIO, tell: Tell) -> str:
    """Put a set's archive into an empty file; gives the SHA-256, in hex, that the archive ends with.

    Raises ApiError, and ArchiveDamaged unless the file holds what the digest was made of.
    """
    with api.stream("GET", f"/backups/{set_uuid}/archive") as answer:
        if answer.headers.get("content-type") != MEDIA_TYPE:
            raise ApiError(f"{answer.url} is no Atlas: it answers without an archive.")
        declared = answer.headers.get("content-length", "")
        total = int(declared) if declared.isdigit() else None
        for piece in answer.iter_bytes():
            file.write(piece)
            tell(file.tell(), total)
    return check_seal(file).hex()


def upload(api: Api, tenant_uuid: str, file: BinaryIO, tell: Tell) -> Mapping[str, Any]:
    """Give an archive to a tenant; gives the answer: `backupSet`, and whether it was there before.

    Raises ApiError; NoAnswer says that the same may be done again.
    """
    size = file.seek(0, 2)
    headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(size)}
    path = f"/tenants/{tenant_uuid}/archives"
    try:
        with api.stream("POST", path, headers=headers, content=_pieces(file, size, tell)) as answer:
            answer.read()
            return body_of(answer)
    except NoAnswer as exc:
        raise NoAnswer(
            f"{exc.message} Whether it was imported is not known. Repeat the command: a tenant takes an"
            " archive in once."
        ) from exc


def _pieces(file: BinaryIO, size: int, tell: Tell) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(CHUNK):
        yield piece
        tell(file.tell(), size)
