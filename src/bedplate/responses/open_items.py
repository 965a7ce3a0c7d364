"""Items while they are being made: each tells its beginning, its parts and its end.

Source: OpenAI API reference, "Streaming events" of responses, for names, fields and order.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from bedplate.domain.chat import TokenLogprob
from bedplate.responses.events import Said
from bedplate.responses.items import (
    CustomToolCall,
    FunctionCall,
    Item,
    ItemStatus,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
    item_id,
)

Shown = Literal["summary", "content"]


class OpenItem(Protocol):
    """An item that still grows, at its place `index` among the response's output."""

    def begin(self) -> Iterator[Said]: ...

    def end(self, status: ItemStatus) -> Iterator[Said]:
        """Its last events; after them it is `made`."""
        ...

    @property
    def made(self) -> Item: ...


class OpenMessage:
    def __init__(self, index: int) -> None:
        self._at: Mapping[str, Any] = {
            "item_id": item_id(Message),
            "output_index": index,
            "content_index": 0,
        }
        self._text: list[str] = []
        self._logprobs: list[Mapping[str, Any]] = []
        self._annotations: list[Mapping[str, Any]] = []
        self._status: ItemStatus = "in_progress"

    def begin(self) -> Iterator[Said]:
        item = Message("assistant", (), self._at["item_id"], "in_progress")
        yield Said("output_item.added", {"output_index": self._at["output_index"], "item": item})
        yield Said("content_part.added", {**self._at, "part": OutputText("")})

    def push(self, text: str, logprobs: Sequence[TokenLogprob]) -> Iterator[Said]:
        said = [wire_logprob(token) for token in logprobs]
        self._text.append(text)
        self._logprobs.extend(said)
        yield Said("output_text.delta", {**self._at, "delta": text, "logprobs": said})

    def cite(self, annotations: Sequence[Mapping[str, Any]]) -> Iterator[Said]:
        """The annotations of the whole text."""
        for annotation in annotations:
            index = len(self._annotations)
            self._annotations.append(annotation)
            yield Said(
                "output_text.annotation.added",
                {**self._at, "annotation_index": index, "annotation": annotation},
            )

    def end(self, status: ItemStatus) -> Iterator[Said]:
        self._status = status
        fields = {"text": self.text, "logprobs": self._logprobs}
        yield Said("output_text.done", {**self._at, **fields})
        yield Said("content_part.done", {**self._at, "part": self._part})
        yield Said(
            "output_item.done", {"output_index": self._at["output_index"], "item": self.made}
        )

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def made(self) -> Message:
        return Message("assistant", (self._part,), self._at["item_id"], self._status)

    @property
    def _part(self) -> OutputText:
        return OutputText(self.text, tuple(self._annotations), tuple(self._logprobs))


class OpenRefusal:
    """A message in which the model refuses."""

    def __init__(self, index: int) -> None:
        self._at: Mapping[str, Any] = {
            "item_id": item_id(Message),
            "output_index": index,
            "content_index": 0,
        }
        self._text: list[str] = []
        self._status: ItemStatus = "in_progress"

    def begin(self) -> Iterator[Said]:
        item = Message("assistant", (), self._at["item_id"], "in_progress")
        yield Said("output_item.added", {"output_index": self._at["output_index"], "item": item})
        yield Said("content_part.added", {**self._at, "part": Refusal("")})

    def push(self, text: str) -> Iterator[Said]:
        self._text.append(text)
        yield Said("refusal.delta", {**self._at, "delta": text})

    def end(self, status: ItemStatus) -> Iterator[Said]:
        self._status = status
        yield Said("refusal.done", {**self._at, "refusal": self._part.refusal})
        yield Said("content_part.done", {**self._at, "part": self._part})
        yield Said(
            "output_item.done", {"output_index": self._at["output_index"], "item": self.made}
        )

    @property
    def made(self) -> Message:
        return Message("assistant", (self._part,), self._at["item_id"], self._status)

    @property
    def _part(self) -> Refusal:
        return Refusal("".join(self._text))


class OpenReasoning:
    """Thoughts, shown as a summary where one was asked for, else as they are."""

    def __init__(self, index: int, shown: Shown, opaque: str | None = None) -> None:
        self._at: Mapping[str, Any] = {
            "item_id": item_id(Reasoning),
            "output_index": index,
            f"{shown}_index": 0,
        }
        self._shown: Shown = shown
        self._text: list[str] = []
        self._status: ItemStatus = "in_progress"
        self.opaque = opaque
        """The thoughts as the provider wants them back, once they are known."""

    @property
    def id(self) -> str:
        return str(self._at["item_id"])

    def begin(self) -> Iterator[Said]:
        item = Reasoning(self.id, status="in_progress")
        yield Said("output_item.added", {"output_index": self._at["output_index"], "item": item})

    def push(self, text: str) -> Iterator[Said]:
        if not self._text:
            yield Said(self._name("part.added"), {**self._at, "part": self._part("")})
        self._text.append(text)
        yield Said(self._name("text.delta"), {**self._at, "delta": text})

    def end(self, status: ItemStatus) -> Iterator[Said]:
        self._status = status
        if self._text:
            text = "".join(self._text)
            yield Said(self._name("text.done"), {**self._at, "text": text})
            yield Said(self._name("part.done"), {**self._at, "part": self._part(text)})
        yield Said(
            "output_item.done", {"output_index": self._at["output_index"], "item": self.made}
        )

    @property
    def made(self) -> Reasoning:
        text = "".join(self._text)
        return Reasoning(
            self.id,
            (SummaryText(text),) if text and self._shown == "summary" else (),
            (ReasoningText(text),) if text and self._shown == "content" else None,
            self.opaque,
            self._status,
        )

    def _name(self, what: str) -> str:
        if self._shown == "summary":
            return f"reasoning_summary_{what}"
        return f"content_{what}" if what.startswith("part") else f"reasoning_{what}"

    def _part(self, text: str) -> SummaryText | ReasoningText:
        return SummaryText(text) if self._shown == "summary" else ReasoningText(text)


class OpenCall:
    def __init__(self, index: int, call_id: str, name: str) -> None:
        self._at: Mapping[str, Any] = {
            "item_id": item_id(FunctionCall),
            "output_index": index,
        }
        self._call_id = call_id
        self._name = name
        self._arguments: list[str] = []
        self._status: ItemStatus = "in_progress"

    def begin(self) -> Iterator[Said]:
        yield Said(
            "output_item.added", {"output_index": self._at["output_index"], "item": self.made}
        )

    def push(self, arguments: str) -> Iterator[Said]:
        if arguments:
            self._arguments.append(arguments)
            yield Said("function_call_arguments.delta", {**self._at, "delta": arguments})

    def end(self, status: ItemStatus) -> Iterator[Said]:
        self._status = status
        fields = {"name": self._name, "arguments": self.made.arguments}
        yield Said("function_call_arguments.done", {**self._at, **fields})
        yield Said(
            "output_item.done", {"output_index": self._at["output_index"], "item": self.made}
        )

    @property
    def whole(self) -> bool:
        """Whether the arguments are JSON as they are."""
        try:
            json.loads("".join(self._arguments))
        except (ValueError, RecursionError):
            return False
        return True

    @property
    def made(self) -> FunctionCall:
        return FunctionCall(
            self._call_id, self._name, "".join(self._arguments), self._at["item_id"], self._status
        )


class OpenCustomCall:
    def __init__(self, index: int, call_id: str, name: str) -> None:
        self._at: Mapping[str, Any] = {
            "item_id": item_id(CustomToolCall),
            "output_index": index,
        }
        self._call_id = call_id
        self._name = name
        self._input: list[str] = []
        self._status: ItemStatus = "in_progress"

    def begin(self) -> Iterator[Said]:
        yield Said(
            "output_item.added", {"output_index": self._at["output_index"], "item": self.made}
        )

    def push(self, input: str) -> Iterator[Said]:
        if input:
            self._input.append(input)
            yield Said("custom_tool_call_input.delta", {**self._at, "delta": input})

    def end(self, status: ItemStatus) -> Iterator[Said]:
        self._status = status
        yield Said("custom_tool_call_input.done", {**self._at, "input": self.made.input})
        yield Said(
            "output_item.done", {"output_index": self._at["output_index"], "item": self.made}
        )

    @property
    def made(self) -> CustomToolCall:
        return CustomToolCall(
            self._call_id, self._name, "".join(self._input), self._at["item_id"], self._status
        )


def wire_logprob(token: TokenLogprob) -> Mapping[str, Any]:
    return {
        "token": token.token,
        "logprob": token.logprob,
        "bytes": list(token.bytes or ()),
        "top_logprobs": [
            {"token": top.token, "logprob": top.logprob, "bytes": list(top.bytes or ())}
            for top in token.top
        ],
    }
