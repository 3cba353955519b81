"""What the client sends fits the schema, is small enough, and is all used."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from atlas_gql.client.documents import document
from atlas_gql.client.references import id_of
from atlas_gql.schema import ids
from atlas_gql.schema.limits import Limits, measure
from support.paths import ROOT

FOLDER = ROOT / "atlas_gql" / "client" / "documents"
NAMES = sorted(path.stem for path in FOLDER.glob("*.graphql"))


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_document_fits_the_schema_and_its_limits(name: str, schema: GraphQLSchema):
    parsed = parse(document(name))
    assert validate(schema, parsed) == []
    assert measure(schema, parsed, Limits())


def test_every_document_is_sent_by_some_command():
    sources = [path for folder in ("client", "cli") for path in (ROOT / "atlas_gql" / folder).rglob("*.py")]
    code = "".join(map(Path.read_text, sources))
    stems = {name: name.removeprefix("tenant").removeprefix("workspace") for name in NAMES}
    assert len(NAMES) > 10
    assert [name for name in NAMES if f'"{name}"' not in code and f'{stems[name]}"' not in code] == []


def test_a_key_makes_the_id_that_the_api_gives():
    uuid = "01a2b3c4-0000-7000-8000-0000000000ff"
    assert id_of("BackupSet", f" {uuid.upper()} ") == ids.encode("BackupSet", uuid)
    assert id_of("BackupSet", "anything else") == "anything else"
