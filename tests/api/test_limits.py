"""A hostile query costs what it is long, and is told why it is refused."""

from __future__ import annotations

import pytest

from atlas_gql.testing.installation import Place


def nested(times: int) -> str:
    loop = "tenants { nodes { workspace { " * times + "id" + " } } }" * times
    return f"{{ viewer {{ workspaces {{ nodes {{ {loop} }} }} }} }}"


def bomb(levels: int) -> str:
    spreads = "".join(f"fragment f{n} on Workspace {{ ...f{n + 1} ...f{n + 1} }} " for n in range(levels))
    last = f"fragment f{levels} on Workspace {{ id }}"
    return f"{{ viewer {{ workspaces {{ nodes {{ ...f0 }} }} }} }} {spreads} {last}"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(nested(3), id="lists in lists in lists"),
        pytest.param(nested(30), id="very deep"),
        pytest.param(bomb(20), id="fragments that double"),
        pytest.param(
            "{ " + " ".join(f"a{n}: operationTypes {{ type }}" for n in range(50)) + " }", id="wide"
        ),
    ],
)
def test_what_asks_for_too_much_is_refused_before_it_is_begun(place: Place, query: str) -> None:
    answer = place.ask(query)
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"


def test_a_fragment_is_measured_once_however_often_it_is_spread(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atlas_gql.schema import limits

    weighed: list[object] = []
    weigh = limits._Scale.weigh
    monkeypatch.setattr(
        limits._Scale, "weigh", lambda self, *arguments: weighed.append(1) or weigh(self, *arguments)
    )
    place.ask(bomb(25))
    assert len(weighed) < 60


def test_an_ordinary_query_is_not(place: Place) -> None:
    assert "errors" not in place.ask(nested(1))
