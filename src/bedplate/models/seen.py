"""What is told of a model's answer in its trace."""

import time

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.tools import ToolCall
from bedplate.models.tokens import request_tokens
from bedplate.telemetry.conventions import (
    CACHE_WRITE_TOKENS,
    CACHED_TOKENS,
    COST,
    ESTIMATED,
    ESTIMATED_INPUT_TOKENS,
    FINISH_REASONS,
    FIRST_CHUNK,
    INPUT_TOKENS,
    OUTPUT_MESSAGES,
    OUTPUT_TOKENS,
    REASONING_TOKENS,
    RESPONSE_MODEL,
    TOKENS_PER_SECOND,
)
from bedplate.telemetry.trace import Span

NANO = 1e9


class Seen:
    """One answer, as its events pass. Text is kept only where the trace keeps content."""

    __slots__ = ("_calls", "_first", "_length", "_most", "_span", "_started", "_text", "begun",
                 "keeps")  # fmt: skip

    def __init__(self, span: Span) -> None:
        recorder = span.trace.recorder
        self._span = span
        self._most = recorder.content_characters if recorder else 0
        self._text: list[str] = []
        self._length = 0
        self._calls: dict[int, list[str]] = {}
        self._started = time.perf_counter_ns()
        self._first = 0
        self.begun = False
        self.keeps = self._most > 0

    def saw(self, event: ChatEvent) -> None:
        """Any event but the last; all of them where `keeps`, else the first alone."""
        if not self.begun:
            self.begun = True
            self._first = time.perf_counter_ns()
            self._span.attributes[FIRST_CHUNK] = (self._first - self._started) / NANO
        if self.keeps:
            self.keep(event)

    def keep(self, event: ChatEvent) -> None:
        """Any event but the last, where `keeps`: its text, of which nobody saw when it came."""
        match event:
            case TextDelta(text=text):
                self._text.append(text)
                self._length += len(text)
            case ToolCallDelta():
                parts = self._calls.setdefault(event.index, [event.id, event.name])
                parts.append(event.arguments)
                self._length += len(event.arguments)
            case _:
                pass
        self.keeps = self._length < self._most

    def end(self, event: Finished, request: ChatRequest) -> None:
        found, usage = self._span.attributes, event.usage
        found[RESPONSE_MODEL] = event.model
        found[FINISH_REASONS] = [event.reason]
        self.used(usage)
        if not usage.estimated and not request.tools and request.output is None:
            # Schemas would have to be written out to be counted.
            found[ESTIMATED_INPUT_TOKENS] = request_tokens(request)
        if event.whole:
            found.pop(FIRST_CHUNK, None)
        elif self.begun and usage.output_tokens > 1:
            seconds = (time.perf_counter_ns() - self._first) / NANO
            if seconds > 0:
                # The first token came at the beginning of that time.
                found[TOKENS_PER_SECOND] = round((usage.output_tokens - 1) / seconds, 3)
        if self._most:
            self._span.content(OUTPUT_MESSAGES, [self._message()])

    def used(self, usage: Usage) -> None:
        """Also of a call that failed."""
        found = self._span.attributes
        found[INPUT_TOKENS] = usage.input_tokens
        found[OUTPUT_TOKENS] = usage.output_tokens
        if usage.estimated:
            found[ESTIMATED] = True
        for name, tokens in (
            (CACHED_TOKENS, usage.cached_tokens),
            (CACHE_WRITE_TOKENS, usage.cache_write_tokens),
            (REASONING_TOKENS, usage.reasoning_tokens),
        ):
            if tokens:
                found[name] = tokens
        if usage.cost_usd is not None:
            found[COST] = float(usage.cost_usd)

    def _message(self) -> Message:
        calls = tuple(
            ToolCall(id=parts[0], name=parts[1], arguments="".join(parts[2:]))
            for _, parts in sorted(self._calls.items())
        )
        return Message("assistant", "".join(self._text), tool_calls=calls)
