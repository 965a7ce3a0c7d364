"""Items of a response, in and out, as OpenAI's wire has them.

Source: OpenAI API reference, "Responses" and "Conversations". They are stored and sent as they are
here; `reads` says which of them a request may hold.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from bedplate.domain.ids import new_id

ItemStatus = Literal["in_progress", "completed", "incomplete"]
SearchStatus = Literal["in_progress", "searching", "completed", "incomplete", "failed"]
McpStatus = Literal["in_progress", "calling", "completed", "incomplete", "failed"]
Phase = Literal["commentary", "final_answer"]
ItemRole = Literal["user", "assistant", "system", "developer"]


class InputText(Struct, frozen=True, tag_field="type", tag="input_text"):
    text: str


class InputImage(Struct, frozen=True, tag_field="type", tag="input_image"):
    """`image_url` is an https address or a `data:` URL; of a stored file, once that is read."""

    image_url: str | None = None
    detail: str | None = "auto"
    file_id: str | None = None


class InputFile(Struct, frozen=True, tag_field="type", tag="input_file"):
    """`file_data` is the base64 of its bytes, bare or in a `data:` URL, until it is read; `file_id`
    is that of a stored one, `file_url` where it is fetched from.

    `text` is what was read of it, our extension: that is kept and shown to models, the bytes are
    not.
    """

    filename: str = "file"
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    text: str = ""


class OutputText(Struct, frozen=True, tag_field="type", tag="output_text"):
    text: str
    annotations: tuple[Mapping[str, Any], ...] = ()
    logprobs: tuple[Mapping[str, Any], ...] | None = ()


class Refusal(Struct, frozen=True, tag_field="type", tag="refusal"):
    refusal: str


Part = InputText | InputImage | InputFile | OutputText | Refusal


class Message(Struct, frozen=True, tag_field="type", tag="message"):
    """`phase` is kept as a client sent it: models here do not say it of what they write."""

    role: ItemRole
    content: tuple[Part, ...]
    id: str | None = None
    status: ItemStatus | None = None
    phase: Phase | UnsetType | None = UNSET


class SummaryText(Struct, frozen=True, tag_field="type", tag="summary_text"):
    text: str


class ReasoningText(Struct, frozen=True, tag_field="type", tag="reasoning_text"):
    text: str


class Reasoning(Struct, frozen=True, tag_field="type", tag="reasoning"):
    """`encrypted_content` is opaque to the client: the thoughts as their provider wants them back."""

    id: str | None = None
    summary: tuple[SummaryText, ...] = ()
    content: tuple[ReasoningText, ...] | None = None
    encrypted_content: str | None = None
    status: ItemStatus | None = None


class FunctionCall(Struct, frozen=True, tag_field="type", tag="function_call"):
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: ItemStatus | None = None


class FunctionCallOutput(Struct, frozen=True, tag_field="type", tag="function_call_output"):
    call_id: str
    output: str | tuple[InputText | InputImage | InputFile, ...]
    id: str | None = None
    status: ItemStatus | None = None


class CustomToolCall(Struct, frozen=True, tag_field="type", tag="custom_tool_call"):
    """A call of a tool that is given a text, `input`, in place of arguments."""

    call_id: str
    name: str
    input: str
    id: str | None = None
    status: ItemStatus | None = None


class CustomToolCallOutput(Struct, frozen=True, tag_field="type", tag="custom_tool_call_output"):
    call_id: str
    output: str | tuple[InputText | InputImage | InputFile, ...]
    id: str | None = None
    status: ItemStatus | None = None


class FileSearchResult(Struct, frozen=True):
    """`attributes` are the document's metadata. `chunk_id` and `page` are our extensions."""

    file_id: str
    filename: str
    score: float
    text: str
    attributes: Mapping[str, Any] | None = None
    chunk_id: str | UnsetType = UNSET
    page: int | UnsetType | None = UNSET


class FileSearchCall(Struct, frozen=True, tag_field="type", tag="file_search_call"):
    queries: tuple[str, ...]
    status: SearchStatus
    id: str | None = None
    results: tuple[FileSearchResult, ...] | None = None


class McpListedTool(Struct, frozen=True):
    name: str
    input_schema: Mapping[str, Any]
    description: str | None = None
    annotations: Mapping[str, Any] | None = None


class McpListTools(Struct, frozen=True, tag_field="type", tag="mcp_list_tools"):
    """What an MCP server offers; `error` is why it could not be asked."""

    server_label: str
    tools: tuple[McpListedTool, ...] = ()
    id: str | None = None
    error: str | None = None


class McpCall(Struct, frozen=True, tag_field="type", tag="mcp_call"):
    """A call that the server made; `error` is set, in OpenAI's form, where it failed."""

    server_label: str
    name: str
    arguments: str
    id: str | None = None
    status: McpStatus | None = None
    output: str | None = None
    error: Any = None
    approval_request_id: str | None = None


class McpApprovalRequest(Struct, frozen=True, tag_field="type", tag="mcp_approval_request"):
    """A call that somebody has to allow first."""

    server_label: str
    name: str
    arguments: str
    id: str | None = None


class McpApprovalResponse(Struct, frozen=True, tag_field="type", tag="mcp_approval_response"):
    approval_request_id: str
    approve: bool
    id: str | None = None
    reason: str | None = None


class Compaction(Struct, frozen=True, tag_field="type", tag="compaction"):
    """What was said before, summed up; `encrypted_content` is opaque to the client."""

    encrypted_content: str
    id: str | None = None


class ItemReference(Struct, frozen=True, tag_field="type", tag="item_reference"):
    """Stands for the stored item of that id."""

    id: str


Item = (
    Message
    | Reasoning
    | FunctionCall
    | FunctionCallOutput
    | CustomToolCall
    | CustomToolCallOutput
    | FileSearchCall
    | McpListTools
    | McpCall
    | McpApprovalRequest
    | McpApprovalResponse
    | Compaction
)


class Conversation(Struct, frozen=True):
    """A conversation itself, without its items."""

    id: str
    created_at: int
    metadata: Mapping[str, str]
    object: Literal["conversation"] = "conversation"


class ItemList(Struct, frozen=True):
    """A page of items; the ids are those of its first and last."""

    data: tuple[Item, ...]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


PREFIXES: Mapping[type[Struct], str] = {
    Message: "msg",
    Reasoning: "rs",
    FunctionCall: "fc",
    FunctionCallOutput: "fco",
    CustomToolCall: "ctc",
    CustomToolCallOutput: "ctco",
    FileSearchCall: "fs",
    McpListTools: "mcpl",
    McpCall: "mcp",
    McpApprovalRequest: "mcpr",
    McpApprovalResponse: "mcpa",
    Compaction: "cmp",
}
"""What OpenAI's ids of items begin with."""


def fresh_id(prefix: str) -> str:
    """An id in OpenAI's form; ids sort by time of creation."""
    return f"{prefix}_{new_id().replace('-', '')}"


def item_id(kind: type[Struct]) -> str:
    return fresh_id(PREFIXES[kind])
