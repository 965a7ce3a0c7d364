"""`scripted`: the shipped fake. It says what it was told to, the same way every time.

For tests and for users' CI: no model, no network, no chance. A reply may cite passages ("[1]"), be
slow, run into the request's output limit, or fail after so many chunks.
"""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, FinishReason, TextDelta, Usage
from bedplate.embedders.protocol import Embedder
from bedplate.errors import InvalidInput, UpstreamError, UpstreamRateLimited, UpstreamTimeout

PROVIDER = "scripted"
CHARACTERS_PER_TOKEN = 4
FREE = Decimal(0)
REMEMBERED = 256


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Section):
    """`reply` answers every question that holds `match`, whatever its case."""

    match: str
    reply: str = Field(min_length=1)


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
        if request.extra.get("tools"):
            raise InvalidInput("tools: not supported by this model; leave it out.", param="tools")
        text, reason = _cut(self._reply(request), request.max_output_tokens)
        size = self._options.chunk_characters
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        for piece in pieces[: self._options.fail_after]:
            await self._pause(request.deadline)
            yield TextDelta(piece)
        if self._options.fail_after is not None:
            raise self._failure(min(len(pieces), self._options.fail_after))
        yield Finished(reason, self._usage(request, text), self._options.name)

    def _reply(self, request: ChatRequest) -> str:
        question = request.question
        for rule in self._options.rules:
            if rule.match.casefold() in question.casefold():
                return rule.reply
        if not self._options.replies:
            raise InvalidInput(
                f"The scripted model {self._options.name!r} has no rule for the question "
                f"{question!r:.200}; add one, or replies.",
                param="messages",
            )
        return next(self._replies)

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
            return Usage(told.input_tokens, told.output_tokens, cost_usd=FREE)
        characters = sum(len(message.content) for message in request.messages)
        return Usage(_tokens(characters), _tokens(len(text)), estimated=True, cost_usd=FREE)


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
