"""A response as OpenAI's wire has it. Source: OpenAI API reference, "The response object"."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from bedplate.domain.answers import Citation, Conflict, Grounding
from bedplate.domain.chat import Usage
from bedplate.domain.checks import Checked
from bedplate.errors import BedplateError, InvalidInput, RateLimited, UpstreamRateLimited
from bedplate.responses.items import Item

Status = Literal["completed", "failed", "in_progress", "cancelled", "queued", "incomplete"]
ENDED: frozenset[Status] = frozenset({"completed", "failed", "cancelled", "incomplete"})


class ResponseError(Struct, frozen=True):
    """`code` is one of OpenAI's words, e.g. "server_error"."""

    code: str
    message: str


class IncompleteDetails(Struct, frozen=True):
    reason: Literal["max_output_tokens", "content_filter"]


class ConversationReference(Struct, frozen=True):
    id: str


class InputTokensDetails(Struct, frozen=True):
    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(Struct, frozen=True):
    reasoning_tokens: int


class ResponseUsage(Struct, frozen=True):
    """`cost_usd` is our extension: what it cost, where a price is known."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int
    cost_usd: float | UnsetType = UNSET


class Grounded(Struct, frozen=True):
    """What a grounded answer says beyond OpenAI's fields."""

    citations: tuple[Citation, ...]
    grounded: Grounding
    refused: bool
    trace_id: str
    checked: Checked | None = None
    conflicts: tuple[Conflict, ...] = ()


class Response(Struct, frozen=True, kw_only=True):
    """Settings are echoed as they were asked for, or with the value that holds in their place;
    `service_tier` is what the model's server says.
    """

    id: str
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: Status
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    model: str
    output: tuple[Item, ...] = ()
    usage: ResponseUsage | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: ConversationReference | None = None
    background: bool = False
    store: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    parallel_tool_calls: bool = True
    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    top_logprobs: int = 0
    tool_choice: str | Mapping[str, Any] = "auto"
    tools: tuple[Mapping[str, Any], ...] = ()
    text: Mapping[str, Any] = field(default_factory=lambda: {"format": {"type": "text"}})
    reasoning: Mapping[str, Any] = field(default_factory=lambda: {"effort": None, "summary": None})
    truncation: Literal["auto", "disabled"] = "disabled"
    service_tier: str = "default"
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | UnsetType = UNSET
    safety_identifier: str | None = None
    user: str | None = None
    bedplate: Grounded | UnsetType = UNSET


class CompactedResponse(Struct, frozen=True):
    """A conversation in less room. Source: OpenAI API reference, "Compact a response"."""

    id: str
    created_at: int
    output: tuple[Item, ...]
    usage: ResponseUsage
    object: Literal["response.compaction"] = "response.compaction"


class InputTokens(Struct, frozen=True):
    """An estimate, rather too high: what Bedplate itself reckons with before a call."""

    input_tokens: int
    object: Literal["response.input_tokens"] = "response.input_tokens"


def response_usage(usage: Usage) -> ResponseUsage:
    return ResponseUsage(
        usage.input_tokens,
        InputTokensDetails(usage.cached_tokens, usage.cache_write_tokens),
        usage.output_tokens,
        OutputTokensDetails(usage.reasoning_tokens),
        usage.total_tokens,
        UNSET if usage.cost_usd is None else float(usage.cost_usd),
    )


def failure_of(error: BedplateError) -> ResponseError:
    """An error that came too late for a status, in OpenAI's words."""
    match error:
        case RateLimited() | UpstreamRateLimited():
            return ResponseError("rate_limit_exceeded", error.message)
        case InvalidInput():
            return ResponseError("invalid_prompt", error.message)
        case _:
            return ResponseError("server_error", error.message)
