"""When schedules are due: cron in a time zone, the days on which clocks are changed, and what is no cron."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_gql.errors import ValidationError
from atlas_gql.ops.cron import Cron, checked_cron


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        pytest.param(
            "0 2 * * *",
            "UTC",
            "2027-01-01 02:00",
            ["2027-01-02 02:00", "2027-01-03 02:00"],
            id="after-and-not-at",
        ),
        pytest.param(
            "0 3 * * *",
            "Europe/Berlin",
            "2027-03-27 12:00",
            ["2027-03-28 01:00", "2027-03-29 01:00"],
            id="the-hour-after-the-one-that-is-left-out",
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2027-03-26 12:00",
            ["2027-03-27 01:30", "2027-03-28 01:00", "2027-03-29 00:30"],
            id="in-the-hour-that-is-left-out",
        ),
        pytest.param(
            "30 2,3 * * *",
            "Europe/Berlin",
            "2027-03-27 12:00",
            ["2027-03-28 01:00", "2027-03-28 01:30", "2027-03-29 00:30"],
            id="left-out-and-after",
        ),
        pytest.param(
            "0 2,3 * * *",
            "Europe/Berlin",
            "2027-03-27 12:00",
            ["2027-03-28 01:00", "2027-03-29 00:00"],
            id="two-moments-that-become-one",
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Berlin",
            "2027-10-30 12:00",
            ["2027-10-31 00:30", "2027-11-01 01:30"],
            id="in-the-hour-that-comes-twice",
        ),
        pytest.param(
            "45 2 * * *",
            "Europe/Berlin",
            "2027-10-31 01:30",
            ["2027-11-01 01:45"],
            id="asked-in-the-second-of-these-hours",
        ),
        pytest.param(
            "*/30 * * * *",
            "Europe/Berlin",
            "2027-10-31 00:15",
            ["2027-10-31 00:30", "2027-10-31 01:00", "2027-10-31 01:30", "2027-10-31 02:00"],
            id="every-half-hour-goes-on",
        ),
        pytest.param(
            "0 0 29 2 *", "UTC", "2027-01-01 00:00", ["2028-02-29 00:00", "2032-02-29 00:00"], id="leap-day"
        ),
        pytest.param(
            "0 6 1 * MON", "UTC", "2027-01-30 00:00", ["2027-02-01 06:00", "2027-02-08 06:00"], id="or"
        ),
        pytest.param("15 0 * * *", "Asia/Kathmandu", "2027-01-01 00:00", ["2027-01-01 18:30"], id="odd"),
    ],
)  # fmt: skip
def test_moments(expression: str, zone: str, after: str, expected: list[str]) -> None:
    found = checked_cron(expression, zone).some_after(at(after), len(expected))
    assert found == [at(moment) for moment in expected]


@pytest.mark.parametrize(
    "expression",
    [
        *("", "nonsense", "0 2 * *", "0 0 2 * * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *"),
        *("0 2 * * 8", "@daily", "5-1 * * * *", "*/0 * * * *", "0 2 ² * *", "0 2 * * MON#6", "9" * 5000),
        pytest.param("0 0 30 2 *", id="30-february"),
        pytest.param("0 0 31 4,6,9,11 *", id="31-of-short-months"),
        pytest.param("0 0 LW * */7", id="last-weekday-on-a-sunday"),
        pytest.param("0" + " " * 100 + "2 * * *", id="long"),
    ],
)
def test_what_is_no_cron_or_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(ValidationError) as caught:
        checked_cron(expression, "UTC")
    assert caught.value.field == "cron"


@pytest.mark.parametrize(
    "zone", ["", "CEST5", "Mars/Olympus", "../UTC", "/etc/localtime", "localtime", "UTC\0"]
)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError) as caught:
        checked_cron("0 2 * * *", zone)
    assert caught.value.field == "time_zone"


def test_an_expression_is_kept_in_one_form() -> None:
    assert checked_cron("  0  2 *\t* mon ", "UTC") == Cron("0 2 * * mon", "UTC")


@given(st.text(alphabet="0123456789*,-/#LWMONFEB ", max_size=30), st.datetimes(timezones=st.just(UTC)))
def test_any_text_is_a_cron_or_refused_and_its_moments_come_in_order(text: str, after: datetime) -> None:
    try:
        cron = checked_cron(text, "America/New_York")
    except ValidationError:
        return
    if 1900 < after.year < 2200:
        found = cron.some_after(after, 3)
        assert found == sorted(set(found))
        assert all(moment > after for moment in found)
