"""Toolsets whose tools are known when they are opened, and tools that are one function."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedplate.domain.tools import ToolSpec
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult

Call = Callable[[Mapping[str, Any], ToolContext], Awaitable[ToolResult]]

READS = ToolPolicy()


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A tool that has nothing to be asked about what it did."""

    spec: ToolSpec
    run: Call
    policy: ToolPolicy = READS

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return await self.run(arguments, context)

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return None


@dataclass(frozen=True, slots=True)
class FixedToolset:
    listed: Sequence[Tool]

    async def tools(self) -> tuple[Tool, ...]:
        return tuple(self.listed)
