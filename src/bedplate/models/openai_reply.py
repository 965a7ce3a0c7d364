"""One streamed chat completion, put together chunk by chunk.

Wire: OpenAI API reference, "Chat Completions > Streaming", with the liberties that compatible
servers take (null lists, content in parts, usage beside the last choice, no [DONE]).
"""

import logging
import math
from typing import Any

import msgspec

from bedplate.domain.chat import ChatRequest, Finished, FinishReason, Usage
from bedplate.models.sse import SseEvent
from bedplate.upstream.failures import Failures

logger = logging.getLogger(__name__)

CHARACTERS_PER_TOKEN = 4

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
BROKEN_OFF = ("error", "abort")


class Part(msgspec.Struct):
    type: str = ""
    text: str | None = None


class Delta(msgspec.Struct):
    content: str | list[Part] | None = None
    refusal: str | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    tool_calls: Any = None


class Choice(msgspec.Struct):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class TokenCounts(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(msgspec.Struct):
    choices: list[Choice] | None = None
    model: str | None = None
    usage: TokenCounts | None = None
    error: Any = None


class Reply:
    """What has arrived of one answer.

    `begun` once the model gave a sign of life (text, thoughts, a call), `ended` once it gave its
    finish reason, `done` after [DONE]; `characters` counts the text so far.
    """

    def __init__(self, request: ChatRequest, model: str, failures: Failures) -> None:
        self.begun = False
        self.done = False
        self._request = request
        self._model = model
        self._failures = failures
        self._reason: FinishReason | None = None
        self._counts: TokenCounts | None = None
        self.characters = 0
        self._decoder = msgspec.json.Decoder(Chunk)

    @property
    def ended(self) -> bool:
        return self._reason is not None

    def take(self, event: SseEvent) -> str:
        """The text that `event` adds, often none; UpstreamError for what cannot be read."""
        if self.done or not event.data.strip():
            return ""
        if event.data.strip() == b"[DONE]":
            self.done = True
            return ""
        try:
            chunk = self._decoder.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._failures.error(
                f"sent a chunk that cannot be read after {self.characters} characters: {error}"
            ) from error
        if chunk.error:
            raise self._failures.reported(chunk.error, self.characters)
        self._model = chunk.model or self._model
        self._counts = chunk.usage or self._counts
        return "".join(self._choose(choice) for choice in chunk.choices or () if choice.index == 0)

    def finish(self) -> Finished:
        """The last event; UpstreamError when the stream stopped before the answer did."""
        if not (self.ended or self.done):
            raise self._failures.ended_early(self.characters)
        return Finished(self._reason or "stop", self._usage(), self._model)

    def _choose(self, choice: Choice) -> str:
        delta = choice.delta or Delta()
        text = _text(delta.content) + (delta.refusal or "")
        if text or delta.reasoning or delta.reasoning_content or delta.tool_calls:
            self.begun = True
        self.characters += len(text)
        if choice.finish_reason:
            self.begun = True
            self._reason = self._known(choice.finish_reason)
        return text

    def _known(self, reason: str) -> FinishReason:
        if reason in BROKEN_OFF:
            raise self._failures.error(
                f"broke off after {self.characters} characters with finish_reason {reason!r}"
            )
        if reason not in REASONS:
            logger.warning("unknown finish_reason taken as stop", extra={"finish_reason": reason})
        return REASONS.get(reason, "stop")

    def _usage(self) -> Usage:
        counts = self._counts or TokenCounts()
        sent, made = counts.prompt_tokens, counts.completion_tokens
        if sent is not None and made is not None and sent >= 0 and made >= 0:
            return Usage(sent, made)
        characters = sum(len(message.content) for message in self._request.messages)
        return Usage(_tokens(characters), _tokens(self.characters), estimated=True)


def _text(content: str | list[Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content if part.type == "text")
    return content or ""


def _tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)
