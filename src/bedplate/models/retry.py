"""A call repeated after a failure that may pass, as long as nothing of its answer was seen."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, Usage
from bedplate.errors import UpstreamError, UpstreamRateLimited
from bedplate.models.ending import ended, owning, used, why
from bedplate.models.protocol import Bound, MeteredModel, whole
from bedplate.sections import RetryConfig

Jitter = Callable[[float, float], float]


class Retrying:
    """Exponential pauses with full jitter (Brooker 2015, "Exponential Backoff And Jitter", AWS).

    Only before the first event, only within the deadline, and no whole answer that was under way. A provider's Retry-After is a lower bound
    of the pause; one above the longest pause ends the attempts. An open circuit breaker and a full
    queue are not waited for: they say when to come again.
    """

    steps_aside = True

    def __init__(
        self,
        name: str,
        model: MeteredModel,
        settings: RetryConfig,
        *,
        jitter: Jitter = random.uniform,
    ) -> None:
        """`name` is what the model is configured as; `jitter` draws from between two numbers."""
        self._name = name
        self.inner = model
        self._settings = settings
        self._jitter = jitter

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        """Of one attempt: those that fail are not charged for as a rule."""
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        notes: list[Note] = []
        failed: list[Usage] = []
        while True:
            async with aclosing(self.inner.stream(request)) as events:
                try:
                    event = await anext(events, None)
                except UpstreamError as error:
                    pause = self._again(error, notes, failed, request)
                else:
                    while event is not None:
                        yield ended(event, notes, failed) if isinstance(event, Finished) else event
                        event = await anext(events, None)
                    return
            await asyncio.sleep(pause)

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        notes: list[Note] = []
        failed: list[Usage] = []
        while True:
            try:
                events = await whole(self.inner).answer(request)
            except UpstreamError as error:
                pause = self._again(error, notes, failed, request)
            else:
                if not notes:
                    return events
                return [ended(e, notes, failed) if isinstance(e, Finished) else e for e in events]
            await asyncio.sleep(pause)

    def _again(
        self, error: UpstreamError, notes: list[Note], failed: list[Usage], request: ChatRequest
    ) -> float:
        """Seconds until the next attempt, once this one is noted; where there is to be none, `error`."""
        pause = self._pause(error, len(notes) + 1, request.deadline)
        if pause is None or _was_made(request):
            owning(error, failed)
            raise error
        notes.append(Note("retry", self._name, f"{why(error)} Again after {pause:.2g} s."))
        failed += used(error)
        return pause

    def _pause(self, error: UpstreamError, attempts: int, deadline: float | None) -> float | None:
        """Seconds until the next attempt; None where there is to be none."""
        settings = self._settings
        if attempts >= settings.attempts or not error.retryable:
            return None
        longest = min(settings.most_seconds, settings.first_seconds * 2 ** (attempts - 1))
        pause = self._jitter(0.0, longest)
        if isinstance(error, UpstreamRateLimited) and error.retry_after is not None:
            if error.retry_after > settings.most_seconds:
                return None
            pause += error.retry_after
        now = asyncio.get_running_loop().time()
        return None if deadline is not None and now + pause >= deadline else pause


def _was_made(request: ChatRequest) -> bool:
    """Whether an answer that comes whole was being made, as one that has begun in a stream."""
    return request.unstreamed is not None and request.unstreamed.under_way
