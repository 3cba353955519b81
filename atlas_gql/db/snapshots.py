"""Which transactions a reader of PostgreSQL could see: the only order that commits have.

Ids, sequences and clocks are given out before the commit, so that what was begun earlier may appear later.
A snapshot says exactly which transactions had taken effect, and so what is new since.
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 2**64 - 1
MOST_RUNNING = 10_000
"""More open transactions than any server has connections and prepared transactions."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """PostgreSQL's `pg_snapshot`: everything below `xmin` is decided, nothing from `xmax` on had begun.

    `running` are those between that were not decided, in order.
    """

    xmin: int
    xmax: int
    running: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """From PostgreSQL's text, such as `10:20:10,14`. Raises ValueError for anything else."""
        xmin, xmax, running = text.split(":")
        numbers = tuple(_number(part) for part in running.split(",")) if running else ()
        found = cls(xmin=_number(xmin), xmax=_number(xmax), running=numbers)
        bounds = (found.xmin, *numbers, found.xmax - 1) if numbers else (found.xmin, found.xmax)
        if list(bounds) != sorted(bounds) or len(set(numbers)) != len(numbers) or found.xmin < 1:
            raise ValueError("not a snapshot")
        return found

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, self.running))}"

    def sees(self, transaction: int | None) -> bool:
        """Whether the transaction had taken effect; None is one before all others."""
        if transaction is None or transaction < self.xmin:
            return True
        return transaction < self.xmax and transaction not in self.running

    def with_part_of(self, later: Snapshot, last: int) -> Snapshot:
        """What is seen by this snapshot, and of what the later one sees, what is not above `last`."""
        xmax = max(self.xmax, min(last + 1, later.xmax))
        still = {x for x in self.running if x > last or x in later.running}
        new = {x for x in later.running if self.xmax <= x < xmax}
        running = tuple(sorted(still | new))
        return Snapshot(xmin=running[0] if running else xmax, xmax=xmax, running=running)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError("not a number")
    number = int(text)
    if number > LARGEST:
        raise ValueError("not a transaction")
    return number
