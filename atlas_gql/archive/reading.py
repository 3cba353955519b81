"""Reading an archive: nothing of it is believed before it was checked.

What comes from outside may be cut, changed, made by somebody else, or made to harm: nothing is ever
unpacked to a file, member names are only compared, and no more is unpacked than the caller allows.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from atlas_gql.archive.contents import check_content
from atlas_gql.archive.form import (
    CONTENTS,
    FORMAT,
    ITEMS,
    LARGEST_MANIFEST,
    LONGEST_LINE,
    MANIFEST,
    MEMBERS,
    SEAL,
    VERSION,
    key_of,
)
from atlas_gql.archive.records import Facts, Fields, ItemState, Record
from atlas_gql.errors import ArchiveDamaged, ArchiveForeign, ArchiveInvalid, ArchiveTooLarge, ArchiveTooNew

_CHUNK = 1024 * 1024
_FIRST = struct.Struct("<4s22xHH")
"""How a zip begins: a signature, and the length of the first member's name, which follows."""
_LAST = struct.Struct("<4sHHHHIIH")
"""How it ends, but for its comment: signature, disks, how many members, how long their list is."""
_LONGER_LIST, _LONGER_LIST_SIZE = b"PK\x06\x07", 20
_MOST_MEMBERS, _LONGEST_LIST = 16, 4096
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)
"""What Python's zip reader raises for what is no zip, is encrypted, or is packed in an unknown way."""


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """What the manifest says of a member."""

    lines: int
    size: int
    sha256: str


@contextmanager
def read_archive(file: BinaryIO, *, largest: int) -> Iterator[ArchiveReader]:
    """A reader of an archive whose bytes are as they were written; `largest` bounds its unpacked bytes.

    Raises ArchiveForeign, ArchiveTooNew, ArchiveTooLarge, ArchiveDamaged; reading on raises ArchiveDamaged
    and ArchiveInvalid too.
    """
    with _opened(file) as archive:
        manifest = _manifest(archive)
        digest = check_seal(file)
        names = [info.filename for info in archive.infolist()]
        if sorted(names) != sorted(MEMBERS):
            raise ArchiveInvalid("An archive has three members, and no others.")
        if sum(info.file_size for info in archive.infolist()) > largest:
            raise ArchiveTooLarge
        yield ArchiveReader(archive, manifest, digest)


def check_seal(file: BinaryIO) -> bytes:
    """The digest at the end of the file. Raises ArchiveDamaged unless it is that of all before it."""
    left = file.seek(0, 2) - SEAL
    file.seek(0)
    sha256 = hashlib.sha256()
    while left > 0 and (chunk := file.read(min(left, _CHUNK))):
        sha256.update(chunk)
        left -= len(chunk)
    if file.read() != sha256.hexdigest().encode():
        raise ArchiveDamaged
    return sha256.digest()


class ArchiveReader:
    """Read the contents to their end first, then the items: items name contents."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Any, digest: bytes) -> None:
        self.digest = digest
        """The SHA-256 that the archive ends with: what tells it from every other one."""
        self._archive = archive
        fields = Fields(manifest, "The manifest")
        fields.take("format", str)
        fields.take("version", int)
        self.facts = Facts.from_json(fields.take("set", dict))
        counts = Fields(fields.take("counts", dict), "The manifest's `counts`")
        self._contents, self.item_count = counts.count("contents"), counts.count("items")
        self.failed_count = counts.count("failed")
        counts.end()
        members = Fields(fields.take("members", dict), "The manifest's `members`")
        self._listed = {name: _listed(members.take(name, dict)) for name in (CONTENTS, ITEMS)}
        members.end()
        fields.end()
        self._keys: dict[str, bool] = {}
        """The contents that there are, and whether an item was seen that has it."""

    def contents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every content with its key."""
        for line in self._lines(CONTENTS):
            fields = Fields(line, "A line")
            key, content = fields.text("key"), fields.take("content", dict)
            fields.end()
            check_content(content)
            if key != key_of(content):
                raise ArchiveInvalid("A content has the key of another one.")
            if key in self._keys:
                raise ArchiveInvalid("A content is there twice.")
            self._keys[key] = False
            yield key, content

    def items(self) -> Iterator[Record]:
        """Every policy of the set, ascending by kind and id."""
        last = ("", "")
        count = failed = 0
        for line in self._lines(ITEMS):
            record = Record.from_json(line)
            if record.order <= last:
                raise ArchiveInvalid("The items are not in order, or one is there twice.")
            if record.content is not None:
                if record.content not in self._keys:
                    raise ArchiveInvalid("An item names a content that the archive does not hold.")
                self._keys[record.content] = True
            last = record.order
            count += 1
            failed += record.state is ItemState.FAILED
            yield record
        if not all(self._keys.values()):
            raise ArchiveInvalid("The archive holds a content that no item has.")
        if (self._contents, self.item_count, self.failed_count) != (len(self._keys), count, failed):
            raise ArchiveInvalid("The manifest counts what is not there.")

    def _lines(self, name: str) -> Iterator[Any]:
        """The values of a member's lines. Raises ArchiveDamaged at its end unless it is as it was listed."""
        listed = self._listed[name]
        sha256, lines, size = hashlib.sha256(), 0, 0
        with _damage(), self._archive.open(name) as member:
            while line := member.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    raise ArchiveInvalid("A line is too long.")
                sha256.update(line)
                lines, size = lines + 1, size + len(line)
                yield _json(line)
        if listed != _Listed(lines=lines, size=size, sha256=sha256.hexdigest()):
            raise ArchiveDamaged


@contextmanager
def _opened(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    if not _begins_as_ours(file):
        raise ArchiveForeign
    if not _ends_as_ours(file):
        raise ArchiveDamaged
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as exc:
        raise ArchiveDamaged from exc
    with archive:
        if any(info.flag_bits & 1 or info.compress_type not in _METHODS for info in archive.infolist()):
            raise ArchiveForeign
        yield archive


def _begins_as_ours(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(_FIRST.size)
    if len(head) < _FIRST.size:
        return False
    signature, length, _ = _FIRST.unpack(head)
    return signature == b"PK\x03\x04" and file.read(min(length, 64)) in (name.encode() for name in MEMBERS)


def _ends_as_ours(file: BinaryIO) -> bool:
    """Whether the list of members is a short one, before the seal: Python reads it as a whole."""
    size = file.seek(0, 2)
    tail = _LONGER_LIST_SIZE + _LAST.size + SEAL
    if size < tail:
        return False
    file.seek(size - tail)
    longer_list = file.read(_LONGER_LIST_SIZE)
    signature, _, _, _, members, length, _, comment = _LAST.unpack(file.read(_LAST.size))
    return (
        signature == b"PK\x05\x06"
        and comment == SEAL
        and members <= _MOST_MEMBERS
        and length <= _LONGEST_LIST
        and not longer_list.startswith(_LONGER_LIST)
    )


@contextmanager
def _damage() -> Iterator[None]:
    """What goes wrong while a member is unpacked."""
    try:
        yield
    except _BROKEN as exc:
        raise ArchiveDamaged from exc


def _manifest(archive: zipfile.ZipFile) -> Any:
    """The manifest of a version that can be read; its version is looked at before all else."""
    if MANIFEST not in archive.namelist():
        raise ArchiveForeign
    with _damage(), archive.open(MANIFEST) as member:
        text = member.read(LARGEST_MANIFEST + 1)
    try:
        manifest = orjson.loads(text) if len(text) <= LARGEST_MANIFEST else None
    except orjson.JSONDecodeError:
        raise ArchiveForeign from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArchiveForeign
    version = manifest.get("version")
    if not isinstance(version, int) or version < 1:
        raise ArchiveForeign
    if version > VERSION:
        raise ArchiveTooNew
    return manifest


def _listed(given: Any) -> _Listed:
    fields = Fields(given, "A member")
    listed = _Listed(
        lines=fields.count("lines"), size=fields.take("bytes", int), sha256=fields.text("sha256")
    )
    fields.end()
    return listed


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ArchiveInvalid("A line is no JSON.") from None
