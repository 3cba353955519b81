"""Commands typed in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from typer.testing import CliRunner, Result

from atlas_gql.cli import app


@dataclass(frozen=True, kw_only=True)
class Shell:
    """Where commands are typed; `environment` is theirs."""

    environment: dict[str, str] = field(repr=False)

    def run(self, *arguments: str, input: str | None = None, **environment: str) -> Result:
        """Whatever comes of `atlas ...`."""
        env = {**self.environment, **environment}
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=input, env=env)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What `atlas ... --json` prints, which must end with this code."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return orjson.loads(result.stdout)

    def says(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """What `atlas ...` prints for people, on both streams; it must end with this code."""
        result = self.run(*arguments, **environment)
        assert result.exit_code == code, result.output
        return str(result.output)
