"""`atlas backup export` and `import`: whole or nothing, on both sides."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from atlas_gql.ops.archives import import_set
from atlas_gql.simulator import DEMO_SECOND_TENANT
from support.archives import content, facts, record, uuid_of, written
from support.steps import backed_up, damaged

LARKSPUR = ("--tenant", "Larkspur Logistics")


@pytest.fixture
def archive(shell, place, tmp_path: Path) -> Path:
    """What `export` wrote of a backup of the place's tenant."""
    backed_up(place)
    shell.says("backup", "export", "latest", tmp_path / "larkspur.zip")
    return tmp_path / "larkspur.zip"


def test_a_set_goes_out_and_another_tenant_is_planned_from_it(shell, place, tmp_path: Path):
    backup, file = uuid_of(backed_up(place)), tmp_path / "larkspur.zip"
    said = shell.says("backup", "export", "latest", file)
    assert said == f"Exported the backup set {backup} of Larkspur Logistics to {file}: 63 policies.\n"
    assert (file.stat().st_mode & 0o777, [path.name for path in tmp_path.iterdir() if path.is_file()]) == (
        0o600,
        ["larkspur.zip"],
    )
    place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    said = shell.says("backup", "import", file, "--tenant", "marigold.example")
    assert said.startswith(f"{file} was imported as a backup of marigold.example: 63 policies.\nBackup set ")
    made = said.rsplit(maxsplit=1)[1]
    assert shell.json("backup", "list", "--tenant", "marigold.example")[0]["origin"] == "IMPORTED"
    plan = shell.json("restore", "plan", made, "--tenant", "marigold.example", code=4)
    assert "MATCHED_BY_NAME" in {warning["code"] for warning in plan["warnings"]}
    assert plan["backupSet"]["uuid"] == made


def test_programs_learn_the_digest_and_whether_it_was_imported_before(shell, place, tmp_path: Path):
    backup, file = backed_up(place), tmp_path / "larkspur.zip"
    exported = shell.json("backup", "export", str(uuid_of(backup)), file)
    whole = file.read_bytes()
    assert exported == {
        "backupSet": str(uuid_of(backup)),
        "file": str(file),
        "bytes": len(whole),
        "sha256": hashlib.sha256(whole[:-64]).hexdigest(),
    }
    first, again = (shell.json("backup", "import", file, *LARKSPUR) for _ in range(2))
    assert first["backupSet"]["itemCount"] == 63
    assert again == {**first, "deduplicated": True}
    assert "was imported before as a backup" in shell.says("backup", "import", file)


def test_what_was_imported_is_restored_from_and_is_not_the_latest(shell, place, archive: Path):
    damaged(place)
    since = uuid_of(backed_up(place))
    made = shell.json("backup", "import", archive)["backupSet"]["uuid"]
    assert shell.json("restore", "plan", made)["summary"]["policies"]["write"] == 5
    assert shell.json("backup", "show", "latest")["uuid"] == str(since)


def test_a_file_is_replaced_by_force_alone(shell, archive: Path):
    archive.write_text("precious")
    said = shell.says("backup", "export", "latest", archive, code=2)
    assert said == f"error: {archive} is there already. Name another file, or replace it with --force.\n"
    assert archive.read_text() == "precious"
    shell.says("backup", "export", "latest", archive, "--force")
    assert zipfile.is_zipfile(archive)
    shell.says("backup", "export", "latest", "/dev/null", "--force", code=2)
    said = shell.says("backup", "export", "latest", archive.parent / "no" / "x.zip", code=1)
    assert said.endswith("x.zip cannot be written: No such file or directory.\n")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda good: good[:-100], "ARCHIVE_DAMAGED", id="cut"),
        pytest.param(
            lambda good: good[:99] + bytes([good[99] ^ 1]) + good[100:], "ARCHIVE_DAMAGED", id="bit"
        ),
        pytest.param(lambda _: b"", "ARCHIVE_FOREIGN", id="empty"),
        pytest.param(lambda _: another_zip(), "ARCHIVE_FOREIGN", id="another zip"),
    ],
)
def test_what_is_no_whole_archive_is_refused(
    shell, tmp_path: Path, make: Callable[[bytes], bytes], expected: str
):
    file = tmp_path / "doubtful.zip"
    file.write_bytes(make(written(facts(), [content()], [record(content())])))
    said = shell.says("backup", "import", file, code=5)
    assert said.endswith(f"({expected})\n")
    assert shell.json("backup", "list") == []


def another_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as other:
        other.writestr("word/document.xml", "<x/>")
    return file.getvalue()


def test_what_is_too_large_is_refused_with_the_setting_that_says_so(shell, tmp_path: Path):
    file = tmp_path / "large.zip"
    with file.open("wb") as sparse:
        sparse.truncate(100_000_001)
    said = shell.says("backup", "import", file, code=5)
    assert "(ATLAS_ARCHIVE_MEGABYTES). (ARCHIVE_TOO_LARGE)" in said


def test_a_file_that_is_not_there(shell, tmp_path: Path):
    assert "does not exist" in shell.says("backup", "import", tmp_path / "no.zip", code=2)


@pytest.mark.parametrize("there", [None, "precious"], ids=["new", "forced"])
def test_an_api_that_is_lost_on_the_way_leaves_what_was_there(
    as_user, place, door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str | None
):
    backed_up(place)
    shut = threading.Event()

    async def chunks(archive):
        archive.seek(0)
        yield archive.read(1000)
        await asyncio.to_thread(shut.wait, 30)
        yield archive.read()

    @contextmanager
    def progress(_label):
        def tell(*_):
            door.shut()
            shut.set()

        yield tell

    monkeypatch.setattr("atlas_gql.schema.archives._chunks", chunks)
    monkeypatch.setattr("atlas_gql.cli.remote.archives._progress", progress)
    file = tmp_path / "larkspur.zip"
    if there:
        file.write_text(there)
    before = set(tmp_path.rglob("*"))
    said = as_user(place.token, door.url).says("backup", "export", "latest", file, "--force", code=1)
    assert said == f"error: {door.url} does not answer (the connection broke).\n"
    assert shut.is_set()
    assert set(tmp_path.rglob("*")) == before
    assert not there or file.read_text() == there


def test_an_archive_that_comes_damaged_is_not_kept(
    shell, place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def chunks(file):
        file.seek(0)
        whole = file.read()
        yield bytes([whole[0] ^ 1]) + whole[1:]

    backed_up(place)
    monkeypatch.setattr("atlas_gql.schema.archives._chunks", chunks)
    said = shell.says("backup", "export", "latest", tmp_path / "larkspur.zip", code=1)
    assert said.startswith("error: The archive is not as it was made")
    assert not (tmp_path / "larkspur.zip").exists()


def test_what_answers_without_an_archive_is_no_atlas(
    shell, place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    backed_up(place)
    monkeypatch.setattr("atlas_gql.schema.archives.MEDIA_TYPE", "text/html")  # a proxy's page, perhaps
    said = shell.says("backup", "export", "latest", tmp_path / "larkspur.zip", code=1)
    assert said.endswith("/archive is no Atlas: it answers without an archive.\n")
    assert list(tmp_path.glob("*.zip")) == []


def test_an_import_without_an_answer_may_be_repeated(
    as_user, place, door, archive: Path, monkeypatch: pytest.MonkeyPatch
):
    async def lost(*given, **more):
        done = await import_set(*given, **more)
        door.shut()
        return done

    monkeypatch.setattr("atlas_gql.schema.archives.import_set", lost)
    shell = as_user(place.token, door.url)
    said = shell.says("backup", "import", archive, code=1)
    assert "Repeat the command: a tenant takes an archive in once." in said
    door.open()
    monkeypatch.undo()
    assert shell.json("backup", "import", archive)["deduplicated"] is True


def test_too_many_at_once_are_told_as_such(shell, archive: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("atlas_gql.schema.archives.AT_ONCE", 0)
    for command in (("export", "latest", archive, "--force"), ("import", archive)):
        said = shell.says("backup", *command, code=5)
        assert said == (
            "error: Too many archives are on their way: try again in a few seconds. (RATE_LIMITED)\n"
        )


def test_rights_are_those_of_the_api(as_user, place, archive: Path):
    """Who may not is told what is lacking; a stranger learns nothing."""
    viewer = as_user(place.member("readonly"))
    assert "backups.export" in viewer.says("backup", "export", "latest", archive, "--force", code=6)
    assert "backups.import" in viewer.says("backup", "import", archive, code=6)
    stranger = as_user(place.atlas.new_place(provider=False).token)
    said = stranger.says("backup", "import", archive, "--tenant", place.tenant_id, code=6)
    assert "You reach no tenant" in said
