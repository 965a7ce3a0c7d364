"""One streamed message of Anthropic's API, put together event by event.

Wire: Claude API reference, "Streaming Messages": blocks begin, grow by deltas and stop, one after
the other; `ping` and events of unknown types are passed over.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from bedplate.errors import UpstreamError
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.anthropic_request import by_tool
from bedplate.models.anthropic_usage import Counts, read_usage, reported
from bedplate.models.failed import used
from bedplate.models.sse import SseEvent
from bedplate.models.tool_parts import ToolParts
from bedplate.upstream.failures import Failures

REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
PLAIN = frozenset({"end_turn", "max_tokens", "tool_use"})


class Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: Any = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Message(msgspec.Struct):
    model: str = ""
    usage: Any = None


class Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: Message | None = None
    content_block: dict[str, Any] | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Any = None


class AnthropicReply:
    """See Reply. Finished.reasoning is all blocks of the answer, where thoughts are among them."""

    def __init__(self, request: ChatRequest, options: AnthropicOptions, failures: Failures) -> None:
        self.begun = False
        self.done = False
        self.characters = 0
        self._request = request
        self._failures = failures
        self._model = options.model
        self._answer_tool = (
            request.output.name if request.output and by_tool(request, options) else None
        )
        self._blocks: dict[int, dict[str, Any]] = {}
        self._tools = ToolParts()
        self._counts = Counts()
        self._stop: str | None = None
        self._extra: dict[str, Any] = {}
        self._decoder = msgspec.json.Decoder(Event)

    @property
    def ended(self) -> bool:
        return self._stop is not None

    def used(self) -> Usage:
        return used(self._request, self.characters, reported(self._counts))

    def cut_off(self) -> UpstreamError:
        return self._failures.ended_early(self.characters)

    def texts(self, packet: bytes) -> None:
        """Its pieces are read event by event."""

    def take(self, event: SseEvent) -> Iterable[ChatEvent]:
        if self.done or not event.data.strip():
            return ()
        read = self._read(event)
        match read.type:
            case "message_start" if read.message is not None:
                self._model = read.message.model or self._model
                self._counts.add(read.message.usage)
            case "content_block_start":
                return list(self._begin(read.index, read.content_block or {}))
            case "content_block_delta" if read.delta is not None:
                return list(self._grow(read.index, read.delta))
            case "content_block_stop":
                self._end(read.index)
            case "message_delta":
                self._counts.add(read.usage)
                self._stopped(read.delta or Delta())
            case "message_stop":
                self.done = True
            case _:
                pass
        return ()

    def finish(self) -> Iterable[ChatEvent]:
        if self._stop is None:
            raise self.cut_off()
        try:
            rest = list(self._tools.finish())
        except ValueError as error:
            raise self._failures.error(f"sent what cannot be read: {error}") from error
        usage = read_usage(self._counts, self._request, self.characters)
        return [
            *rest,
            Finished(self._why(), usage, self._model, self._reasoning(), self._extra),
        ]

    def _read(self, event: SseEvent) -> Event:
        try:
            read = self._decoder.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._failures.error(
                f"sent an event that cannot be read after {self.characters} characters: {error}"
            ) from error
        if read.type == "error" or read.error:
            raise self._failures.reported(read.error, self.characters)
        return read

    def _begin(self, index: int, block: Mapping[str, Any]) -> Iterator[ChatEvent]:
        kept = dict(block)
        self._blocks[index] = kept
        if kept.get("type") == "tool_use":
            self.begun = True
            kept["arguments"] = json.dumps(kept["input"]) if kept.get("input") else ""
            if kept.get("name") != self._answer_tool:
                yield from self._tools.add(
                    index=index,
                    id=str(kept.get("id") or ""),
                    name=str(kept.get("name") or ""),
                    arguments=kept["arguments"],
                )
            elif kept["arguments"]:
                yield self._text(kept["arguments"])
        elif kept.get("text"):
            yield self._text(str(kept["text"]))
        elif kept.get("type") == "redacted_thinking":
            self.begun = True
        elif kept.get("thinking"):
            yield self._thought(str(kept["thinking"]))

    def _grow(self, index: int, delta: Delta) -> Iterator[ChatEvent]:
        block = self._blocks.setdefault(index, {})
        match delta.type:
            case "text_delta" if delta.text:
                block["text"] = block.get("text", "") + delta.text
                yield self._text(delta.text)
            case "thinking_delta" if delta.thinking:
                block["thinking"] = block.get("thinking", "") + delta.thinking
                yield self._thought(delta.thinking)
            case "signature_delta":
                block["signature"] = block.get("signature", "") + delta.signature
            case "input_json_delta" if delta.partial_json:
                block["arguments"] = block.get("arguments", "") + delta.partial_json
                if block.get("name") == self._answer_tool:
                    yield self._text(delta.partial_json)
                elif block.get("type") == "tool_use":
                    self.characters += len(delta.partial_json)
                    yield from self._tools.add(index=index, arguments=delta.partial_json)
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta.citation]
            case _:
                pass

    def _end(self, index: int) -> None:
        """Give a call its input as an object, as it is sent back."""
        block = self._blocks.get(index, {})
        text = block.pop("arguments", None)
        if text:
            try:
                block["input"] = json.loads(text)
            except ValueError:
                block["input"] = {"INVALID_JSON": text}

    def _text(self, text: str) -> TextDelta:
        self.begun = True
        self.characters += len(text)
        return TextDelta(text)

    def _thought(self, text: str) -> ReasoningDelta:
        self.begun = True
        self.characters += len(text)
        return ReasoningDelta(text)

    def _stopped(self, delta: Delta) -> None:
        if delta.stop_reason is None:
            return
        self.begun = True
        self._stop = delta.stop_reason
        if delta.stop_reason not in PLAIN:
            self._extra["stop_reason"] = delta.stop_reason
        if delta.stop_sequence is not None:
            self._extra["stop_sequence"] = delta.stop_sequence

    def _why(self) -> FinishReason:
        reason = REASONS.get(self._stop or "", "stop")
        if reason in {"stop", "tool_calls"}:
            return "tool_calls" if self._tools else "stop"
        return reason

    def _reasoning(self) -> list[dict[str, Any]] | None:
        blocks = [block for _, block in sorted(self._blocks.items()) if block.get("type")]
        thought = any("thinking" in str(block.get("type")) for block in blocks)
        return blocks if thought or self._stop == "pause_turn" else None
