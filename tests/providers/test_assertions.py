"""Where an assertion may be read from: the workspace's own folder, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_gql.errors import GraphError
from atlas_gql.providers.assertions import LONGEST, assertion_in, is_file_name

FOLDER = Path("/srv/assertions")
PARTS = st.sampled_from(["..", ".", "/", "\\", "token", "~", "$HOME", "\0", "\n", " ", "a", "é", "%2e", "-"])


@given(st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=120))
def test_a_name_that_is_taken_leads_into_the_folder(name: str) -> None:
    if is_file_name(name):
        assert (FOLDER / name).resolve().parent == FOLDER
        assert name == name.strip()


@pytest.mark.parametrize("name", ["token", "azure-identity_1.jwt", "a" * 100])
def test_plain_names_are_taken(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "cannot be read", id="none"),
        pytest.param(b"root:x:0:0:root:/root:/bin/bash", "does not hold an assertion", id="another-file"),
        pytest.param(b"", "does not hold an assertion", id="empty"),
        pytest.param(b"a." * LONGEST, "does not hold an assertion", id="huge"),
    ],
)
def test_what_is_no_assertion_is_not_sent(tmp_path: Path, content: bytes | None, words: str) -> None:
    workspace = uuid4()
    (tmp_path / str(workspace)).mkdir()
    if content is not None:
        (tmp_path / str(workspace) / "token").write_bytes(content)
    with pytest.raises(GraphError, match=words):
        assertion_in(tmp_path, workspace, "token")()


def test_a_worker_without_the_folder_says_so() -> None:
    with pytest.raises(GraphError, match="ATLAS_ASSERTION_DIR is not set"):
        assertion_in(None, uuid4(), "token")()
