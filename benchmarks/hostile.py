"""What it costs to refuse a hostile query: CPU of this process, from its text to the verdict."""

from __future__ import annotations

import time

from atlas_gql.plugins.loading import discover, load_all
from atlas_gql.schema.build import build_schema
from atlas_gql.schema.execution import Executor

ROUNDS = 5


def bomb(levels: int) -> str:
    """A query whose fragments unfold to two to the power of `levels` fields."""
    spreads = " ".join(f"fragment f{n} on Workspace {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels))
    last = f"fragment f{levels} on Workspace {{ id }}"
    return f"{{ viewer {{ workspaces {{ nodes {{ ...f0 }} }} }} }} {spreads} {last}"


def spread(times: int) -> str:
    fragments = " ".join(f"fragment f{n} on Viewer {{ name uuid }}" for n in range(times))
    return f"{{ viewer {{ {' '.join(f'...f{n}' for n in range(times))} }} }} {fragments}"


QUERIES = {
    "fragments that double, 1 KB": bomb(21),
    "fragments that double, 5 KB": bomb(110),
    "10,000 aliases": "{ " + " ".join(f"a{n}: operationTypes {{ type }}" for n in range(10_000)) + " }",
    "900 levels": "{a" * 900 + "}" * 900,
    "990 times the same leaf": "{ viewer { " + "name " * 990 + "} }",
    "200 times the same list": "{ viewer { " + "workspaces { nodes { name id } } " * 200 + "} }",
    "40 times the same list": "{ viewer { " + "workspaces { nodes { name id } } " * 40 + "} }",
    "220 lists that conflict": "{ viewer { "
    + " ".join(f"workspaces(first: {n}) {{ totalCount }}" for n in range(220))
    + " } }",
    "130 fragments at one place": spread(130),
    "45 fragments at one place": spread(45),
    "950 fields that are not there": "{ viewer { " + " ".join(f"nam{n}" for n in range(950)) + " } }",
    "100 KB of comment": "#" * 100_000 + "\n{ viewer { name } }",
}


def main() -> None:
    plugins = load_all(discover())
    executor = Executor(build_schema(plugins.operations.values(), plugins.settings))
    print(f"{'query':32}{'size':>10}{'CPU':>11}  verdict")
    for name, text in QUERIES.items():
        spent = []
        for _ in range(ROUNDS):
            begun = time.process_time()
            document = executor._read(text)
            spent.append(time.process_time() - begun)
        print(f"{name:32}{len(text):>8} B{min(spent) * 1000:>8.1f} ms  {document.code or 'executed'}")


if __name__ == "__main__":
    main()
