"""One chat completion, put together chunk by chunk, or from its whole."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    Usage,
)
from bedplate.errors import UpstreamError
from bedplate.models.failed import used
from bedplate.models.openai_chunks import (
    Alike,
    Choice,
    Delta,
    PlainAnswer,
    ToolPart,
    as_chunk,
    read_chunk,
    read_plain,
    read_plain_answer,
    text_of,
    thoughts_of,
    tokens_of,
)
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_texts import as_chat, whole_text
from bedplate.models.openai_thoughts import Thoughts
from bedplate.models.openai_usage import estimate_usage, read_usage
from bedplate.models.sse import SseEvent
from bedplate.models.tokens import request_tokens
from bedplate.models.tool_parts import ToolParts
from bedplate.upstream.failures import Failures

logger = logging.getLogger(__name__)

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
BROKEN_OFF = ("error", "abort")

LOOKS = 3
"""How often an answer's chunks are looked at for what they have in common."""


class OpenAIReply:
    """See Reply."""

    def __init__(self, request: ChatRequest, options: OpenAIOptions, failures: Failures) -> None:
        self.begun = False
        self.done = False
        self._request = request
        self._options = options
        self._model = options.model
        self._failures = failures
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._written = 0
        self._tokens: tuple[TokenLogprob, ...] = ()
        self._tools = ToolParts()
        self._whole = False
        self._thoughts = Thoughts()
        self._extra: dict[str, Any] = {}
        self._alike: Alike | None = None
        self._looks = LOOKS

    @property
    def ended(self) -> bool:
        return self._reason is not None

    @property
    def characters(self) -> int:
        return self._written + self._thoughts.characters + self._tools.characters

    def used(self) -> Usage:
        unseen = self._request.unstreamed
        if unseen is not None and unseen.under_way and not self.begun:
            # It may have been about to come to its end.
            made = self._request.max_output_tokens or 0
            return Usage(request_tokens(self._request), made, estimated=True)
        return used(self._request, self.characters, self._usage)

    def cut_off(self) -> UpstreamError:
        limit = self._options.silent_overflow_tokens
        # The estimate may be too low, but hardly by more than half.
        if limit is None or self.begun or request_tokens(self._request) * 2 <= limit:
            return self._failures.ended_early(self.characters)
        return self._failures.error(
            f"the stream ended without a word, as for a conversation of more than its context "
            f"length of {limit} tokens (silent_overflow_tokens)",
            400,
            "context_length_exceeded",
        )

    def texts(self, packet: bytes) -> list[str] | None:
        if self._alike is None or self._tokens or self.done:
            return None
        texts = self._alike.texts(packet)
        if texts is not None:
            self._written += sum(map(len, texts))
        return texts

    def take(self, event: SseEvent) -> Iterable[ChatEvent]:
        data = event.data.strip()
        if self.done or not data:
            return ()
        if data == b"[DONE]":
            self.done = True
            return ()
        plain = None if event.event == "error" else read_plain(data)
        if plain is not None:
            text, self._model, extra = plain
            self.begun = True
            self._written += len(text)
            if extra:
                self._extra |= extra
            if self._looks:
                self._looks -= 1
                self._alike = Alike.to(data)
            if self._tokens:
                tokens, self._tokens = self._tokens, ()
                return (TextDelta(text, tokens),)
            return (TextDelta(text),)
        try:
            raw = msgspec.json.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._unreadable(error) from error
        return self.add(raw, failed=event.event == "error")

    def add(self, raw: Any, *, failed: bool = False) -> list[ChatEvent]:
        """What a chunk adds that is no longer JSON; `failed` where it is announced as an error."""
        if self._options.text_completions:
            raw = as_chat(raw)
        try:
            chunk, unknown = read_chunk(raw)
        except msgspec.ValidationError as error:
            raise self._unreadable(error) from error
        if chunk.error:
            raise self._failures.reported(chunk.error, self.characters)
        if failed or (unknown.get("message") and not chunk.choices):
            raise self._failures.reported(unknown, self.characters)
        self._extra |= unknown
        self._model = chunk.model or self._model
        self._count(chunk.usage, chunk.x_groq and chunk.x_groq.usage)
        return [
            made
            for choice in chunk.choices or ()
            if choice.index == 0
            for made in self._choose(choice)
        ]

    def add_whole(self, data: bytes) -> list[ChatEvent] | None:
        plain = read_plain_answer(data)
        if plain is not None:
            return self._add_plain(plain)
        try:
            raw = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        chunk = whole_text(raw) if self._options.text_completions else as_chunk(raw)
        if chunk is None:
            return None
        self._be_whole()
        return self.add(chunk)

    def _add_plain(self, answer: PlainAnswer) -> list[ChatEvent]:
        self._be_whole()
        self.begun = True
        self._model = answer.model
        for name, value in (
            ("system_fingerprint", answer.system_fingerprint),
            ("service_tier", answer.service_tier),
        ):
            if value:
                self._extra[name] = value
        self._count(answer.usage)
        [choice] = answer.choices
        self._reason = choice.finish_reason
        self._written += len(choice.message.content)
        return [TextDelta(choice.message.content)]

    def _be_whole(self) -> None:
        self._whole = self.done = True
        if self._request.unstreamed is not None:
            self._request.unstreamed.whole = True

    def under_way(self, *, unseen: bool) -> None:
        if self._request.unstreamed is not None:
            self._request.unstreamed.under_way = unseen

    def finish(self) -> Iterable[ChatEvent]:
        if not (self.ended or self.done):
            raise self.cut_off()
        try:
            rest = list(self._tools.finish())
        except ValueError as error:
            raise self._failures.error(f"sent what cannot be read: {error}") from error
        return [
            *rest,
            Finished(
                self._why(),
                self._usage or estimate_usage(self._request, self.characters),
                self._model,
                reasoning=self._thoughts.form,
                extra=self._extra,
                whole=self._whole,
            ),
        ]

    def _unreadable(self, error: Exception) -> UpstreamError:
        return self._failures.error(
            f"sent a chunk that cannot be read after {self.characters} characters: {error}"
        )

    def _choose(self, choice: Choice) -> Iterator[ChatEvent]:
        delta = choice.delta or Delta()
        text, thought = text_of(delta), thoughts_of(delta)
        refusal = delta.refusal or ""
        self._thoughts.add(delta, thought, whole=self._whole)
        if text or refusal or thought or delta.tool_calls or choice.finish_reason:
            self.begun = True
        if thought:
            yield ReasoningDelta(thought)
        yield from self._say(text, tokens_of(choice.logprobs), refusal=refusal)
        for part in delta.tool_calls or ():
            yield from self._called(part)
        self._count(choice.usage)
        if choice.finish_reason:
            self._reason = self._known(choice.finish_reason)

    def _called(self, part: ToolPart) -> Iterator[ChatEvent]:
        function, custom = part.function, part.custom
        if custom is not None:
            name, arguments = custom.name, custom.input
        else:
            name, arguments = function and function.name, function and function.arguments
        return self._tools.add(
            index=part.index,
            id=part.id or "",
            name=name or "",
            arguments=arguments,
            custom=custom is not None,
        )

    def _say(
        self, text: str, tokens: tuple[TokenLogprob, ...], *, refusal: str = ""
    ) -> Iterator[ChatEvent]:
        """A token without text waits for the text that it is a part of."""
        self._tokens += tokens
        self._written += len(text) + len(refusal)
        for said, refuses in ((text, False), (refusal, True)):
            if said:
                yield TextDelta(said, self._tokens, refuses)
                self._tokens = ()

    def _known(self, reason: str) -> FinishReason:
        if reason in BROKEN_OFF:
            raise self._failures.error(
                f"broke off after {self.characters} characters with finish_reason {reason!r}"
            )
        if reason not in REASONS:
            logger.warning("unknown finish_reason taken as stop", extra={"finish_reason": reason})
        return REASONS.get(reason, "stop")

    def _why(self) -> FinishReason:
        """Servers say `stop` though calls came, and the other way round."""
        reason = self._reason or "stop"
        if reason == "stop" and self._tools:
            return "tool_calls"
        return "stop" if reason == "tool_calls" and not self._tools else reason

    def _count(self, *reports: Any) -> None:
        """The latest report that can be one stands."""
        for report in reports:
            read = read_usage(report, with_cost=self._options.reports_cost)
            if read is not None:
                self._usage = read
