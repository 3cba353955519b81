"""Whether the schemas in git may become what clients rely on: `python -m conformance.schema [BASE]`.

They are linted as `tests/npm/eslint.config.js` says, and compared with those of BASE, a commit. What breaks
clients must stand in `docs/api-changes.md`, word for word.
"""

from __future__ import annotations

import subprocess
import sys

from graphql import build_schema
from graphql.utilities import find_breaking_changes

from conformance.node import run
from support.paths import ROOT

SCHEMAS = ("schema.graphql", "system.graphql")
CHANGES = ROOT / "docs" / "api-changes.md"
ESLINT = ("tests/npm/node_modules/eslint/bin/eslint.js", "-c", "tests/npm/eslint.config.js")
BRANCH = "origin/main"


def breaking(old: str, new: str) -> list[str]:
    """What a client of the old schema could stumble over in the new one."""
    return [change.description for change in find_breaking_changes(build_schema(old), build_schema(new))]


def unlisted(changes: list[str], page: str) -> list[str]:
    """The changes that the page does not list, each as a list's element that begins with its words."""
    lines = [line.strip().removeprefix("- ") for line in page.splitlines() if line.strip().startswith("- ")]
    return [change for change in changes if not any(line.startswith(change) for line in lines)]


def base_of(given: str | None) -> str:
    """The commit to compare with: the one given; else where this branch left the main branch.

    On the main branch itself it is the commit that brought the list of changes, which is never shortened.
    In a shallow clone what is missing is fetched. Raises CalledProcessError where it cannot be had.
    """
    if _git("rev-parse", "--is-shallow-repository") == "true":
        _git("fetch", "--quiet", "--unshallow", "origin")
    if given:
        return _git("rev-parse", "--verify", f"{given}^{{commit}}")
    head, fork = _git("rev-parse", "HEAD"), _git("merge-base", "HEAD", BRANCH)
    if fork != head:
        return fork
    brought = _git("log", "--diff-filter=A", "--format=%H", "--", str(CHANGES)).splitlines()
    return brought[-1] if brought else head


def main(given: str | None) -> int:
    try:
        base = base_of(given)
    except subprocess.CalledProcessError:
        sys.stdout.write(f"schema-check: nothing to compare with; fetch {BRANCH}, or say BASE=commit\n")
        return 1
    changes = [
        change
        for name in SCHEMAS
        if _git("ls-tree", base, name)  # one that is new breaks nobody
        for change in breaking(_git("show", f"{base}:{name}"), (ROOT / name).read_text())
    ]
    missing = unlisted(changes, CHANGES.read_text())
    for change in missing:
        sys.stdout.write(f"breaks clients, and {CHANGES.relative_to(ROOT)} does not list it: {change}\n")
    try:
        for name in SCHEMAS:  # each by itself: the linter knows one schema at a time
            run(*ESLINT, name, ATLAS_SCHEMA=name)
    except subprocess.CalledProcessError as exc:
        sys.stdout.write(exc.stdout)
        return 1
    if missing:
        return 1
    sys.stdout.write(f"schema-check: well named and described; nothing unlisted breaks since {base[:10]}\n")
    return 0


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip() if arguments[0] != "show" else done.stdout


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else None))
