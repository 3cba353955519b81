"""What an archive looks like from outside: names, numbers, and its canonical JSON.

A zip of three members. The last 64 bytes of the file, which are the zip's comment, are the SHA-256 of all
bytes before them: whatever is changed, added or cut is found before anything else is believed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

FORMAT = "atlas-backup"
VERSION = 1
MEDIA_TYPE = "application/zip"

MANIFEST = "manifest.json"
CONTENTS = "contents.jsonl"
ITEMS = "items.jsonl"
MEMBERS = (CONTENTS, ITEMS, MANIFEST)
"""In the order in which they are written."""

SEAL = 64
"""Characters of the digest at the end."""
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes: more than Atlas takes of Microsoft for one policy."""
LARGEST_MANIFEST = 64 * 1024


def canonical(value: Any) -> bytes:
    """JSON in UTF-8, with sorted keys and no space: equal values, equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def key_of(content: Any) -> str:
    """The name of a content in its archive: the SHA-256 of its canonical JSON, in hex."""
    return hashlib.sha256(canonical(content)).hexdigest()
