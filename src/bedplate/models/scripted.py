"""`scripted`: the shipped fake. It says what it was told to, the same way every time.

For tests and for users' CI: no model, no network, no chance. A reply may cite passages ("[1]"), be
JSON, come after thoughts, be slow, run into the request's output limit, or fail after so many
chunks. In place of a reply, or beside it, tools may be called, and what they answered met by rules
of its own.
"""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.embedders.protocol import Embedder
from bedplate.errors import InvalidInput, UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.models.openai_fields import check_fields
from bedplate.models.scripted_rules import Call, Line, Rule, Section, answer, check

PROVIDER = "scripted"
CHARACTERS_PER_TOKEN = 4
REMEMBERED = 256


class Counts(Section):
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)


class ScriptedOptions(Section):
    name: str = Field(default="scripted", min_length=1)
    rules: tuple[Rule, ...] = ()
    """The first that matches answers."""
    replies: tuple[str, ...] = ()
    """For questions no rule matches: in order, one a request, then from the start again."""
    chunk_characters: int = Field(default=16, gt=0)
    delay_seconds: float = Field(default=0.0, ge=0)
    """Before each chunk."""
    fail_after: int | None = Field(default=None, ge=0)
    """Every request fails once so many chunks are out (or all, where the reply has fewer)."""
    fail_with: Literal["upstream", "timeout", "rate_limited"] = "upstream"
    retry_after: float | None = Field(default=None, ge=0)
    usage: Counts | None = None
    """What is reported; estimated from the text otherwise."""

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Self:
        if not self.rules and not self.replies:
            raise ValueError("needs replies or rules")
        if not all(self.replies):
            raise ValueError("replies must not be empty")
        return self


class ScriptedModel:
    """`requests` keeps the latest requests, oldest first, for a test to look at."""

    def __init__(self, options: ScriptedOptions) -> None:
        self.requests: deque[ChatRequest] = deque(maxlen=REMEMBERED)
        self._options = options
        self._replies = itertools.cycle(options.replies)

    @property
    def name(self) -> str:
        return f"scripted:{self._options.name}"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """See ChatModel. InvalidInput when neither a rule nor a reply is there for the question."""
        self.requests.append(request)
        check_fields(request.extra)
        line = self._line(request)
        check(line, request)
        text, reason = _cut(line.text, request.max_output_tokens)
        calls = () if reason == "length" else line.calls
        said = partial(TextDelta, refusal=True) if line.refuses else TextDelta
        events = [*self._words(line.reasoning, ReasoningDelta), *self._words(text, said)]
        events += _calls(calls, request)
        for event in events[: self._options.fail_after]:
            await self._pause(request.deadline)
            yield event
        if self._options.fail_after is not None:
            raise self._failure(min(len(events), self._options.fail_after))
        made = line.reasoning + text + "".join(call.text for call in calls)
        usage = self._usage(request, made)
        yield Finished("tool_calls" if calls else reason, usage, self._options.name)

    def _line(self, request: ChatRequest) -> Line:
        found = answer(self._options.rules, request)
        if found is not None:
            return found
        if not self._options.replies:
            raise InvalidInput(
                f"The scripted model {self._options.name!r} has no rule for the question "
                f"{request.question!r:.200}; add one, or replies.",
                param="messages",
            )
        return Line(next(self._replies))

    def _words(self, text: str, kind: Callable[[str], ChatEvent]) -> list[ChatEvent]:
        size = self._options.chunk_characters
        return [kind(text[start : start + size]) for start in range(0, len(text), size)]

    async def _pause(self, deadline: float | None) -> None:
        late = UpstreamTimeout(
            f"The scripted model {self._options.name!r} was not done by the request's deadline.",
            provider=PROVIDER,
        )
        if deadline is not None and asyncio.get_running_loop().time() >= deadline:
            raise late
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(self._options.delay_seconds)
        except TimeoutError as error:
            raise late from error

    def _failure(self, chunks: int) -> UpstreamError:
        what = f"The scripted model {self._options.name!r} fails after {chunks} chunks, as told."
        match self._options.fail_with:
            case "timeout":
                return UpstreamTimeout(what, provider=PROVIDER)
            case "rate_limited":
                return UpstreamRateLimited(
                    what, provider=PROVIDER, retry_after=self._options.retry_after
                )
            case "upstream":
                return UpstreamError(what, provider=PROVIDER)

    def _usage(self, request: ChatRequest, text: str) -> Usage:
        told = self._options.usage
        if told is not None:
            return Usage(told.input_tokens, told.output_tokens)
        characters = sum(len(message.content) for message in request.messages)
        return Usage(_tokens(characters), _tokens(len(text)), estimated=True)


def _calls(calls: tuple[Call, ...], request: ChatRequest) -> list[ChatEvent]:
    """Numbered on from the calls that the conversation holds already."""
    before = sum(len(message.tool_calls) for message in request.messages)
    custom = {tool.name for tool in request.tools if tool.custom is not None}
    return [
        part
        for index, call in enumerate(calls)
        for part in (
            ToolCallDelta(
                index,
                id=f"call_{before + index + 1}",
                name=call.name,
                custom=call.name in custom,
            ),
            ToolCallDelta(index, arguments=call.text, custom=call.name in custom),
        )
    ]


def _cut(reply: str, max_output_tokens: int | None) -> tuple[str, FinishReason]:
    if max_output_tokens is None or _tokens(len(reply)) <= max_output_tokens:
        return reply, "stop"
    return reply[: max_output_tokens * CHARACTERS_PER_TOKEN], "length"


def _tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


@asynccontextmanager
async def open_scripted_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[ScriptedModel]:
    """See ScriptedOptions."""
    yield ScriptedModel(ScriptedOptions.model_validate(dict(options)))
