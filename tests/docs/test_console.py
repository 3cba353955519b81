"""The commands that the administrators' page shows print what it shows, from the first to the last."""

from __future__ import annotations

from support.console import Typed, steps
from support.loopback import loopback
from support.paths import ROOT
from support.patterns import steady
from support.stage import console

PAGE = ROOT / "docs" / "administrators.md"


def test_the_walk_through_prints_what_it_shows(atlas, simulator, pristine, monkeypatch):
    """Else: `make docs`."""
    monkeypatch.setattr("atlas_gql.logs.configure", lambda **_: None)  # the runner's stderr is closed
    loopback.post(f"{simulator.url}/_simulator/load", json=pristine).raise_for_status()
    played = list(steps(PAGE))
    assert len(played) > 10
    with console(atlas) as typed_into:
        for step in played:
            if isinstance(step, Typed):
                printed = typed_into.type(step)
                assert steady(printed) == steady(step.output), step.line
            else:
                typed_into.events[step]()
