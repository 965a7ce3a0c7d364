"""A conversation's items as the messages that a model reads."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bedplate.domain import chat
from bedplate.domain.chat import ImagePart, Passage, TextPart
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import ToolCall
from bedplate.errors import InvalidInput
from bedplate.rag.prompt import show
from bedplate.responses.draft import unsealed
from bedplate.responses.items import (
    Compaction,
    CustomToolCall,
    CustomToolCallOutput,
    FileSearchCall,
    FileSearchResult,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
)

NOTHING_FOUND = "No passage was found."
NOT_ALLOWED = "The user did not allow this call; it was not made."
NOT_DONE = "The call was not done."
SUMMED_UP = "What was said before, summed up:\n\n"

ToolName = Callable[[str, str], str]
"""What the model calls a tool, by its server's label and its name there."""


def plain_name(label: str, name: str) -> str:
    return name


@dataclass(slots=True)
class _Turn:
    """What an assistant thought, said and called, until somebody else speaks."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    reasoning: Any = None

    @property
    def message(self) -> chat.Message:
        return chat.Message(
            "assistant", self.text, tool_calls=tuple(self.calls), reasoning=self.reasoning
        )


class Context:
    """Messages made of items, and the passages that they show, numbered from 1.

    `search_tool` is what the model knows the search by: what was found since the user spoke last is
    shown as that tool's answer. Without it, and of former turns, searches are left out.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        search_tool: str | None = None,
        tool_name: ToolName = plain_name,
    ) -> None:
        self.passages: list[Passage] = []
        self._search_tool = search_tool
        self._tool_name = tool_name
        self._requests: dict[str, McpApprovalRequest] = {}
        self._messages: list[chat.Message] = []
        self._turn = _Turn()
        last = max((at for at, item in enumerate(items) if _is_user(item)), default=-1)
        for at, item in enumerate(items):
            self._read(item, current=at > last)

    @property
    def messages(self) -> tuple[chat.Message, ...]:
        """Everything so far; what is added later follows it."""
        self._flush()
        return tuple(self._messages)

    def add(self, item: Item) -> None:
        """What was said or found since."""
        self._read(item, current=True)

    def _read(self, item: Item, *, current: bool) -> None:
        match item:
            case Message(role="assistant"):
                # What is said after calls is a message of its own on every wire.
                if self._turn.calls:
                    self._flush()
                self._turn.text += text_of(item.content)
            case Message():
                self._flush()
                self._messages.append(_message(item))
            case Reasoning():
                if self._turn.reasoning is not None or self._turn.calls:
                    self._flush()
                self._turn.reasoning = unsealed(item.encrypted_content)
            case FunctionCall() | CustomToolCall():
                self._turn.calls.append(_call(item))
            case FunctionCallOutput() | CustomToolCallOutput():
                self._flush()
                self._messages.append(_output(item))
            case FileSearchCall():
                if current and self._search_tool is not None and item.results is not None:
                    self._found(self._search_tool, item, item.results)
            case _:
                self._read_remote(item)

    def _read_remote(
        self,
        item: McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse | Compaction,
    ) -> None:
        match item:
            case McpCall():
                said = item.output if item.error is None else failure_text(item.error)
                self._called(item.id or "", item, said or NOT_DONE, failed=item.error is not None)
            case McpApprovalRequest():
                self._requests[item.id or ""] = item
            case McpApprovalResponse():
                asked = self._requests.get(item.approval_request_id)
                # An allowed call has an item of its own.
                if asked is not None and not item.approve:
                    why = f" Their reason: {item.reason}" if item.reason else ""
                    self._called(asked.id or "", asked, NOT_ALLOWED + why, failed=True)
            case Compaction():
                self._flush()
                self._turn.text = SUMMED_UP + summary_of(item)
                self._flush()
            case McpListTools():
                # What is offered is asked for anew.
                pass

    def _called(
        self, id: str, call: McpCall | McpApprovalRequest, said: str, *, failed: bool
    ) -> None:
        name = self._tool_name(call.server_label, call.name)
        self._turn.calls.append(ToolCall(id, name, call.arguments))
        self._flush()
        self._messages.append(chat.Message("tool", said, tool_call_id=id, failed=failed))

    def _found(self, tool: str, call: FileSearchCall, results: Sequence[FileSearchResult]) -> None:
        id = call.id or ""
        self._turn.calls.append(ToolCall(id, tool, json.dumps({"queries": call.queries})))
        self._flush()
        first = len(self.passages) + 1
        found = [Passage(number, _hit(result)) for number, result in enumerate(results, first)]
        self.passages += found
        shown = "\n\n".join(show(passage) for passage in found) or NOTHING_FOUND
        self._messages.append(chat.Message("tool", shown, tool_call_id=id))

    def _flush(self) -> None:
        turn, self._turn = self._turn, _Turn()
        if turn.text or turn.calls:
            self._messages.append(turn.message)


def summary_of(item: Compaction) -> str:
    """InvalidInput for what no compaction here has made."""
    text = unsealed(item.encrypted_content)
    if not isinstance(text, str):
        raise InvalidInput(
            "encrypted_content: is not what this server has made of a conversation.", param="input"
        )
    return text


def failure_text(error: Any) -> str:
    """What a failed call says, in any of OpenAI's forms."""
    match error:
        case {"content": [*blocks]}:
            return "\n".join(filter(None, map(_block_text, blocks)))
        case {"message": str(text)} | {"content": str(text)} | str(text):
            return text
        case _:
            return json.dumps(error)


def _block_text(block: object) -> str:
    match block:
        case {"text": str(text)}:
            return text
        case _:
            return ""


def text_of(content: Sequence[Part]) -> str:
    return "".join(map(_text, content))


def _text(part: Part) -> str:
    match part:
        case InputText() | OutputText():
            return part.text
        case Refusal():
            return part.refusal
        case InputFile():
            return f"\n\nFile {part.filename!r}:\n\n{part.text}\n\n"
        case InputImage():
            return ""


def _is_user(item: Item) -> bool:
    return isinstance(item, Message) and item.role == "user"


def _message(item: Message) -> chat.Message:
    return chat.Message(item.role, text_of(item.content), parts=_parts(item.content))


def _call(item: FunctionCall | CustomToolCall) -> ToolCall:
    if isinstance(item, CustomToolCall):
        return ToolCall(item.call_id, item.name, item.input, custom=True)
    return ToolCall(item.call_id, item.name, item.arguments)


def _output(item: FunctionCallOutput | CustomToolCallOutput) -> chat.Message:
    if isinstance(item.output, str):
        return chat.Message("tool", item.output, tool_call_id=item.call_id)
    return chat.Message(
        "tool",
        text_of(item.output),
        parts=_parts(item.output),
        tool_call_id=item.call_id,
    )


def _parts(content: Sequence[Part]) -> tuple[TextPart | ImagePart, ...]:
    """Empty without images."""
    if not any(isinstance(part, InputImage) for part in content):
        return ()
    return tuple(
        ImagePart(part.image_url or "", part.detail)
        if isinstance(part, InputImage)
        else TextPart(_text(part))
        for part in content
    )


def _hit(result: FileSearchResult) -> Hit:
    return Hit(
        document_id=DocumentId(result.file_id),
        chunk_id=ChunkId(result.chunk_id if isinstance(result.chunk_id, str) else result.file_id),
        score=result.score,
        text=result.text,
        title=result.filename,
        source=result.filename,
        start=0,
        end=len(result.text),
        page=result.page if isinstance(result.page, int) else None,
        metadata=dict(result.attributes or {}),
    )
