"""Any value made harmless: plain, bounded, JSON-able, without secrets and persons."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from atlas_gql.redaction.keys import is_sensitive, is_version
from atlas_gql.redaction.patterns import REDACTED, scrub

T = TypeVar("T")

TEXT_LIMIT = 4_000
KEY_LIMIT = 200
DEPTH_LIMIT = 12
ENTRY_LIMIT = 1_000
CUT = "[cut]"
UNPRINTABLE = "[unprintable]"

# only so much of a longer text is looked at; its last characters go, as they may be half of a secret
_WINDOW = 64_000
_TAIL = 300
# a text that has not settled by then goes whole
_PASSES = 6

# PostgreSQL takes neither, UTF-8 not the second
_REFUSED = re.compile("[\x00\ud800-\udfff]")
_VERSION = re.compile(r"[0-9.]{1,40}")
_INDENT = re.compile(r"[\[{]\n( +)")


def redact(value: object) -> Any:
    """A plain copy of `value` that may be shown: dicts with text keys, lists, texts, numbers, null.

    At most 12 levels, 1,000 entries in all and 4,000 characters a text; what is beyond becomes `[cut]`.
    Bytes are read as UTF-8; anything else becomes its text. Raises nothing, whatever the value's own
    methods do, and changes nothing when applied again.
    """
    return _Walk().node(value, 0)


def redact_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` without secrets, persons, NULs and surrogates, cut to `limit` characters.

    Changes nothing when applied again.
    """
    return _settled(text, 0, limit)


def safe_text(value: object) -> str:
    """The type's name and the redacted text of anything, exceptions above all: `KeyError: 'group'`."""
    kind = type(value)
    name = type.__dict__["__name__"].__get__(kind)  # a metaclass may lie about `__name__`, or raise
    text = _printed(value) if issubclass(kind, BaseException) else str(redact(value))
    return redact_text(f"{name}: {text}" if text else name)


class _Walk:
    """One walk through one value, with the number of entries still allowed."""

    def __init__(self) -> None:
        self._left = ENTRY_LIMIT

    def node(self, value: object, depth: int) -> Any:
        try:
            return self._plain(value, depth)
        except KeyboardInterrupt:
            raise
        except BaseException:  # the value's own methods may raise whatever they like
            return UNPRINTABLE

    def _plain(self, value: object, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            if depth >= DEPTH_LIMIT:
                return CUT
            return self._mapping(value, depth) if isinstance(value, Mapping) else self._list(value, depth)
        if isinstance(value, int):
            number = int.__int__(value)
            return number if -(2**63) <= number < 2**63 else str(number)
        if isinstance(value, float):
            real = float.__float__(value)
            return real if math.isfinite(real) else str(real)
        if issubclass(type(value), BaseException):
            return safe_text(value)
        return _settled(_printed(value), depth, TEXT_LIMIT)

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        entries = [(self._key(key, depth), value) for key, value in islice(mapping.items(), ENTRY_LIMIT)]
        # {"name": "Authorization", "value": "..."}: the name stands in a value
        labelled = any(key in ("name", "key", "header") and _announces(value) for key, value in entries)
        result: dict[str, Any] = {}
        for (key, value), last in self._allowed(entries):
            shown = _unused(_settled(key, depth, KEY_LIMIT), result)
            if is_sensitive(key) or is_sensitive(shown) or (labelled and key == "value"):
                result[shown] = _hidden(value)
            elif is_version(key) and isinstance(value, str) and _VERSION.fullmatch(value):
                result[shown] = str.__str__(value)
            else:
                result[shown] = CUT if last else self.node(value, depth + 1)
        return result

    def _list(self, items: Collection[Any], depth: int) -> list[Any]:
        if isinstance(items, tuple) and len(items) == 2 and _announces(items[0]):
            return [self.node(items[0], depth + 1), _hidden(items[1])]
        entries = list(islice(items, ENTRY_LIMIT))
        return [CUT if last else self.node(item, depth + 1) for item, last in self._allowed(entries)]

    def _allowed(self, entries: Sequence[T]) -> Iterator[tuple[T, bool]]:
        """The entries as far as the allowance goes, each with whether it is the one that ends it."""
        for entry in entries:
            if self._left == 0:
                return
            self._left -= 1
            yield entry, self._left == 0

    def _key(self, key: object, depth: int) -> str:
        return _REFUSED.sub("", key[:_WINDOW]) if isinstance(key, str) else str(self.node(key, depth + 1))


def _printed(value: object) -> str:
    """The value's own text, as an exact `str`."""
    try:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value[: 4 * _WINDOW]).decode(errors="replace")
        return str.__str__(str(value))
    except KeyboardInterrupt:
        raise
    except BaseException:  # as above
        return UNPRINTABLE


def _settled(text: str, depth: int, limit: int) -> str:
    """`text` redacted until nothing changes any more: what one pass leaves side by side may be a match."""
    text = str.__str__(text)
    for _ in range(_PASSES):
        once = _once(text, depth, limit)
        if once == text:
            return text
        text = once
    return REDACTED


def _once(text: str, depth: int, limit: int) -> str:
    seen = _REFUSED.sub("", text[:_WINDOW])
    clean = scrub(_json_redacted(seen, depth))
    if len(text) > _WINDOW:
        clean = clean[:-_TAIL][: limit - 1] + "…"
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _json_redacted(text: str, depth: int) -> str:
    """`text` redacted by key if it is a JSON object or array, in the style it was written in."""
    stripped = text.strip()
    if stripped[:1] + stripped[-1:] not in ("{}", "[]"):
        return text
    try:
        parsed = json.loads(stripped, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    clean = _Walk().node(parsed, depth)
    if clean == parsed:
        return text
    indent, spaced = _INDENT.match(stripped), '": ' in stripped
    return json.dumps(
        clean,
        ensure_ascii=stripped.isascii(),
        indent=len(indent[1]) if indent else None,
        separators=(", " if spaced and not indent else ",", ": " if spaced else ":"),
    )


def _announces(value: object) -> bool:
    return isinstance(value, str | bytes) and is_sensitive(_printed(value))


def _hidden(value: object) -> Any:
    """What stands for a value under a sensitive key; that there is none, and a yes or no, may be known."""
    if value is None or value is True or value is False or (type(value) is str and not value):
        return value
    return REDACTED


def _unused(key: str, taken: Mapping[str, Any]) -> str:
    """`key`, numbered if another key looks the same once redacted."""
    number, unused = 2, key
    while unused in taken:
        unused, number = f"{key} {number}", number + 1
    return unused
