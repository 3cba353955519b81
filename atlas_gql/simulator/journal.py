"""Every call that was served, in the order it came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

LENGTH = 200_000


class Journal:
    """The latest calls as JSON objects {n, time, method, path, query, tenant, status, clientRequestId}.

    A write has its `body`; a part of a batch has the `batch` it came in (the n of the envelope); a call
    whose connection was dropped has `dropped`, and no status when it had no effect. `n` never repeats.
    Calls of the control routes are not in it.
    """

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=LENGTH)
        self._n = 0

    def begin(self, method: str, path: str, query: str = "", **more: Any) -> dict[str, Any]:
        """A new entry, to be completed by the caller."""
        self._n += 1
        entry = {
            "n": self._n,
            "time": datetime.now(UTC).isoformat(),
            "method": method,
            "path": path,
            "query": query,
            "tenant": None,
            "status": None,
            "clientRequestId": None,
            **more,
        }
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
