"""A tool that is called only with arguments that fit its schema."""

from collections.abc import Mapping
from typing import Any

from bedplate.domain.tools import ToolSpec
from bedplate.tools.arguments import Arguments
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult


class Checked:
    def __init__(self, inner: Tool) -> None:
        """InvalidInput where the tool's schema is none."""
        self._inner = inner
        self._arguments = Arguments(inner.spec.parameters)

    @property
    def spec(self) -> ToolSpec:
        return self._inner.spec

    @property
    def policy(self) -> ToolPolicy:
        return self._inner.policy

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        if wrong := self._arguments.misfit(self.spec.name, arguments):
            return ToolResult(wrong, failed=True)
        return await self._inner.call(arguments, context)

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return await self._inner.status(arguments, context)
