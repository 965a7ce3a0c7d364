"""A model whose server hands out calls of tools as text, as the model wrote them."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from bedplate.domain.ids import new_id
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.models.written_calls import MARKERS, WHOLE, read_calls


class Written:
    """Text streams as it comes until it may be a call; from there on it is held back to the end."""

    def __init__(self, model: MeteredModel) -> None:
        self.inner = model

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        names = {tool.name for tool in request.tools if tool.custom is None}
        async with aclosing(self.inner.stream(request)) as events:
            if not names:
                async for event in events:
                    yield event
                return
            held = _Held()
            native = False
            async for event in events:
                native = native or isinstance(event, ToolCallDelta)
                if isinstance(event, TextDelta) and not native:
                    if text := held.take(event):
                        yield text
                elif isinstance(event, Finished):
                    for last in _ending(held, event, names, native=native):
                        yield last
                else:
                    yield event


class _Held:
    """`rest` may be a call, or the beginning of one; `logprobs` are of what was held so far."""

    def __init__(self) -> None:
        self.rest = ""
        self.logprobs: tuple[TokenLogprob, ...] = ()
        self._said = False

    def take(self, event: TextDelta) -> TextDelta | None:
        """What of all that has come cannot belong to a call; no refusal does."""
        if event.refusal:
            return event
        self.rest += event.text
        self.logprobs += event.logprobs
        start = self._start()
        given, self.rest = self.rest[:start], self.rest[start:]
        if not given:
            return None
        self._said = self._said or bool(given.strip())
        # A token may be half held; those that are go with the rest.
        logprobs = () if self.rest else self.logprobs
        self.logprobs = self.logprobs if self.rest else ()
        return TextDelta(given, logprobs)

    def _start(self) -> int:
        # A whole answer may be a call without a marker.
        first = self.rest.lstrip()[:1]
        if not self._said and (not first or first in WHOLE):
            return 0
        found = [at for marker in MARKERS if (at := self.rest.find(marker)) >= 0]
        if found:
            return min(found)
        longest = max(len(marker) for marker in MARKERS) - 1
        for at in range(max(0, len(self.rest) - longest), len(self.rest)):
            if any(marker.startswith(self.rest[at:]) for marker in MARKERS):
                return at
        return len(self.rest)


def _ending(
    held: _Held, finished: Finished, names: set[str], *, native: bool
) -> Iterator[ChatEvent]:
    text, calls = (held.rest, ()) if native else read_calls(held.rest, names)
    if text:
        yield TextDelta(text, () if calls else held.logprobs)
    for index, call in enumerate(calls):
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        yield ToolCallDelta(index, arguments, id=f"call_{new_id()}", name=call.name)
    yield replace(finished, reason="tool_calls") if calls else finished
