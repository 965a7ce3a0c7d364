"""A tool that each tenant may call so often a minute."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.domain.tools import ToolSpec
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult

WINDOW = 60.0
MOST_TENANTS = 10_000


class Calls:
    """When each tenant called a tool in the last minute. Kept as long as the process lives."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[TenantId, deque[float]] = OrderedDict()

    def admit(self, tenant: TenantId, most: int) -> float | None:
        """None where one more may be; else in how many seconds."""
        now = self._clock()
        calls = self._of.setdefault(tenant, deque())
        self._of.move_to_end(tenant)
        while len(self._of) > MOST_TENANTS:
            self._of.popitem(last=False)
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= most:
            return calls[0] + WINDOW - now
        calls.append(now)
        return None


class Paced:
    def __init__(self, inner: Tool, calls: Calls) -> None:
        self._inner = inner
        self._calls = calls

    @property
    def spec(self) -> ToolSpec:
        return self._inner.spec

    @property
    def policy(self) -> ToolPolicy:
        return self._inner.policy

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        most = self.policy.per_minute
        wait = None if most is None else self._calls.admit(context.account.tenant, most)
        if wait is None:
            return await self._inner.call(arguments, context)
        return ToolResult(
            f"{self.spec.name} may be called {most} times a minute; it was not called. "
            f"Try again in {wait:.0f} s.",
            failed=True,
            retryable=True,
        )

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        return await self._inner.status(arguments, context)
