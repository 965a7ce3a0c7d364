"""A model with its price: what a call costs at most before it, and what it cost after."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Usage, changed
from bedplate.errors import UpstreamError
from bedplate.models.protocol import Bound, ChatModel, whole
from bedplate.models.seen import Seen
from bedplate.models.tokens import request_tokens
from bedplate.telemetry.conventions import INPUT_MESSAGES, OPERATION, PROVIDER, REQUEST_MODEL
from bedplate.telemetry.trace import span

MILLION = 1_000_000


class Pricing(Protocol):
    """What calls cost, in US dollars."""

    def of(self, usage: Usage, seconds: float) -> Decimal:
        """A call that used this and took so long."""
        ...

    def most(self, sent: int, made: int, seconds: float | None) -> Decimal | None:
        """A call of at most so many tokens in and out that takes at most so long.

        `seconds` is None where nothing bounds the time. None where the price then has no bound.
        """
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens. `cached` is for input read from the provider's prompt cache and
    `cache_write` for input written to it; as any other input where they are None.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None

    def of(self, usage: Usage, seconds: float = 0.0) -> Decimal:
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        plain = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
        return (
            plain * self.input
            + usage.cached_tokens * cached
            + usage.cache_write_tokens * written
            + usage.output_tokens * self.output
        ) / MILLION

    def most(self, sent: int, made: int, seconds: float | None = None) -> Decimal | None:
        return self.dearest(sent, made)

    def dearest(self, sent: int, made: int) -> Decimal:
        """Whatever part of the input is read from a cache, or written to it."""
        dearest = max(self.input, self.cached or self.input, self.cache_write or self.input)
        return (sent * dearest + made * self.output) / MILLION


class Metered:
    """Wraps a model that knows nothing of money. `output_tokens` bounds a request that sets none."""

    steps_aside = True

    def __init__(self, model: ChatModel, price: Pricing | None, *, output_tokens: int) -> None:
        self.inner = model
        self._price = price
        self._output_tokens = output_tokens
        provider, _, name = model.name.partition(":")
        self._span_name = f"chat {name or provider}"
        self._about = {OPERATION: "chat", PROVIDER: provider, REQUEST_MODEL: name or provider}

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        sent = request_tokens(request)
        made = request.max_output_tokens or self._output_tokens
        if self._price is None:
            return Bound(sent + made, None, made)
        left = None
        if request.deadline is not None:
            left = max(0.0, request.deadline - asyncio.get_running_loop().time())
        return Bound(sent + made, self._price.most(sent, made, left), made)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The model's events; a cost that it reports itself stands."""
        clock = asyncio.get_running_loop().time
        with span(self._span_name, "client") as step:
            step.attributes.update(self._about)
            step.content(INPUT_MESSAGES, request.messages)
            seen = Seen(step)
            if seen.keeps:
                request = changed(request, sink=None)
            started = clock()
            try:
                async with aclosing(self.inner.stream(request)) as events:
                    async for event in events:
                        if isinstance(event, Finished):
                            event = replace(
                                event, usage=self._priced(event.usage, clock() - started)
                            )
                            seen.end(event, request)
                        elif not seen.begun or seen.keeps:
                            seen.saw(event)
                        yield event
            except UpstreamError as error:
                self._charge(error, clock() - started, seen)
                raise

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        clock = asyncio.get_running_loop().time
        with span(self._span_name, "client") as step:
            step.attributes.update(self._about)
            step.content(INPUT_MESSAGES, request.messages)
            seen = Seen(step)
            started = clock()
            try:
                events = list(await whole(self.inner).answer(request))
            except UpstreamError as error:
                self._charge(error, clock() - started, seen)
                raise
            for number, event in enumerate(events):
                if isinstance(event, Finished):
                    usage = self._priced(event.usage, clock() - started)
                    events[number] = event = replace(event, usage=usage)
                    seen.end(event, request)
                elif seen.keeps:
                    seen.keep(event)
            return events

    def _charge(self, error: UpstreamError, seconds: float, seen: Seen) -> None:
        error.usage = error.usage and self._priced(error.usage, seconds)
        if error.usage is not None:
            seen.used(error.usage)

    def _priced(self, usage: Usage, seconds: float) -> Usage:
        if usage.cost_usd is not None or self._price is None:
            return usage
        return replace(usage, cost_usd=self._price.of(usage, seconds))
