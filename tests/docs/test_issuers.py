"""The issuers of the operators' page can be set as they stand there, and every field is told."""

from __future__ import annotations

import pytest

from atlas_gql.errors import ConfigurationError
from atlas_gql.settings import Issuer, load_settings
from support.documents import Block, blocks, words
from support.paths import ROOT

PAGE = ROOT / "docs" / "operations.md"
BLOCKS = [pytest.param(b, id=b.name) for b in blocks("json", PAGE) if '"issuer"' in b.text]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_can_be_set(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_OIDC_ISSUERS", block.text)
    assert len(load_settings().oidc_issuers) == 1


def test_every_field_of_an_issuer_is_told() -> None:
    assert len(BLOCKS) == 2
    assert [name for name in Issuer.model_fields if name not in words(PAGE)] == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no-json"),
        pytest.param('[{"issuer": "https://i.example"}]', id="no-audience"),
        pytest.param('[{"issuer": "http://i.example", "audience": "a"}]', id="not-over-https"),
        pytest.param(
            '[{"issuer": "https://i.example", "audience": "a", "algorithm": "RS256"}]', id="unknown"
        ),
        pytest.param(
            '[{"issuer": "https://i.example", "audience": "a", "algorithms": ["HS256"]}]', id="symmetric"
        ),
        pytest.param(
            "[" + ",".join(['{"issuer": "https://i.example", "audience": "a"}'] * 2) + "]", id="twice"
        ),
    ],
)
def test_what_cannot_be_set_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_OIDC_ISSUERS", text)
    with pytest.raises(ConfigurationError, match="ATLAS_OIDC_ISSUERS"):
        load_settings()


def test_an_empty_variable_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_OIDC_ISSUERS", "")
    assert load_settings().oidc_issuers == ()
