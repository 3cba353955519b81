"""What a snapshot sees, compared with sets of transactions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_gql.db.snapshots import Snapshot

HIGHEST = 40
NUMBERS = range(1, HIGHEST + 15)


MASKS = st.integers(0, 2**HIGHEST - 1)


def snapshot(xmax: int, mask: int) -> Snapshot:
    """The snapshot up to `xmax` in which those in the mask are running."""
    running = tuple(number for number in range(1, xmax) if mask >> number & 1)
    return Snapshot(xmin=min(running, default=xmax), xmax=xmax, running=running)


def later(before: Snapshot, begun: int, mask: int) -> Snapshot:
    """A later snapshot: of what was running some have ended, and more have begun."""
    could_run = {*before.running, *range(before.xmax, before.xmax + begun)}
    return snapshot(before.xmax + begun, mask & sum(1 << number for number in could_run))


SNAPSHOTS = st.builds(snapshot, st.integers(1, HIGHEST), MASKS)


def seen(snapshot: Snapshot) -> set[int]:
    return {number for number in NUMBERS if snapshot.sees(number)}


@given(SNAPSHOTS, st.integers(0, 10), MASKS, st.integers(1, HIGHEST))
def test_part_of_a_later_snapshot_sees_that_part_and_what_was_seen(before, begun, mask, last):
    after = later(before, begun, mask)
    part = before.with_part_of(after, last)
    assert seen(part) == seen(before) | {number for number in seen(after) if number <= last}
    assert Snapshot.parse(str(part)) == part


@given(SNAPSHOTS)
def test_a_snapshot_is_read_back_from_its_text(taken):
    assert Snapshot.parse(str(taken)) == taken


@given(SNAPSHOTS)
def test_what_was_before_all_is_seen(taken):
    assert taken.sees(None)


@pytest.mark.parametrize(
    "text",
    ["", "1:2", "1:2:3:4", "2:1:", "0:1:", "1:5:5", "1:5:0", "2:5:1", "1:5:3,2", "1:5:2,2", "1:5:2,", "-1:5:",
     "1:x:", "1:5:٣", "1: 5:", "1:18446744073709551616:", "1:" + "9" * 5000 + ":"],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused(text):
    with pytest.raises(ValueError):
        Snapshot.parse(text)
