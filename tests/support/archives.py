"""Archives over HTTP, and through the writer."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from hypothesis import strategies as st

from atlas_gql.archive import MEDIA_TYPE, Facts, ItemState, Record, read_archive, write_archive
from atlas_gql.archive.form import SEAL, key_of
from atlas_gql.schema import ids
from atlas_gql.testing.installation import Place
from support.loopback import loopback

LARGEST = 10**8


def uuid_of(id_: str) -> UUID:
    """The key in an opaque id."""
    found = ids.parse(id_)
    assert found is not None
    return found.uuid


def exported(place: Place, backup_set: str, token: str | None = None) -> httpx.Response:
    """The answer to asking for a set's archive."""
    return _ask(place, "GET", f"/backups/{uuid_of(backup_set)}/archive", token)


def imported(
    place: Place, archive: bytes, token: str | None = None, media_type: str = MEDIA_TYPE
) -> httpx.Response:
    """The answer to giving an archive to the place's tenant."""
    headers = {"Content-Type": media_type}
    return _ask(place, "POST", f"/tenants/{place.tenant}/archives", token, content=archive, headers=headers)


def _ask(
    place: Place,
    method: str,
    path: str,
    token: str | None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx.Response:
    return loopback.request(
        method,
        place.atlas.url + path,
        headers={"Authorization": f"Bearer {token or place.token}", **(headers or {})},
        timeout=30,
        **more,
    )


def facts(**changes: Any) -> Facts:
    now = datetime(2026, 3, 1, 4, 5, 6, 789, tzinfo=UTC)
    values: dict[str, Any] = {
        "set_id": uuid4(),
        "origin": "requested",
        "state": "complete",
        "policy_types": None,
        "overlapped_write": False,
        "entra_tenant_id": uuid4(),
        "primary_domain": "elsewhere.example",
        "captured_at": now,
        "completed_at": now,
    }
    return Facts(**{**values, **changes})


def written(about: Facts, contents: list[dict[str, Any]], records: list[Record]) -> bytes:
    """An archive of this."""
    file = io.BytesIO()
    with write_archive(file, about) as archive:
        for content in contents:
            archive.content(content)
        for record in records:
            archive.item(record)
    return file.getvalue()


def read(archive: bytes) -> tuple[Facts, dict[str, Any], list[Record]]:
    """All that an archive holds. Raises ArchiveRefused."""
    with read_archive(io.BytesIO(archive), largest=LARGEST) as opened:
        return opened.facts, dict(opened.contents()), list(opened.items())


def content(*group_ids: str, **changes: Any) -> dict[str, Any]:
    """A content that assigns to these groups."""
    return {
        "assignments": [
            {"target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group_id}}
            for group_id in group_ids
        ],
        "groups": {},
        "filters": {},
        "scopeTagIds": [],
        **changes,
    }


def record(of: dict[str, Any] | None = None, **changes: Any) -> Record:
    """A policy with this content; one whose assignments are not known without."""
    values: dict[str, Any] = {
        "policy_type": "deviceConfigurations",
        "id": "p1",
        "name": "Policy",
        "platform": None,
        "state": "failed" if of is None else "fetched",
        "content": None if of is None else key_of(of),
        "reason": "THROTTLED" if of is None else None,
        "message": "Later." if of is None else None,
        "captured_at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    made: dict[str, Any] = {**values, **changes}
    return Record(**{**made, "state": ItemState(made["state"])})


def resealed(archive: bytes, **members: bytes | None) -> bytes:
    """The archive with these members (`items_jsonl`) in place of its own, and a seal that fits: what somebody
    can make who knows the format. None leaves a member out."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        kept: dict[str, bytes | None] = {name: opened.read(name) for name in opened.namelist()}
    kept |= {name.replace("_json", ".json"): text for name, text in members.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.comment = b"0" * SEAL
        for name, text in kept.items():
            if text is not None:
                made.writestr(name, text)
    body = file.getvalue()[:-SEAL]
    return body + hashlib.sha256(body).hexdigest().encode()


Set = tuple[Facts, list[dict[str, Any]], list[Record]]

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
instants = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
guids = st.uuids().map(str)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
optional = st.none() | texts
groups = st.fixed_dictionaries(
    {"name": optional, "kind": optional, "rule": optional, "orphaned": st.booleans()}
)
filters = st.fixed_dictionaries(
    {"name": optional, "platform": optional, "rule": optional, "orphaned": st.booleans()}
)
assignments = st.builds(
    lambda extra, kind, group_id: {**extra, "target": {"@odata.type": kind, "groupId": group_id}},
    st.dictionaries(texts, values, max_size=3),
    texts,
    guids | st.none(),
)
contents = st.fixed_dictionaries(
    {
        "assignments": st.lists(assignments, max_size=4),
        "groups": st.dictionaries(guids, groups, max_size=2),
        "filters": st.dictionaries(guids, filters, max_size=2),
        "scopeTagIds": st.lists(texts, max_size=2),
    }
)


@st.composite
def sets(draw: st.DrawFn) -> Set:
    held = draw(st.lists(contents, max_size=5, unique_by=key_of))
    ids = sorted(draw(st.sets(st.tuples(texts, texts), min_size=len(held), max_size=len(held) + 3)))
    rest = [draw(st.sampled_from([None, *held])) for _ in ids[len(held) :]]
    records = [
        record(
            of,
            policy_type=kind,
            id=id_,
            name=draw(texts | st.just("")),
            platform=draw(optional),
            captured_at=draw(instants),
        )
        for (kind, id_), of in zip(ids, [*held, *rest], strict=True)
    ]
    about = facts(
        policy_types=draw(st.none() | st.lists(texts, min_size=1, max_size=3).map(tuple)),
        overlapped_write=draw(st.booleans()),
        state=draw(st.sampled_from(["complete", "partial"])),
        completed_at=draw(instants),
    )
    return about, held, records
