"""Writing an archive: the same set gives the same bytes."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol, cast

from atlas_gql.archive.form import (
    CONTENTS,
    FORMAT,
    ITEMS,
    MANIFEST,
    SEAL,
    VERSION,
    canonical,
    key_of,
)
from atlas_gql.archive.records import Facts, ItemState, Record

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Zip's first moment: when an archive was made is nobody's business, and would make each differ."""
_UNIX, _PRIVATE_FILE = 3, 0o100600 << 16
_LEVEL = 6


class Sink(Protocol):
    """What an archive can be written to; it need not be able to seek."""

    def write(self, data: bytes, /) -> object: ...


@contextmanager
def write_archive(file: Sink, facts: Facts) -> Iterator[ArchiveWriter]:
    """A writer of one archive; when the context ends well, the file is whole."""
    sealing = _Sealing(file)
    # Zip files that are written need not be able to seek, whatever their type says.
    with zipfile.ZipFile(cast("IO[bytes]", sealing), "w") as archive:
        # Announced here, for it is part of what is sealed; the seal itself follows at the end.
        archive.comment = b"0" * SEAL
        writer = ArchiveWriter(archive, facts)
        yield writer
        writer.finish()
    sealing.seal()
    writer.digest, writer.size = sealing.digest, sealing.size


class ArchiveWriter:
    """Takes all contents, then all items in their order; `digest` and `size` are known after."""

    digest: bytes
    size: int

    def __init__(self, archive: zipfile.ZipFile, facts: Facts) -> None:
        self._archive = archive
        self._facts = facts
        self._contents = _Member(archive, CONTENTS)
        self._items: _Member | None = None
        self._keys: set[str] = set()
        self._failed = 0

    def content(self, content: Any) -> str:
        """Add a content, once; gives its key."""
        key = key_of(content)
        if key not in self._keys:
            self._keys.add(key)
            self._contents.add({"key": key, "content": content})
        return key

    def item(self, record: Record) -> None:
        self._after_contents().add(record.to_json())
        self._failed += record.state is ItemState.FAILED

    def _after_contents(self) -> _Member:
        """The items' member. A zip is written one member after the other."""
        if self._items is None:
            self._contents.close()
            self._items = _Member(self._archive, ITEMS)
        return self._items

    def finish(self) -> None:
        """Write the manifest, which names and counts everything before it."""
        contents, items = self._contents, self._after_contents()
        items.close()
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "set": self._facts.to_json(),
            "counts": {"contents": contents.lines, "items": items.lines, "failed": self._failed},
            "members": {member.name: member.to_json() for member in (contents, items)},
        }
        with self._archive.open(_entry(MANIFEST), "w") as file:
            file.write(canonical(manifest) + b"\n")


class _Member:
    """One JSON Lines file in the zip, while it is written."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self.name = name
        self.lines = 0
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._file: IO[bytes] = archive.open(_entry(name), "w", force_zip64=True)

    def add(self, value: Any) -> None:
        line = canonical(value) + b"\n"
        self._file.write(line)
        self._sha256.update(line)
        self.lines += 1
        self._size += len(line)

    def close(self) -> None:
        self._file.close()

    def to_json(self) -> dict[str, Any]:
        return {"lines": self.lines, "bytes": self._size, "sha256": self._sha256.hexdigest()}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined] # public as `compress_level` from Python 3.13 on
    entry.create_system = _UNIX
    entry.external_attr = _PRIVATE_FILE
    return entry


class _Sealing:
    """Passes bytes on and digests them; holds back as many as the seal will take the place of."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._held = b""
        self.size = 0

    def write(self, data: bytes) -> int:
        self._held += bytes(data)
        ready, self._held = self._held[:-SEAL], self._held[-SEAL:]
        self._pass(ready)
        return len(data)

    def flush(self) -> None:
        """Nothing: whoever gave the file closes it."""

    @property
    def digest(self) -> bytes:
        return self._sha256.digest()

    def seal(self) -> None:
        """Put the digest of all before it in the place of the last bytes."""
        self._file.write(self.digest.hex().encode())
        self.size += SEAL

    def _pass(self, data: bytes) -> None:
        self._sha256.update(data)
        self._file.write(data)
        self.size += len(data)
