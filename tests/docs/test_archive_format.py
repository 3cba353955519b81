"""The page on the archive format shows what archives hold."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from atlas_gql.archive.contents import check_content
from atlas_gql.archive.form import FORMAT, VERSION, key_of
from atlas_gql.archive.records import Facts, Record
from support.archives import content, facts, record, written
from support.documents import blocks
from support.paths import ROOT

PAGE = ROOT / "docs" / "archive-format.md"
MANIFEST, CONTENT, ITEM = (orjson.loads(block.text) for block in blocks("json", PAGE))
(CHECK,) = (block.text for block in blocks("python", PAGE))


def test_the_manifest_that_is_shown_is_one() -> None:
    with zipfile.ZipFile(io.BytesIO(written(facts(), [content()], [record(content())]))) as archive:
        made = orjson.loads(archive.read("manifest.json"))
    assert shape(MANIFEST) == shape(made)
    assert (MANIFEST["format"], MANIFEST["version"]) == (FORMAT, VERSION)
    assert Facts.from_json(MANIFEST["set"]).to_json() == MANIFEST["set"]


def shape(value: Any) -> Any:
    """The fields of a JSON object, and theirs."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_the_content_and_the_item_that_are_shown_are_taken_in() -> None:
    check_content(CONTENT["content"])
    item = {**ITEM, "content": key_of(CONTENT["content"])}
    assert Record.from_json(item).to_json() == item


@pytest.mark.parametrize(("damage", "said"), [(b"", "whole\n"), (b"x", "damaged\n")])
def test_a_file_can_be_checked_by_hand(tmp_path: Path, damage: bytes, said: str) -> None:
    (tmp_path / "set.zip").write_bytes(written(facts(), [], [record()]) + damage)
    (tmp_path / "check.py").write_text(CHECK)
    result = subprocess.run(
        [sys.executable, "check.py", "set.zip"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout == said
