"""A request fitted to what a model takes at once."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, Usage
from bedplate.errors import ContextOverflow, UpstreamError
from bedplate.models.compaction import compacted
from bedplate.models.context_wordings import overflowed
from bedplate.models.ending import ended
from bedplate.models.protocol import Bound, MeteredModel, whole
from bedplate.models.tokens import request_tokens

Overflow = Literal["refuse", "compact"]

ROOM = 256
"""Tokens kept free for an answer whose length the request does not bound."""

# As TCP estimates round trips (RFC 6298): a running mean, and how far it is off on average.
NEWEST = 0.125
NEWEST_DEVIATION = 0.25
DEVIATIONS = 2
SMALLEST_SAMPLE = 200
LEAST_RATIO, MOST_RATIO = 0.2, 4.0


class TokenRatio:
    """How many tokens a model counts for each that is estimated, learned from what it reports.

    1 until something was reported; then the mean and twice the deviation, so that most requests
    have fewer than said.
    """

    def __init__(self) -> None:
        self._mean: float | None = None
        self._deviation = 0.0

    @property
    def value(self) -> float:
        if self._mean is None:
            return 1.0
        careful = self._mean + DEVIATIONS * self._deviation
        return min(max(careful, LEAST_RATIO), MOST_RATIO)

    def learn(self, estimate: int, counted: int) -> None:
        """Short requests tell little: what is added to every one outweighs their text."""
        if estimate < SMALLEST_SAMPLE or counted <= 0:
            return
        ratio = counted / estimate
        if self._mean is None:
            self._mean, self._deviation = ratio, ratio / 8
            return
        off = abs(ratio - self._mean)
        self._deviation += NEWEST_DEVIATION * (off - self._deviation)
        self._mean += NEWEST * (ratio - self._mean)


class Fitting:
    """Refuses a request that is too long before it is sent, or leaves out its oldest turns.

    `window` is the configured number of tokens, the answer included; None sends everything. A
    provider's own refusal for length becomes the same ContextOverflow; where turns may be left out,
    that happens after one further call with fewer of them.

    Raises:
        ContextOverflow: it does not fit, with what it comes to and what the model takes.
    """

    steps_aside = True

    def __init__(
        self, name: str, model: MeteredModel, *, window: int | None, overflow: Overflow
    ) -> None:
        """`name` is what the model is configured as."""
        self.inner = model
        self.ratio = TokenRatio()
        self._name = name
        self._window = window
        self._overflow: Overflow = overflow

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        sent, notes = self._fitted(request, self._window, self.ratio.value)
        may_shorten = self._overflow == "compact"
        while True:
            begun = False
            try:
                async with aclosing(self.inner.stream(sent)) as events:
                    async for event in events:
                        begun = True
                        yield self._ended(event, sent, notes) if _is_end(event) else event
            except UpstreamError as error:
                if overflowed(error) is None:
                    raise
                sent, notes = self._shortened(
                    request, sent, error, may_shorten=may_shorten and not begun
                )
                may_shorten = False
            else:
                return

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        sent, notes = self._fitted(request, self._window, self.ratio.value)
        may_shorten = self._overflow == "compact"
        while True:
            try:
                events = await whole(self.inner).answer(sent)
            except UpstreamError as error:
                if overflowed(error) is None:
                    raise
                sent, notes = self._shortened(request, sent, error, may_shorten=may_shorten)
                may_shorten = False
            else:
                end = events[-1]
                told = self._ended(end, sent, notes)
                return events if told is end else [*events[:-1], told]

    def _shortened(
        self, request: ChatRequest, sent: ChatRequest, error: UpstreamError, *, may_shorten: bool
    ) -> tuple[ChatRequest, tuple[Note, ...]]:
        """The request with fewer turns than `sent`, which the provider found too long; ContextOverflow
        where it may not be shortened, or its limit is not known.
        """
        said = overflowed(error)
        if said is None:
            raise error
        limit = said.limit or self._window
        if limit is None or not may_shorten:
            tokens = said.tokens or self._tokens(sent, self.ratio.value)
            raise self._too_long(tokens, limit, exact=said.tokens is not None) from error
        # It counted more than was thought: by how much, for this very conversation.
        counted = max(said.tokens or 0, limit + 1)
        ratio = max(self.ratio.value, counted / request_tokens(sent))
        return self._fitted(request, limit, ratio)

    def _fitted(
        self, request: ChatRequest, window: int | None, ratio: float
    ) -> tuple[ChatRequest, tuple[Note, ...]]:
        """The request as it may be sent; ContextOverflow where it cannot be made to fit."""
        tokens = 0 if window is None else self._tokens(request, ratio)
        if window is None or tokens <= window:
            return request, ()
        if self._overflow == "refuse":
            raise self._too_long(tokens, window)
        shorter, dropped = compacted(
            request, lambda candidate: self._tokens(candidate, ratio) <= window
        )
        left = self._tokens(shorter, ratio)
        if left > window:
            raise self._too_long(left, window)
        what = (
            f"Left out the {len(dropped)} oldest messages: about {tokens:,} tokens do not fit "
            f"{window:,}, {left:,} do."
        )
        return shorter, (Note("context", self._name, what),)

    def _tokens(self, request: ChatRequest, ratio: float) -> int:
        """What a request comes to, with room for its answer."""
        window = self._window or ROOM
        room = request.max_output_tokens or min(ROOM, max(1, window // 8))
        return round(request_tokens(request) * ratio) + room

    def _ended(self, end: ChatEvent, sent: ChatRequest, notes: tuple[Note, ...]) -> ChatEvent:
        if not isinstance(end, Finished):
            return end
        if _is_counted(end.usage):
            self.ratio.learn(request_tokens(sent), end.usage.input_tokens)
        return ended(end, notes)

    def _too_long(self, tokens: int, limit: int | None, *, exact: bool = False) -> ContextOverflow:
        about = "" if exact else "about "
        takes = "fewer" if limit is None else f"{limit:,}"
        return ContextOverflow(
            f"The conversation comes to {about}{tokens:,} tokens with room for the answer; the "
            f"model {self._name!r} takes {takes}. Send less, or allow a shorter answer.",
            tokens=tokens,
            limit=limit,
        )


def _is_end(event: ChatEvent) -> bool:
    return isinstance(event, Finished)


def _is_counted(usage: Usage) -> bool:
    return not usage.estimated
