"""The console blocks of a page: commands as a person types them, and what they print.

    <!-- then: a bad day -->      something happens that no command does: `EVENTS` says what
    ```console
    $ atlas restore plan          a command; a line that ends with a backslash goes on
    Plan 01a2...                  what it prints
    ```

Ids and times differ every time: an id that stands in a command is the one that was printed in its place.
`python -m support.console` writes the page anew.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.patterns import UUID, steady

_STEP = re.compile(
    r"<!-- then: (?P<event>[^\n]+?) -->|^```console\n(?P<block>.*?)^```$", re.DOTALL | re.MULTILINE
)
API = "https://atlas.example.com"
"""Where the API is, for readers."""


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A command of a page, as it stands there, and the output that stands below it."""

    line: str
    output: str

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.line.replace("\\\n", " "))[1:]


@dataclass(kw_only=True)
class Console:
    """Somebody at a terminal. `run` gives what a command prints, `events` what happens beside it."""

    run: Callable[[list[str]], str]
    events: Mapping[str, Callable[[], object]]
    url: str
    _ids: dict[str, str] = field(default_factory=dict)

    def type(self, typed: Typed) -> str:
        """What a command prints now, with the page's ids wherever they are known."""
        known = [self._ids.get(word, word) for word in typed.arguments]
        printed = self.run([word.replace(API, self.url) for word in known]).replace(self.url, API)
        for ours, new in zip(UUID.findall(typed.output), UUID.findall(printed), strict=False):
            self._ids.setdefault(ours, new)
        back = {new: ours for ours, new in self._ids.items()}
        return UUID.sub(lambda found: back.get(found[0], found[0]), printed)


def steps(page: Path) -> Iterator[str | Typed]:
    """The names of the events and the commands of a page, in order."""
    for found in _STEP.finditer(page.read_text()):
        if found["event"]:
            yield found["event"]
        else:
            yield from _typed(found["block"])


def _typed(block: str) -> Iterator[Typed]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        end = next(n for n, line in enumerate(lines) if not line.endswith("\\\n")) + 1
        yield Typed(line="".join(lines[:end]).rstrip("\n"), output="".join(lines[end:]))


def same(one: str, other: str) -> bool:
    """Whether two outputs are alike but for what differs every time."""
    return steady(one) == steady(other)


def rewritten(page: Path, console: Console) -> str:
    """The page with what its commands print now, where that is another thing."""

    def write(found: re.Match[str]) -> str:
        if found["event"]:
            console.events[found["event"]]()
            return found[0]
        written = ""
        for typed in _typed(found["block"]):
            printed = console.type(typed)
            written += f"$ {typed.line}\n{typed.output if same(printed, typed.output) else printed}"
        return f"```console\n{written}```"

    return _STEP.sub(write, page.read_text())
