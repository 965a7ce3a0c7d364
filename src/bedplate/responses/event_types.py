"""The events of a response's stream by their types, as the OpenAPI document has them.

Source: OpenAI API reference, "Streaming events" of responses. What is told is checked against them
by tests; that it is told in this form is `open_items` and `draft`.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bedplate.responses.items import (
    Item,
    OutputText,
    ReasoningText,
    Refusal,
    SummaryText,
)
from bedplate.responses.response import Response


class Numbered(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """`sequence_number` counts the events of one response from 0."""

    sequence_number: int


class OfResponse(Numbered, frozen=True, kw_only=True):
    """The response as far as it has come."""

    response: Response


class ResponseCreated(OfResponse, frozen=True, tag="response.created"): ...


class ResponseQueued(OfResponse, frozen=True, tag="response.queued"): ...


class ResponseInProgress(OfResponse, frozen=True, tag="response.in_progress"): ...


class ResponseCompleted(OfResponse, frozen=True, tag="response.completed"): ...


class ResponseIncomplete(OfResponse, frozen=True, tag="response.incomplete"): ...


class ResponseFailed(OfResponse, frozen=True, tag="response.failed"): ...


class OfOutput(Numbered, frozen=True, kw_only=True):
    output_index: int
    item: Item


class OutputItemAdded(OfOutput, frozen=True, tag="response.output_item.added"): ...


class OutputItemDone(OfOutput, frozen=True, tag="response.output_item.done"): ...


class OfItem(Numbered, frozen=True, kw_only=True):
    """`item_id` and `output_index` are those of the item that was added last."""

    item_id: str
    output_index: int


class OfContent(OfItem, frozen=True, kw_only=True):
    content_index: int


class OfSummary(OfItem, frozen=True, kw_only=True):
    summary_index: int


class Padded(OfItem, frozen=True, kw_only=True):
    """`obfuscation` is there where padding was asked for."""

    delta: str
    obfuscation: str = ""


class ContentPartAdded(OfContent, frozen=True, kw_only=True, tag="response.content_part.added"):
    part: OutputText | Refusal | ReasoningText


class ContentPartDone(OfContent, frozen=True, kw_only=True, tag="response.content_part.done"):
    part: OutputText | Refusal | ReasoningText


class OutputTextDelta(Padded, frozen=True, kw_only=True, tag="response.output_text.delta"):
    content_index: int
    logprobs: tuple[Mapping[str, Any], ...]


class OutputTextDone(OfContent, frozen=True, kw_only=True, tag="response.output_text.done"):
    text: str
    logprobs: tuple[Mapping[str, Any], ...]


class AnnotationAdded(
    OfContent, frozen=True, kw_only=True, tag="response.output_text.annotation.added"
):
    annotation_index: int
    annotation: Mapping[str, Any]


class RefusalDelta(Padded, frozen=True, kw_only=True, tag="response.refusal.delta"):
    content_index: int


class RefusalDone(OfContent, frozen=True, kw_only=True, tag="response.refusal.done"):
    refusal: str


class SummaryPartAdded(
    OfSummary, frozen=True, kw_only=True, tag="response.reasoning_summary_part.added"
):
    part: SummaryText


class SummaryPartDone(
    OfSummary, frozen=True, kw_only=True, tag="response.reasoning_summary_part.done"
):
    part: SummaryText


class SummaryTextDelta(
    Padded, frozen=True, kw_only=True, tag="response.reasoning_summary_text.delta"
):
    summary_index: int


class SummaryTextDone(
    OfSummary, frozen=True, kw_only=True, tag="response.reasoning_summary_text.done"
):
    text: str


class ReasoningTextDelta(Padded, frozen=True, kw_only=True, tag="response.reasoning_text.delta"):
    content_index: int


class ReasoningTextDone(OfContent, frozen=True, kw_only=True, tag="response.reasoning_text.done"):
    text: str


class ArgumentsDelta(
    Padded, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"
): ...


class ArgumentsDone(OfItem, frozen=True, kw_only=True, tag="response.function_call_arguments.done"):
    name: str
    arguments: str


class CustomInputDelta(
    Padded, frozen=True, kw_only=True, tag="response.custom_tool_call_input.delta"
): ...


class CustomInputDone(
    OfItem, frozen=True, kw_only=True, tag="response.custom_tool_call_input.done"
):
    input: str


class FileSearchInProgress(OfItem, frozen=True, tag="response.file_search_call.in_progress"): ...


class FileSearchSearching(OfItem, frozen=True, tag="response.file_search_call.searching"): ...


class FileSearchCompleted(OfItem, frozen=True, tag="response.file_search_call.completed"): ...


class McpToolsInProgress(OfItem, frozen=True, tag="response.mcp_list_tools.in_progress"): ...


class McpToolsCompleted(OfItem, frozen=True, tag="response.mcp_list_tools.completed"): ...


class McpToolsFailed(OfItem, frozen=True, tag="response.mcp_list_tools.failed"): ...


class McpCallInProgress(OfItem, frozen=True, tag="response.mcp_call.in_progress"): ...


class McpCallCompleted(OfItem, frozen=True, tag="response.mcp_call.completed"): ...


class McpCallFailed(OfItem, frozen=True, tag="response.mcp_call.failed"): ...


class McpArgumentsDelta(
    Padded, frozen=True, kw_only=True, tag="response.mcp_call_arguments.delta"
): ...


class McpArgumentsDone(OfItem, frozen=True, kw_only=True, tag="response.mcp_call_arguments.done"):
    arguments: str


ResponseStreamEvent = (
    ResponseCreated
    | ResponseQueued
    | ResponseInProgress
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | AnnotationAdded
    | RefusalDelta
    | RefusalDone
    | SummaryPartAdded
    | SummaryPartDone
    | SummaryTextDelta
    | SummaryTextDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | ArgumentsDelta
    | ArgumentsDone
    | CustomInputDelta
    | CustomInputDone
    | FileSearchInProgress
    | FileSearchSearching
    | FileSearchCompleted
    | McpToolsInProgress
    | McpToolsCompleted
    | McpToolsFailed
    | McpCallInProgress
    | McpCallCompleted
    | McpCallFailed
    | McpArgumentsDelta
    | McpArgumentsDone
)
