"""Trusted documents: known by their SHA-256, and where it is so set the only ones."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from atlas_gql.errors import ConfigurationError
from atlas_gql.schema.requests import GraphQLRequest
from atlas_gql.schema.trusted import NotTrusted, OtherDocument, TrustedDocuments, UnknownDocument, load

TEXT, OTHER = "{ viewer { name } }", "{ viewer { uuid } }"


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


OPTIONAL = TrustedDocuments({hash_of(TEXT): TEXT}, only=False)
ENFORCED = TrustedDocuments({hash_of(TEXT): TEXT}, only=True)


@pytest.mark.parametrize(
    ("documents", "query", "sha", "expected"),
    [
        pytest.param(OPTIONAL, TEXT, None, TEXT, id="any text"),
        pytest.param(OPTIONAL, None, hash_of(TEXT), TEXT, id="a known hash"),
        pytest.param(OPTIONAL, OTHER, hash_of(OTHER), OTHER, id="another text with its hash"),
        pytest.param(OPTIONAL, None, hash_of(OTHER), UnknownDocument, id="an unknown hash"),
        pytest.param(OPTIONAL, OTHER, hash_of(TEXT), OtherDocument, id="a text with another's hash"),
        pytest.param(ENFORCED, None, hash_of(TEXT), TEXT, id="enforced: a known hash"),
        pytest.param(ENFORCED, TEXT, None, TEXT, id="enforced: a known text"),
        pytest.param(ENFORCED, OTHER, None, NotTrusted, id="enforced: another text"),
        pytest.param(ENFORCED, OTHER, hash_of(OTHER), NotTrusted, id="enforced: another text with its hash"),
        pytest.param(ENFORCED, OTHER, hash_of(TEXT), OtherDocument, id="enforced: a borrowed hash"),
    ],
)
def test_the_text_to_execute(documents, query, sha, expected):
    asked = GraphQLRequest(query=query, sha256=sha)
    if isinstance(expected, str):
        assert documents.text_of(asked) == expected
    else:
        with pytest.raises(expected):
            documents.text_of(asked)


def test_documents_come_from_a_folder(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "Viewer.graphql").write_text(TEXT)
    (tmp_path / "readme.txt").write_text(OTHER)
    documents = load(tmp_path, only=True)
    assert documents.text_of(GraphQLRequest(sha256=hash_of(TEXT))) == TEXT
    with pytest.raises(NotTrusted):
        documents.text_of(GraphQLRequest(query=OTHER))


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_documents_come_from_a_file(tmp_path: Path, prefix: str):
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({prefix + hash_of(TEXT): TEXT}))
    assert load(file, only=False).text_of(GraphQLRequest(sha256=hash_of(TEXT))) == TEXT


@pytest.mark.parametrize(
    "content", ["", "[]", json.dumps({hash_of(OTHER): TEXT}), json.dumps({hash_of(TEXT): 1})]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str):
    file = tmp_path / "documents.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="ATLAS_TRUSTED_DOCUMENTS"):
        load(file, only=False)


def test_a_place_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="ATLAS_TRUSTED_DOCUMENTS"):
        load(tmp_path / "absent.json", only=False)


def test_nothing_but_no_documents_is_refused():
    with pytest.raises(ConfigurationError, match="ATLAS_TRUSTED_DOCUMENTS_ONLY"):
        load(None, only=True)
