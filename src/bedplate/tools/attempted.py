"""A tool that is waited for so long, and called again where that may help and does no harm."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from bedplate.domain.tools import ToolSpec
from bedplate.errors import Unavailable, UpstreamError
from bedplate.tools.protocol import Tool, ToolContext, ToolPolicy, ToolResult

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0


class Attempted:
    """`sleep` waits between two attempts; a test has no time for it."""

    def __init__(
        self, inner: Tool, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._inner = inner
        self._sleep = sleep

    @property
    def spec(self) -> ToolSpec:
        return self._inner.spec

    @property
    def policy(self) -> ToolPolicy:
        return self._inner.policy

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        policy = self.policy
        once, attempts = policy.effect == "once", policy.attempts
        for attempt in range(1, attempts + 1):
            try:
                result = await self._once(arguments, context)
            except (Unavailable, UpstreamError) as error:
                # Nobody knows whether what must not happen twice has happened.
                if once or attempt == attempts or not error.retryable:
                    raise
            else:
                again = result.failed and result.retryable and not (once and result.unknown)
                if attempt == attempts or not again:
                    return result
            pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
            if _left(context) <= pause:
                return self._late(context)
            await self._sleep(pause)
        raise AssertionError("attempts is at least 1")

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        try:
            async with asyncio.timeout(min(self.policy.seconds, _left(context))):
                return await self._inner.status(arguments, context)
        except TimeoutError:
            return None

    async def _once(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        seconds = min(self.policy.seconds, _left(context))
        if seconds <= 0:
            return self._late(context)
        clock = asyncio.timeout(seconds)
        try:
            async with clock:
                result = await self._inner.call(arguments, context)
                # Where there is no effect there is no doubt about it.
                return replace(result, unknown=result.unknown and self.policy.effect != "none")
        except TimeoutError:
            if not clock.expired():
                raise
            effect = self.policy.effect != "none"
            doubt = " Whether it was done is not known." if effect else ""
            return ToolResult(
                f"{self.spec.name} did not answer within {seconds:.3g} s.{doubt}",
                failed=True,
                retryable=self.policy.effect != "once",
                unknown=effect,
            )

    def _late(self, context: ToolContext) -> ToolResult:
        return ToolResult(
            f"There is no time left for {self.spec.name}; it was not called again.", failed=True
        )


def _left(context: ToolContext) -> float:
    """Seconds until the deadline."""
    if context.deadline is None:
        return float("inf")
    return context.deadline - asyncio.get_running_loop().time()
