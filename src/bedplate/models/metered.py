"""A model with its price: what a call costs at most before it, and what it cost after."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Usage
from bedplate.errors import UpstreamError
from bedplate.models.protocol import Bound, ChatModel
from bedplate.models.tokens import request_tokens

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens. `cached` is for input read from the provider's prompt cache and
    `cache_write` for input written to it; as any other input where they are None.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None

    def of(self, usage: Usage) -> Decimal:
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        plain = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
        return (
            plain * self.input
            + usage.cached_tokens * cached
            + usage.cache_write_tokens * written
            + usage.output_tokens * self.output
        ) / MILLION


class Metered:
    """Wraps a model that knows nothing of money. `output_tokens` bounds a request that sets none."""

    def __init__(self, model: ChatModel, price: Price | None, *, output_tokens: int) -> None:
        self.inner = model
        self._price = price
        self._output_tokens = output_tokens

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        sent = request_tokens(request)
        made = request.max_output_tokens or self._output_tokens
        if self._price is None:
            return Bound(sent + made, None)
        dearest = max(self._price.input, self._price.cache_write or Decimal(0))
        return Bound(sent + made, (sent * dearest + made * self._price.output) / MILLION)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The model's events; a cost that it reports itself stands."""
        try:
            async with aclosing(self.inner.stream(request)) as events:
                async for event in events:
                    yield self._costed(event) if isinstance(event, Finished) else event
        except UpstreamError as error:
            error.usage = error.usage and self._priced(error.usage)
            raise

    def _costed(self, end: Finished) -> Finished:
        return replace(end, usage=self._priced(end.usage))

    def _priced(self, usage: Usage) -> Usage:
        if usage.cost_usd is not None or self._price is None:
            return usage
        return replace(usage, cost_usd=self._price.of(usage))
