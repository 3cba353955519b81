"""The files of others are as their authors published them, with their licences."""

from __future__ import annotations

import json
from hashlib import sha256

from atlas_gql.web.graphiql import ASSETS

OURS = {"page.html", "page.css", "page.js", "sources.json", "LICENSES.txt"}
SOURCES = json.loads((ASSETS / "sources.json").read_text())


def test_every_file_is_ours_or_says_where_it_comes_from():
    assert {path.name for path in ASSETS.iterdir()} == OURS | SOURCES.keys()


def test_no_file_was_changed():
    found = {name: sha256((ASSETS / name).read_bytes()).hexdigest() for name in SOURCES}
    assert found == {name: source["sha256"] for name, source in SOURCES.items()}


def test_every_package_has_its_licence():
    licences = (ASSETS / "LICENSES.txt").read_text()
    packages = {source["package"].replace("@", "-") for source in SOURCES.values()}
    assert [package for package in packages if f"== {package}\n" not in licences] == []


def test_the_page_keeps_the_token_for_the_session_only():
    script = (ASSETS / "page.js").read_text()
    assert ("sessionStorage" in script, "localStorage" in script, "cookie" in script) == (True, False, False)
