"""Ids and cursors: opaque, in one spelling, and refused with a code when they are not ours."""

from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import pytest

from atlas_gql.errors import BadUserInput
from atlas_gql.schema import cursors, ids

KEY = UUID("0190f0a0-0000-7000-8000-000000000001")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NEWEST = "OperationRun:created_at,uuid:desc"


def test_an_id_gives_back_what_it_was_made_of():
    assert ids.parse(ids.encode("Tenant", KEY)) == ("Tenant", KEY)
    assert ids.decode(ids.encode("Tenant", KEY), kind="Tenant", argument="id") == KEY


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("Tenant", id="no base64"),
        pytest.param("é" * 8, id="no ascii"),
        pytest.param(str(KEY), id="a bare key"),
        pytest.param(b64encode(b"Tenant").decode(), id="no key"),
        pytest.param(b64encode(b"Tenant:1").decode(), id="no uuid"),
        pytest.param(b64encode(b"\xff\xfe:1").decode(), id="no text"),
        pytest.param(b64encode(f"Tenant:{KEY.hex}".encode()).decode(), id="another spelling of the key"),
        pytest.param(ids.encode("Tenant", KEY) + "\n", id="trailing newline"),
        pytest.param(ids.encode("Workspace", KEY), id="of another kind"),
    ],
)
def test_what_is_no_id_of_the_kind_is_refused_and_names_the_argument(value):
    with pytest.raises(BadUserInput) as caught:
        ids.decode(value, kind="Tenant", argument="tenantId")
    assert (caught.value.field, "tenantId" in caught.value.message) == ("tenantId", True)


def test_a_cursor_gives_back_its_keys_with_every_microsecond():
    cursor = cursors.encode(NEWEST, [NOW, KEY])
    assert cursors.decode(cursor, NEWEST, [datetime, UUID]) == (NOW, KEY)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("é", id="no ascii"),
        pytest.param("e30=", id="an object"),
        pytest.param(cursors.encode("OperationRun:created_at,uuid:asc", [NOW, KEY]), id="of another order"),
        pytest.param(cursors.encode(NEWEST, [NOW]), id="a key short"),
        pytest.param(cursors.encode(NEWEST, [NOW, KEY, 1]), id="a key too many"),
        pytest.param(cursors.encode(NEWEST, ["2026-01-02T03:04:05", KEY]), id="no time zone"),
        pytest.param(cursors.encode(NEWEST, [1, KEY]), id="a number for a time"),
        pytest.param(cursors.encode(NEWEST, [NOW, "x"]), id="no uuid"),
        pytest.param(urlsafe_b64encode(b"[1").decode(), id="no JSON"),
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(value):
    with pytest.raises(BadUserInput) as caught:
        cursors.decode(value, NEWEST, [datetime, UUID])
    assert caught.value.field == "after"


@pytest.mark.parametrize("key", [2**31, True, "1", None])
def test_a_cursor_of_a_position_holds_a_number_that_a_column_can_hold(key):
    with pytest.raises(BadUserInput):
        cursors.decode(cursors.encode("x", [key]), "x", [int])
