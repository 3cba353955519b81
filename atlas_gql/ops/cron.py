"""When a schedule is due: five fields of cron, read in a time zone, as Debian's cron reads them.

On the day on which the clocks go forward, what falls into the hour that is left out comes right after it; on
the day on which they go back, what falls into the hour that comes twice comes the first time. Only what
is due every so many minutes or hours (`*`) goes by the time that really passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from atlas_gql.errors import ValidationError

LONGEST = 100
"""Characters of an expression."""
# What this machine calls its own is another zone on the next one.
_LOCAL = frozenset({"localtime", "Factory"})


@dataclass(frozen=True)
class Cron:
    """Moments that come again and again; made by `checked_cron`, or from what that let pass."""

    expression: str
    time_zone: str

    def after(self, instant: datetime) -> datetime:
        """The first one after an instant. Raises ValidationError when none comes within fifty years."""
        found = next(self.all_after(instant), None)
        if found is None:
            raise ValidationError("This never comes.", field="cron")
        return found

    def all_after(self, instant: datetime) -> Iterator[datetime]:
        """All of them after an instant, in order."""
        last = instant
        for moment in CronSim(self.expression, instant.astimezone(ZoneInfo(self.time_zone))):
            # In an hour that comes twice it finds what has been; two moments of one that is left out are one.
            if (found := moment.astimezone(UTC)) > last:
                last = found
                yield found

    def some_after(self, instant: datetime, number: int) -> list[datetime]:
        return list(islice(self.all_after(instant), number))


def checked_cron(expression: str, time_zone: str) -> Cron:
    """What people typed, if it is one. Raises ValidationError naming `cron` or `time_zone`."""
    if time_zone not in _zones():
        raise ValidationError(
            "This is no time zone: give its name in the tz database, as in Europe/Berlin.", field="time_zone"
        )
    parts = expression.split()
    if len(parts) == 5 and len(expression) <= LONGEST:
        cron = Cron(" ".join(parts), time_zone)
        with suppress(CronSimError):
            cron.after(datetime.now(UTC))
            return cron
    raise ValidationError(
        "This is no cron expression that ever comes: give minute, hour, day of month, month and day of week,"
        " as in `0 2 * * *`.",
        field="cron",
    )


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _LOCAL)
