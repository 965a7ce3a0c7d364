"""A tool that does nothing, and answers as an example says it would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult
from bedplate.tools.values import as_text

MOST_EXAMPLES = 10_000


class Example(BaseModel):
    """What `tool` answers to just these arguments; to any others where there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str
    arguments: Mapping[str, Any] | None = None
    result: Any
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Examples:
    listed: Sequence[Example]

    def find(self, tool: str, arguments: Mapping[str, Any]) -> Example | None:
        own = [each for each in self.listed if each.tool == tool]
        exact = (each for each in own if each.arguments == dict(arguments))
        return next(exact, None) or next((each for each in own if each.arguments is None), None)


class Simulated:
    def __init__(self, inner: Tool, examples: Examples) -> None:
        self._inner = inner
        self._examples = examples

    @property
    def spec(self) -> ToolSpec:
        return self._inner.spec

    @property
    def policy(self) -> ToolPolicy:
        return self._inner.policy

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        found = self._examples.find(self.spec.name, arguments)
        if found is not None:
            return ToolResult(as_text(found.result), failed=found.failed)
        given = msgspec.json.encode(arguments).decode()
        return ToolResult(
            f"{self.spec.name} is simulated, and no example answers the arguments {given[:500]}.",
            failed=True,
        )

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return None


def read_examples(path: Path, *, name: str) -> Examples:
    """A JSONL file, an example a line; ConfigError names the line that is none."""
    key = f"tools.{name}.simulate"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key}: {str(path)!r} cannot be read: {error}.") from error
    if len(lines) > MOST_EXAMPLES:
        raise ConfigError(
            f"{key}: {len(lines):,} lines are over the {MOST_EXAMPLES:,} it may have."
        )
    read: list[Example] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read.append(Example.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(map(str, first["loc"]))
            raise ConfigError(f"{key}: line {number} of {path}: {at}: {first['msg']}.") from error
    return Examples(tuple(read))
