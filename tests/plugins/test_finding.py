"""Plugins as Python finds them: one that cannot be used is told by name, and the others serve."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins.loading import Loaded, discover, load_plugins

GOOD = '''
from dataclasses import dataclass
from atlas_gql.plugins import Operation, hookimpl, new

@dataclass(frozen=True)
class Given:
    """Given."""

async def work(ctx, given): ...

@hookimpl
def atlas_operations():
    return [Operation(
        type="good.work", mutation="goodWork", label="Work", description="Works.", input=Given,
        target=new(), capability="policies.view", handler=work,
    )]
'''
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a distribution with one plugin, as `pip install` would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, text: str, *requires: str, distribution: str = "") -> None:
        distribution = distribution or f"atlas-{name}"
        module = f"{distribution.replace('-', '_')}_plugin"
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        needed = "".join(f"Requires-Dist: {line}\n" for line in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{needed}")
        (info / "entry_points.txt").write_text(f"[atlas_gql]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()

    make("good", GOOD, "atlas-gql>=0.1,<0.2", "httpx")
    return make


def loaded() -> Loaded:
    seen = load_plugins(discover())
    assert {"assignments.fetch", "good.work", "providers.verify"} <= set(seen.operations)
    return seen


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("def :", "SyntaxError in {file}, line 1", id="syntax"),
        pytest.param("\nraise ValueError('secret')", "ValueError in {file}, line 2", id="raises"),
        pytest.param("import atlas_moon", "ModuleNotFoundError: there is no module atlas_moon", id="module"),
        pytest.param("raise SystemExit('secret')", "SystemExit in {file}, line 1", id="exits"),
        pytest.param("import sys; sys.exit()", "SystemExit in {file}, line 1", id="sys-exit"),
        pytest.param(
            "class Odd(BaseException): ...\nraise Odd", "Odd in {file}, line 2", id="base-exception"
        ),
        pytest.param("def f(): f()\nf()", "RecursionError in {file}, line 1", id="recursion"),
    ],
)
def test_a_plugin_that_does_not_import_is_refused_by_itself(
    install: Install, tmp_path: Path, text: str, why: str
):
    install("bad", text)
    seen = loaded()
    assert seen.refused == {
        "bad": f"The plugin bad does not import: {why.format(file=tmp_path / 'atlas_bad_plugin.py')}."
    }
    assert isinstance(seen.causes["bad"], BaseException)  # for the log
    bad = next(plugin for plugin in seen.plugins if plugin.name == "bad")
    assert (bad.version, bad.operations, bad.refused) == ("1.2", (), seen.refused["bad"])


def test_a_person_who_interrupts_an_import_is_obeyed(install: Install):
    install("bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


@pytest.mark.parametrize("needed", ["atlas-gql>=9", "Atlas_GQL<0.1", "atlas-gql!=0.1.0,>=0.1"])
def test_a_plugin_for_another_version_of_atlas_is_refused_before_it_is_imported(
    install: Install, needed: str
):
    install("bad", "raise ValueError", needed, "httpx<0.1")
    (why,) = loaded().refused.values()
    assert why.startswith("The plugin bad needs atlas-gql")
    assert why.endswith(f", and this is {version('atlas-gql')}.")


def test_what_is_required_elsewhere_or_for_an_extra_does_not_count(install: Install):
    install("fine", "", "atlas-gql>=9; extra == 'moon'", "atlas-gql>=9; python_version < '3'", "atlas-gql")
    assert loaded().refused == {}


def test_a_name_belongs_to_the_first_distribution_and_to_atlas_itself(install: Install):
    install("good", "", distribution="zzz-good")
    install("assignments", "", distribution="aaa-assignments")
    assert loaded().refused == {
        "assignments (aaa-assignments)": "The plugin assignments is offered by both atlas-assignments and"
        " aaa-assignments.",
        "good (zzz-good)": "The plugin good is offered by both atlas-good and zzz-good.",
    }


def test_a_dash_in_a_name_is_an_underscore(install: Install):
    install("two-words", GOOD.replace("good.work", "two_words.work").replace("goodWork", "twoWordsWork"))
    assert "two_words.work" in loaded().operations
    assert [name for name, _ in discover(["two-words"])] == ["two_words"]


def test_a_plugin_that_is_asked_for_must_be_there(install: Install):
    with pytest.raises(ConfigurationError, match="moon, which is not installed"):
        discover(["good", "moon"])
