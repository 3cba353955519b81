"""The documentation as tests see it: pages, fenced blocks, tables, code spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.paths import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
CLIENTS = tuple(page for page in PAGES if page.name != "operations.md")
"""The pages whose GraphQL is for `/graphql`; that of the operators' page is for the platform."""
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; `name` says where it stands, as `README.md:42`."""

    name: str
    text: str


def blocks(language: str, *pages: Path) -> list[Block]:
    """The fenced blocks of a language, in order; of all pages when none is given."""
    return [
        Block(name=f"{page.name}:{_line(page, found.start())}", text=found[2])
        for page in pages or PAGES
        for found in _FENCED.finditer(page.read_text())
        if found[1] == language
    ]


def spans(page: Path) -> set[str]:
    """Every code span of a page, outside of its blocks."""
    return set(_SPAN.findall(_FENCED.sub("", page.read_text())))


def words(page: Path) -> set[str]:
    """Every name in a page's code spans: `atlas_gql.plugins` gives itself and its parts."""
    return {word for span in spans(page) for word in re.findall(r"\w+", span)} | spans(page)


def commands(page: Path) -> Iterator[Block]:
    """The `atlas ...` commands in a page's shell blocks, each on one line."""
    for block in blocks("sh", page):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith("atlas "):
                yield Block(name=f"{block.name} {line}"[:80], text=line)


def _line(page: Path, position: int) -> int:
    return page.read_text().count("\n", 0, position) + 1
