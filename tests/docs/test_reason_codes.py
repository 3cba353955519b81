"""`docs/reason-codes.md` and the API say of every reason code what `atlas_gql/reasons.py` says."""

from __future__ import annotations

from pathlib import Path

from atlas_gql.reasons import REASONS, ReasonCode, page
from atlas_gql.testing.installation import Place

PAGE = Path(__file__).parents[2] / "docs" / "reason-codes.md"


def test_the_page_is_current() -> None:
    """Else: `python -m atlas_gql.reasons > docs/reason-codes.md`."""
    assert PAGE.read_text() == page()


def test_every_code_is_explained_in_sentences() -> None:
    assert REASONS.keys() == set(ReasonCode)
    texts = [text for reason in REASONS.values() for text in reason]
    assert [text for text in texts if not (text[:1].isupper() and text.endswith("."))] == []


def test_the_api_tells_the_same(place: Place) -> None:
    answer = place.ask("{ reasonCodes { code description cause advice } }")
    assert [tuple(entry.values()) for entry in answer["data"]["reasonCodes"]] == [
        (code.value, *reason) for code, reason in REASONS.items()
    ]
