"""Limits on silence, for adapters that have none of their own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.errors import UpstreamTimeout
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.sections import TimeoutsConfig


class Timed:
    """Ends a call that does not begin in time, or falls silent after it has."""

    def __init__(self, model: MeteredModel, settings: TimeoutsConfig) -> None:
        self.inner = model
        self._settings = settings

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        seconds, setting = self._settings.first_token_seconds, "first_token_seconds"
        async with aclosing(self.inner.stream(request)) as events:
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        event = await anext(events, None)
                except TimeoutError as error:
                    raise UpstreamTimeout(
                        f"{self.name} sent nothing for {seconds:g} s (timeouts.{setting}).",
                        provider=self.name,
                    ) from error
                if event is None:
                    return
                yield event
                seconds, setting = self._settings.idle_seconds, "idle_seconds"
