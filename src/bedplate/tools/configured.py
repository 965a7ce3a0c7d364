"""A tool with what the configuration says of it in place of what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bedplate.domain.tools import ToolSpec
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult


@dataclass(frozen=True, slots=True)
class StatusTool:
    """What is asked whether an effect has happened, and by which argument it is told the key."""

    tool: Tool
    key: str


@dataclass(frozen=True, slots=True)
class Configured:
    inner: Tool
    spec: ToolSpec
    policy: ToolPolicy
    asked: StatusTool | None = None

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return await self.inner.call(arguments, context)

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        if self.asked is None:
            return await self.inner.status(arguments, context)
        if not context.key:
            return None
        found = await self.asked.tool.call({self.asked.key: context.key}, context)
        if found.missing:
            return replace(found, failed=True)
        # Anything else that failed says nothing about the effect.
        return None if found.failed else found
