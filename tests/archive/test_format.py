"""What an archive holds comes out as it went in, and in the same bytes; whatever was changed is refused."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from atlas_gql.archive import Facts, ItemState, Record, read_archive, write_archive
from atlas_gql.archive.form import LONGEST_LINE, key_of
from atlas_gql.db.tables import backup_items
from atlas_gql.errors import (
    ArchiveDamaged,
    ArchiveForeign,
    ArchiveInvalid,
    ArchiveRefused,
    ArchiveTooLarge,
    ArchiveTooNew,
)
from support.archives import Set, content, facts, read, record, resealed, sets, written


@given(sets())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_written_is_read_and_written_again_in_the_same_bytes(given: Set) -> None:
    about, held, records = given
    archive = written(about, held, records)
    assert read(archive) == (about, {key_of(one): one for one in held}, records)
    assert written(*_again(archive)) == archive


def _again(archive: bytes) -> tuple[Facts, list[dict[str, Any]], list[Record]]:
    about, held, records = read(archive)
    return about, list(held.values()), records


SMALL = written(
    facts(),
    [content("11111111-2222-4333-8444-555555555555")],
    [record(content("11111111-2222-4333-8444-555555555555"))],
)


@given(st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_is_changed_is_found(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SMALL) - 1), label="at")
    how = data.draw(st.sampled_from(["flip", "cut", "insert", "drop", "append", "swap"]), label="how")
    other = data.draw(st.integers(0, len(SMALL) - 1), label="other")
    noise = data.draw(st.binary(min_size=1, max_size=80), label="noise")
    damaged = bytearray(SMALL)
    match how:
        case "flip":
            damaged[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del damaged[at:]
        case "insert":
            damaged[at:at] = noise
        case "drop":
            del damaged[at]
        case "append":
            damaged += noise
        case _:
            damaged[at], damaged[other] = damaged[other], damaged[at]
    assume(bytes(damaged) != SMALL)
    with pytest.raises(ArchiveRefused):
        read(bytes(damaged))


def test_a_member_added_by_another_tool_is_found() -> None:
    file = io.BytesIO(SMALL)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("more.txt", "more")
    with pytest.raises(ArchiveDamaged):
        read(file.getvalue())


def manifest(**changes: Any) -> bytes:
    with zipfile.ZipFile(io.BytesIO(SMALL)) as archive:
        held = orjson.loads(archive.read("manifest.json"))
    return orjson.dumps({**held, **changes})


def line(**changes: Any) -> bytes:
    """The one item, otherwise."""
    with zipfile.ZipFile(io.BytesIO(SMALL)) as archive:
        return orjson.dumps({**orjson.loads(archive.read("items.jsonl")), **changes}) + b"\n"


def relisted(**members: bytes | None) -> bytes:
    """The small archive with other lines, listed as they are: only what they say is wrong."""
    with zipfile.ZipFile(io.BytesIO(SMALL)) as archive:
        held = orjson.loads(archive.read("manifest.json"))
    for name, text in members.items():
        if text is not None:
            held["members"][name.replace("_json", ".json")] = {
                "lines": text.count(b"\n"),
                "bytes": len(text),
                "sha256": hashlib.sha256(text).hexdigest(),
            }
    return resealed(SMALL, manifest_json=orjson.dumps(held), **members)


def content_line(of: Any) -> bytes:
    return orjson.dumps({"key": key_of(of), "content": of}) + b"\n"


def assigned(**assignment: Any) -> bytes:
    return content_line(content(assignments=[assignment]))


TARGET = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        pytest.param(resealed(SMALL, manifest_json=manifest(version=2)), ArchiveTooNew, id="newer version"),
        pytest.param(
            resealed(SMALL, manifest_json=manifest(version=2, members=[])), ArchiveTooNew, id="newer form"
        ),
        pytest.param(
            resealed(SMALL, manifest_json=manifest(format="x")), ArchiveForeign, id="another format"
        ),
        pytest.param(
            resealed(SMALL, manifest_json=manifest(version="1")), ArchiveForeign, id="version in words"
        ),
        pytest.param(resealed(SMALL, manifest_json=b"{"), ArchiveForeign, id="manifest is no JSON"),
        pytest.param(resealed(SMALL, manifest_json=b"[]"), ArchiveForeign, id="manifest is no object"),
        pytest.param(resealed(SMALL, manifest_json=None), ArchiveForeign, id="no manifest"),
        pytest.param(resealed(SMALL, manifest_json=manifest(set={})), ArchiveInvalid, id="no facts"),
        pytest.param(resealed(SMALL, manifest_json=manifest(more=1)), ArchiveInvalid, id="a field too many"),
        pytest.param(
            resealed(SMALL, manifest_json=manifest(counts={"contents": 1, "items": 10**12, "failed": 0})),
            ArchiveInvalid,
            id="more items than can be",
        ),
        pytest.param(
            resealed(SMALL, manifest_json=manifest(counts={"contents": 1, "items": 2, "failed": 0})),
            ArchiveInvalid,
            id="miscounted",
        ),
        pytest.param(resealed(SMALL, items_jsonl=None), ArchiveInvalid, id="no items"),
        pytest.param(resealed(SMALL, **{"../../etc/cron.d/x": b"x"}), ArchiveInvalid, id="a path upwards"),
        pytest.param(resealed(SMALL, **{"/etc/passwd": b"x"}), ArchiveInvalid, id="an absolute path"),
        pytest.param(resealed(SMALL, items_jsonl=b""), ArchiveDamaged, id="other lines than listed"),
        pytest.param(relisted(items_jsonl=b"{}\n"), ArchiveInvalid, id="an item of nothing"),
        pytest.param(relisted(items_jsonl=b"nonsense\n"), ArchiveInvalid, id="no JSON"),
        pytest.param(relisted(items_jsonl=line() * 2), ArchiveInvalid, id="an item twice"),
        pytest.param(relisted(items_jsonl=line(name=7)), ArchiveInvalid, id="a name that is no text"),
        pytest.param(relisted(items_jsonl=line(name="a\0b")), ArchiveInvalid, id="a NUL"),
        pytest.param(relisted(items_jsonl=line(id="")), ArchiveInvalid, id="no id"),
        pytest.param(relisted(items_jsonl=line(more=1)), ArchiveInvalid, id="a field of no item"),
        pytest.param(relisted(items_jsonl=line(state="none")), ArchiveInvalid, id="no such state"),
        pytest.param(relisted(items_jsonl=line(reason="WEATHER")), ArchiveInvalid, id="no such reason"),
        pytest.param(relisted(items_jsonl=line(content=None)), ArchiveInvalid, id="fetched without content"),
        pytest.param(relisted(items_jsonl=line(content="0" * 64)), ArchiveInvalid, id="another's content"),
        pytest.param(relisted(items_jsonl=line(capturedAt="yesterday")), ArchiveInvalid, id="no time"),
        pytest.param(
            relisted(items_jsonl=line(capturedAt="2026-01-01T00:00:00")), ArchiveInvalid, id="no zone"
        ),
        pytest.param(
            relisted(contents_jsonl=b'{"key":"x","content":{}}\n'), ArchiveInvalid, id="empty content"
        ),
        pytest.param(
            relisted(contents_jsonl=orjson.dumps({"key": "x", "content": content()}) + b"\n"),
            ArchiveInvalid,
            id="another's key",
        ),
        pytest.param(relisted(contents_jsonl=assigned(x=1)), ArchiveInvalid, id="no target"),
        pytest.param(
            relisted(contents_jsonl=assigned(target=TARGET | {"groupId": ".."})), ArchiveInvalid, id="no GUID"
        ),
        pytest.param(
            relisted(contents_jsonl=assigned(target=TARGET, x="\0")), ArchiveInvalid, id="NUL within"
        ),
        pytest.param(
            relisted(contents_jsonl=assigned(target=TARGET, x=orjson.loads("[" * 60 + "]" * 60))),
            ArchiveInvalid,
            id="nested deeply",
        ),
        pytest.param(
            relisted(contents_jsonl=content_line(content(groups={"g": {"name": "x"}}))),
            ArchiveInvalid,
            id="a group",
        ),
        pytest.param(
            relisted(contents_jsonl=content_line(content()), items_jsonl=line(content=None, state="failed")),
            ArchiveInvalid,
            id="a content that nothing has",
        ),
    ],
)
def test_what_nobody_s_backup_holds_is_refused(archive: bytes, error: type[ArchiveRefused]) -> None:
    with pytest.raises(error) as caught:
        read(archive)
    assert caught.type is error


def test_a_bomb_is_not_unpacked() -> None:
    bomb = resealed(SMALL, items_jsonl=b" " * 200_000_000)
    assert len(bomb) < 300_000
    tracemalloc.start()
    with pytest.raises(ArchiveTooLarge):
        read(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_line_without_end_is_given_up() -> None:
    with pytest.raises(ArchiveInvalid, match="too long"):
        read(relisted(items_jsonl=b" " * (LONGEST_LINE + 10)))


def test_a_list_of_members_that_is_long_is_not_read() -> None:
    long = resealed(SMALL, **{f"member {n}": b"" for n in range(5000)})
    with pytest.raises(ArchiveDamaged):
        read(long)


def test_a_message_is_cleaned_as_one_of_our_own() -> None:
    text = "User adele.v@contoso.example was not found."
    (_, _, (read_back,)) = read(written(facts(), [], [record(message=text)]))
    assert "adele" not in (read_back.message or "adele")


def test_memory_does_not_grow_with_the_set(tmp_path: Any) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        with (tmp_path / "archive.zip").open("w+b") as file:
            with write_archive(file, facts()) as archive:
                for n in range(count):
                    archive.content(content(scopeTagIds=[f"{n:06} {'x' * 500}"]))
                for n in range(count):
                    of = content(scopeTagIds=[f"{n:06} {'x' * 500}"])
                    archive.item(record(of, id=f"{n:06}"))
            with read_archive(file, largest=10**9) as opened:
                assert sum(1 for _ in opened.contents()) + sum(1 for _ in opened.items()) == 2 * count
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    # But for the keys: about two hundred bytes for each content, of a thousand and more that it has.
    small, large = peak(500), peak(5000)
    assert large - small < 5000 * 400


def test_the_states_are_those_of_the_database() -> None:
    (check,) = (c for c in backup_items.constraints if str(c.name).endswith("assignments_state"))
    assert all(f"'{state}'" in str(check.sqltext) for state in ItemState)  # type: ignore[attr-defined]
