"""An answer in Anthropic's wire, whole or as events, from the events of the model.

Source: Claude API reference, "Create a Message" and "Streaming Messages".
"""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

from bedplate.api.chat_reply import ChoiceEvent
from bedplate.api.messages_blocks import thoughts_block
from bedplate.api.sse import encode_event
from bedplate.api.wire import Extension
from bedplate.domain.chat import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.ids import new_id

STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}

Block = dict[str, Any]


class Reply:
    """One message: the same id and model in all its parts."""

    def __init__(self, model: str) -> None:
        self._id = f"msg_{new_id()}"
        self._model = model

    def whole(self, events: Sequence[ChoiceEvent]) -> Mapping[str, Any]:
        blocks: list[Block] = []
        end: Mapping[str, Any] = {}
        for told in events:
            if isinstance(told.event, Finished):
                end = {**_end(told.event), **_grounding(told.grounding)}
                end["usage"] = _usage(told.event.usage)
                if told.event.reasoning is not None:
                    blocks.append(dict(thoughts_block(told.event.reasoning)))
            else:
                _take(blocks, told.event)
        for block in blocks:
            if block["type"] == "tool_use":
                block["input"] = _input(block["input"])
        return {**self._begun(), "content": blocks, **end}

    async def stream(self, events: AsyncGenerator[ChoiceEvent]) -> AsyncGenerator[bytes]:
        blocks = _OpenBlocks()
        begun = False
        async with aclosing(events):
            async for told in events:
                if not begun:
                    begun = True
                    yield _event("message_start", message=self._begun())
                if isinstance(told.event, Finished):
                    for event in blocks.finish(told.event.reasoning):
                        yield event
                    yield _event(
                        "message_delta",
                        delta=_end(told.event),
                        usage=_usage(told.event.usage),
                        **_grounding(told.grounding),
                    )
                else:
                    for event in blocks.take(told.event):
                        yield event
        yield _event("message_stop")

    def _begun(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }


class _OpenBlocks:
    """The blocks of a streamed message: one after the other, each begun, grown and stopped."""

    def __init__(self) -> None:
        self._index = -1
        self._open: object = None

    def take(self, event: ChatEvent) -> Iterator[bytes]:
        match event:
            case TextDelta(text):
                yield from self._be("text", {"type": "text", "text": ""})
                yield self._grow({"type": "text_delta", "text": text})
            case ReasoningDelta(text):
                begun = {"type": "thinking", "thinking": "", "signature": ""}
                yield from self._be("thinking", begun)
                yield self._grow({"type": "thinking_delta", "thinking": text})
            case ToolCallDelta() as part:
                begun = {
                    "type": "tool_use",
                    "id": part.id,
                    "name": part.name,
                    "input": dict[str, Any](),
                }
                yield from self._be(part.index, begun)
                if part.arguments:
                    yield self._grow({"type": "input_json_delta", "partial_json": part.arguments})
            case Finished():
                raise AssertionError("the end is no block")

    def finish(self, reasoning: object) -> Iterator[bytes]:
        if reasoning is not None:
            yield from self._be("thoughts", thoughts_block(reasoning))
        yield from self._stop()

    def _be(self, what: object, begun: Mapping[str, Any]) -> Iterator[bytes]:
        if self._open == what:
            return
        yield from self._stop()
        self._index += 1
        self._open = what
        yield _event("content_block_start", index=self._index, content_block=begun)

    def _stop(self) -> Iterator[bytes]:
        if self._open is not None:
            yield _event("content_block_stop", index=self._index)
        self._open = None

    def _grow(self, delta: Mapping[str, str]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)


def _take(blocks: list[Block], event: ChatEvent) -> None:
    last: Block = blocks[-1] if blocks else {"type": ""}
    match event:
        case TextDelta(text) if last["type"] == "text":
            last["text"] += text
        case TextDelta(text):
            blocks.append({"type": "text", "text": text})
        case ReasoningDelta(text) if last["type"] == "thinking":
            last["thinking"] += text
        case ReasoningDelta(text):
            blocks.append({"type": "thinking", "thinking": text, "signature": ""})
        case ToolCallDelta() as part if part.id:
            blocks.append(
                {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}
            )
        case ToolCallDelta() as part:
            last["input"] += part.arguments
        case Finished():
            raise AssertionError("the end is no block")


def _input(arguments: str) -> Any:
    """A call's arguments as an object; what a model wrote that is none is shown as it is."""
    try:
        read = json.loads(arguments or "{}")
    except (json.JSONDecodeError, RecursionError):
        return {"arguments": arguments}
    return cast(Any, read) if isinstance(read, dict) else {"arguments": arguments}


def _end(end: Finished) -> dict[str, Any]:
    sequence = end.extra.get("stop_sequence")
    reason = "stop_sequence" if isinstance(sequence, str) else STOP_REASONS[end.reason]
    return {"stop_reason": reason, "stop_sequence": sequence}


def _usage(usage: Usage) -> Mapping[str, Any]:
    """Anthropic counts what was read from or written to the prompt cache apart."""
    cached, written = usage.cached_tokens, usage.cache_write_tokens
    cost = usage.cost_usd
    return {
        "input_tokens": max(0, usage.input_tokens - cached - written),
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
        "cost_usd": None if cost is None else float(cost),
    }


def _grounding(grounding: Extension | None) -> Mapping[str, Any]:
    return {} if grounding is None else {"bedplate": grounding}


def _event(name: str, **fields: Any) -> bytes:
    return encode_event({"type": name, **fields}, name)
