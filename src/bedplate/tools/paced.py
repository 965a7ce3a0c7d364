"""A tool that each tenant may call so often a minute."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.domain.tools import ToolSpec
from bedplate.errors import StorageError, Unavailable
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult

Admit = Callable[[TenantId, int], Awaitable[float | None]]
"""None where the tenant may call it once more, of so many times a minute; else in how many seconds."""


class Paced:
    def __init__(self, inner: Tool, admit: Admit) -> None:
        self._inner = inner
        self._admit = admit

    @property
    def spec(self) -> ToolSpec:
        return self._inner.spec

    @property
    def policy(self) -> ToolPolicy:
        return self._inner.policy

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        most = self.policy.per_minute
        try:
            wait = None if most is None else await self._admit(context.account.tenant, most)
        except (StorageError, Unavailable) as error:
            text = f"{self.spec.name} was not called, as its rate is not known: {error.message}"
            return ToolResult(text, failed=True, retryable=True)
        if wait is None:
            return await self._inner.call(arguments, context)
        return ToolResult(
            f"{self.spec.name} may be called {most} times a minute; it was not called. "
            f"Try again in {max(1.0, wait):.0f} s.",
            failed=True,
            retryable=True,
        )

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return await self._inner.status(arguments, context)
