"""A call to Graph and its answer, apart from HTTP: a `$batch` part is a call like any other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atlas_gql.simulator.habits import Habits

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
VERSIONS = ("v1.0", "beta")
_KEYED = re.compile(r"(?P<name>[^()']+)\('(?P<key>[^']*)'\)")


def is_guid(value: object) -> bool:
    return isinstance(value, str) and GUID.fullmatch(value) is not None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call. `segments` is the path below the version, `x('id')` split into `x` and `id`."""

    method: str
    path: str
    """Decoded, with the version: `/beta/deviceManagement/deviceConfigurations`."""
    query: str = ""
    """As it came, without the question mark."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    content: bytes = b""
    base: str
    """Scheme and host that the client asked: where its next links lead."""
    request_id: str
    client_request_id: str
    tenant: str | None = None
    """The tenant of the token; decides whose data is served."""
    app: str = ""
    """The client id in the token."""
    roles: frozenset[str] = frozenset()
    now: float = 0.0
    """When it came, in Unix seconds of the simulator's clock."""
    habits: Habits = field(default_factory=Habits)
    """How the service behaves when it comes."""

    @property
    def version(self) -> str:
        return self.path.split("/")[1]

    @property
    def segments(self) -> tuple[str, ...]:
        found: list[str] = []
        for part in self.path.split("/")[2:]:
            keyed = _KEYED.fullmatch(part)
            found += keyed.group("name", "key") if keyed else [part]
        return tuple(found)

    @property
    def is_batch(self) -> bool:
        return self.segments == ("$batch",)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer: `body` is JSON, or text when `content_type` is given, or None for an empty body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str | None = None
