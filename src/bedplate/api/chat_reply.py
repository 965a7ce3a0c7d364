"""A chat completion in OpenAI's wire, whole or as chunks, from the events of its choices.

Source: OpenAI API reference, "Chat Completions" and its streaming events.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from bedplate.api.chat_requests import ChatCall
from bedplate.api.obfuscation import obfuscated
from bedplate.api.pieces import Pieces
from bedplate.api.sse import DONE, encode_event
from bedplate.api.wire import (
    AssistantMessage,
    CallDelta,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    CustomCall,
    CustomDelta,
    Delta,
    Extension,
    FunctionCall,
    FunctionDelta,
    ToolCallMessage,
    wire_logprobs,
    wire_usage,
)
from bedplate.domain.chat import (
    ChatEvent,
    Finished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    added,
)
from bedplate.domain.ids import new_id

HANDED_ON: Mapping[str, type] = {
    "system_fingerprint": str,
    "service_tier": str,
    "moderation": dict,
}


@dataclass(frozen=True, slots=True)
class ChoiceEvent:
    """An event of the choice at `index`; `grounding` comes with the end of an assistant's answer."""

    index: int
    event: ChatEvent
    grounding: Extension | None = None


class Reply:
    """One completion: the same id, time and model in all its parts."""

    def __init__(self, call: ChatCall) -> None:
        self._id = f"chatcmpl-{new_id()}"
        self._created = int(time.time())
        self._call = call

    def whole(self, events: Sequence[ChoiceEvent]) -> ChatCompletion:
        choices = [_Choice(index) for index in range(self._call.choices)]
        usage, grounding, extra = Usage(), UNSET, {}
        for told in events:
            choices[told.index].take(told.event)
            if isinstance(told.event, Finished):
                usage = added(usage, told.event.usage)
                grounding = told.grounding or UNSET
                extra = _handed_on(told.event)
        citations = UNSET if isinstance(grounding, UnsetType) else grounding.citations
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._call.model,
            choices=tuple(choice.whole(citations) for choice in choices),
            usage=wire_usage(usage),
            metadata=UNSET if self._call.metadata is None else self._call.metadata,
            bedplate=grounding,
            **extra,
        )

    async def stream(self, events: AsyncGenerator[ChoiceEvent]) -> AsyncGenerator[bytes]:
        begun: set[int] = set()
        usage = Usage()
        async with aclosing(events):
            async for told in events:
                if told.index not in begun:
                    begun.add(told.index)
                    yield self._chunk(told.index, Delta(role="assistant", content=""))
                match told.event:
                    case TextDelta(text, logprobs, refusal):
                        yield self._said(told.index, text, logprobs, refuses=refusal)
                    case ReasoningDelta(text):
                        yield self._chunk(told.index, Delta(reasoning_content=text))
                    case ToolCallDelta() as part:
                        yield self._chunk(told.index, Delta(tool_calls=(_call_delta(part),)))
                    case Finished() as end:
                        usage = added(usage, end.usage)
                        yield self._last(told.index, end, told.grounding)
        if self._call.include_usage:
            yield encode_event(
                ChatCompletionChunk(
                    self._id, self._created, self._call.model, (), usage=wire_usage(usage)
                )
            )
        yield DONE

    def pieces(self) -> Pieces:
        """Chunks of text alone, of the one choice."""
        whole = self._chunk(0, Delta(content=""))
        before, empty, after = whole.partition(b'"content":""')
        if not empty:
            raise AssertionError("a chunk has its content")
        return Pieces(before + b'"content":', after)

    def _last(self, index: int, end: Finished, grounding: Extension | None) -> bytes:
        delta = Delta() if end.reasoning is None else Delta(reasoning_details=end.reasoning)
        choice = ChunkChoice(delta, end.reason, index)
        return self._encoded(choice, bedplate=grounding or UNSET, **_handed_on(end))

    def _said(
        self, index: int, text: str, tokens: tuple[TokenLogprob, ...], *, refuses: bool
    ) -> bytes:
        if refuses:
            delta, logprobs = Delta(refusal=text), wire_logprobs((), tokens)
        else:
            delta, logprobs = Delta(content=text), wire_logprobs(tokens)
        return self._encoded(ChunkChoice(delta, None, index, logprobs))

    def _chunk(self, index: int, delta: Delta) -> bytes:
        return self._encoded(ChunkChoice(delta, None, index))

    def _encoded(self, choice: ChunkChoice, **fields: Any) -> bytes:
        usage: UnsetType | None = None if self._call.include_usage else UNSET
        event = encode_event(
            ChatCompletionChunk(
                id=self._id,
                created=self._created,
                model=self._call.model,
                choices=(choice,),
                usage=usage,
                **fields,
            )
        )
        return obfuscated(event) if self._call.obfuscate else event


class _Choice:
    """One choice as far as it has come."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._refusal_logprobs: list[TokenLogprob] = []
        self._calls: list[ToolCallDelta] = []
        self._arguments: list[list[str]] = []
        self._end: Finished | None = None

    def take(self, event: ChatEvent) -> None:
        match event:
            case TextDelta(text, logprobs, refusal):
                (self._refusal if refusal else self._text).append(text)
                (self._refusal_logprobs if refusal else self._logprobs).extend(logprobs)
            case ReasoningDelta(text):
                self._thoughts.append(text)
            case ToolCallDelta():
                self._call(event)
            case Finished():
                self._end = event

    def _call(self, part: ToolCallDelta) -> None:
        if part.index == len(self._calls):
            self._calls.append(part)
            self._arguments.append([])
        self._arguments[part.index].append(part.arguments)

    def whole(self, citations: Any) -> Choice:
        if self._end is None:
            raise AssertionError("an answer has an end")
        text = "".join(self._text)
        refusal = "".join(self._refusal) or None
        message = AssistantMessage(
            None if (self._calls or refusal) and not text else text,
            refusal=refusal,
            tool_calls=self._whole_calls() or UNSET,
            reasoning_content="".join(self._thoughts) or UNSET,
            reasoning_details=UNSET if self._end.reasoning is None else self._end.reasoning,
            citations=citations,
        )
        logprobs = wire_logprobs(self._logprobs, self._refusal_logprobs)
        return Choice(message, self._end.reason, self._index, logprobs)

    def _whole_calls(self) -> tuple[ToolCallMessage, ...]:
        return tuple(
            _whole_call(call, "".join(arguments))
            for call, arguments in zip(self._calls, self._arguments, strict=True)
        )


def _whole_call(first: ToolCallDelta, said: str) -> ToolCallMessage:
    if first.custom:
        return ToolCallMessage(first.id, custom=CustomCall(first.name, said), type="custom")
    return ToolCallMessage(first.id, FunctionCall(first.name, said))


def _call_delta(part: ToolCallDelta) -> CallDelta:
    first = bool(part.id)
    name = part.name if first else UNSET
    id = part.id if first else UNSET
    if part.custom:
        said = CustomDelta(name, part.arguments)
        return CallDelta(part.index, custom=said, id=id, type="custom" if first else UNSET)
    said = FunctionDelta(name, part.arguments)
    return CallDelta(part.index, said, id=id, type="function" if first else UNSET)


def _handed_on(end: Finished) -> Mapping[str, Any]:
    """The provider's fields of a completion that OpenAI has too."""
    return {
        name: value
        for name, kind in HANDED_ON.items()
        if isinstance(value := end.extra.get(name), kind)
    }
