"""Backup archives: one file that holds a backup set, for keeping it elsewhere or moving it.

    with write_archive(file, facts) as archive:
        key = archive.content(content)
        archive.item(item)
    with read_archive(file, largest=10**9) as archive:
        archive.facts, list(archive.contents()), list(archive.items())

Files are read and written line by line: memory does not grow with the set. `docs/archive-format.md`
describes the format.
"""

from __future__ import annotations

from atlas_gql.archive.form import FORMAT, MEDIA_TYPE, VERSION
from atlas_gql.archive.reading import ArchiveReader, check_seal, read_archive
from atlas_gql.archive.records import Facts, ItemState, Record
from atlas_gql.archive.writing import ArchiveWriter, write_archive

__all__ = [
    "FORMAT",
    "MEDIA_TYPE",
    "VERSION",
    "ArchiveReader",
    "ArchiveWriter",
    "Facts",
    "ItemState",
    "Record",
    "check_seal",
    "read_archive",
    "write_archive",
]
