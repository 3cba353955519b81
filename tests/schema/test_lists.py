"""Lists: each is one statement for all parents of a level, over an index-served order."""

import pytest
from sqlalchemy.dialects import postgresql

from atlas_gql.errors import BadUserInput
from atlas_gql.schema import lists
from atlas_gql.schema.connections import LARGEST_PAGE, check_first
from atlas_gql.schema.filters import containing, given
from atlas_gql.schema.listings import Listing
from atlas_gql.schema.pages import Shape, page_of

LISTINGS = {name: value for name, value in vars(lists).items() if isinstance(value, Listing)}


def sql(listing: Listing, *, after: bool = False, descending: bool = False, filters=()) -> str:
    names = listing.rows.needed((), *listing.sort)
    shape = Shape(listing=listing, names=names, filters=tuple(filters), after=after, descending=descending)
    statement = page_of(shape)
    return " ".join(str(statement.compile(dialect=postgresql.dialect())).split())


@pytest.mark.parametrize("name", LISTINGS)
def test_a_list_is_one_statement_for_any_number_of_parents_with_every_filter(name):
    listing = LISTINGS[name]
    text = sql(listing, after=True, filters=sorted([*listing.filters, *listing.each]))
    # One of the filters of several values is read value by value.
    assert (text.count(") AS page"), text.count("unnest("), "LIMIT" in text) == (
        1,
        1 + bool(listing.each),
        True,
    )
    for parent in range(len(listing.of)):
        assert f"= parents.key_{parent}" in text


@pytest.mark.parametrize("name", LISTINGS)
def test_a_list_reads_no_more_than_its_keys_when_nothing_is_selected(name):
    listing = LISTINGS[name]
    assert set(listing.rows.needed((), *listing.sort)) == {*listing.rows.always, *listing.sort}


def test_the_next_page_goes_on_the_way_that_the_list_is_ordered():
    forward, backward = (sql(lists.TENANT_RUNS, after=True, descending=down) for down in (False, True))
    key = "(operation_runs.created_at, operation_runs.id)"
    assert (f"{key} > (" in forward, f"{key} < (" in backward) == (True, True)
    assert "ORDER BY operation_runs.created_at DESC, operation_runs.id DESC" in backward


def test_a_statement_is_made_once_for_its_shape():
    names = lists.TENANT_RUNS.rows.needed(["type"], "created_at")
    first, second, other = (
        page_of(Shape(listing=lists.TENANT_RUNS, names=names, filters=filters))
        for filters in ((), (), ("status",))
    )
    assert (first is second, first is other) == (True, False)


@pytest.mark.parametrize("first", [-1, LARGEST_PAGE + 1])
def test_a_page_out_of_bounds_is_refused_and_never_clamped(first):
    with pytest.raises(BadUserInput) as caught:
        check_first(first)
    assert caught.value.field == "first"


def test_conditions_that_were_not_given_are_no_conditions():
    assert given(a=None, b=["x"], c=False, d=[]) == {"b": ("x",), "c": False, "d": ()}


def test_what_a_name_contains_is_taken_literally():
    assert [containing(part) for part in (None, "50%_\\")] == [None, "%50\\%\\_\\\\%"]


def test_text_that_no_column_can_hold_is_refused():
    with pytest.raises(BadUserInput):
        given(types=["a\0"])
