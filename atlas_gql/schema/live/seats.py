"""How many may watch at once: nobody takes all there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from atlas_gql.errors import TooManySubscriptions


class Seats:
    """Seats of one process, so many for each token and so many in all."""

    def __init__(self, *, of_token: int, in_all: int) -> None:
        self._of_token = of_token
        self._in_all = in_all
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def taken(self, token_id: UUID) -> Iterator[None]:
        """A seat for as long as the context lasts. Raises TooManySubscriptions when there is none."""
        if self._taken[token_id] >= self._of_token or self._taken.total() >= self._in_all:
            raise TooManySubscriptions
        self._taken[token_id] += 1
        try:
            yield
        finally:
            self._taken[token_id] -= 1
            if not self._taken[token_id]:
                del self._taken[token_id]
