"""OpenAI's wire types, as its official clients send and read them.

Source: OpenAI API reference ("Chat Completions", "Models", "Embeddings", "Error codes").
A message's `citations` and the `bedplate` object are our extensions; a client may ignore them.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray

from bedplate.domain.answers import Citation, Conflict, Grounding, Rewritten
from bedplate.domain.chat import FinishReason, TokenLogprob, Usage
from bedplate.domain.checks import Checked, Sufficiency
from bedplate.domain.retrieval import SelfQuery
from bedplate.errors import (
    BedplateError,
    BudgetExceeded,
    InvalidInput,
    NotFound,
    RateLimited,
    Unreadable,
)

EncodingFormat = Literal["float", "base64"]


class PromptTokensDetails(Struct, frozen=True):
    cached_tokens: int
    audio_tokens: int = 0
    cache_write_tokens: int | UnsetType = UNSET


class CompletionTokensDetails(Struct, frozen=True):
    reasoning_tokens: int
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class WireUsage(Struct, frozen=True):
    """`cost_usd` is our extension: what the call cost, where a price is known."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails
    cost_usd: float | UnsetType = UNSET


class Extension(Struct, frozen=True):
    """What a grounded answer says beyond OpenAI's fields."""

    citations: tuple[Citation, ...]
    grounded: Grounding
    refused: bool
    trace_id: str
    rewritten: Rewritten | None = None
    self_query: Mapping[str, SelfQuery] = msgspec.field(default_factory=dict[str, SelfQuery])
    checked: Checked | None = None
    conflicts: tuple[Conflict, ...] = ()
    sufficiency: Sufficiency | None = None


class FunctionCall(Struct, frozen=True):
    name: str
    arguments: str


class CustomCall(Struct, frozen=True):
    name: str
    input: str


class ToolCallMessage(Struct, frozen=True):
    """Has the field that its type is called by."""

    id: str
    function: FunctionCall | UnsetType = UNSET
    custom: CustomCall | UnsetType = UNSET
    type: Literal["function", "custom"] = "function"


class TopLogprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None


class TokenLogprobs(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None
    top_logprobs: tuple[TopLogprob, ...]


class ChoiceLogprobs(Struct, frozen=True):
    """Of the text, or of a refusal in its place."""

    content: tuple[TokenLogprobs, ...] | None = None
    refusal: tuple[TokenLogprobs, ...] | None = None


class AssistantMessage(Struct, frozen=True):
    """`content` is null where the model called tools and said nothing. Thoughts are extensions
    that other servers have too: as text, and in the form in which the provider wants them back.
    """

    content: str | None
    role: Literal["assistant"] = "assistant"
    refusal: str | None = None
    annotations: tuple[()] = ()
    tool_calls: tuple[ToolCallMessage, ...] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning_details: Any = UNSET
    citations: tuple[Citation, ...] | UnsetType = UNSET


class Choice(Struct, frozen=True):
    message: AssistantMessage
    finish_reason: FinishReason
    index: int = 0
    logprobs: ChoiceLogprobs | None = None


class ChatCompletion(Struct, frozen=True):
    """`system_fingerprint`, `service_tier` and `moderation` are the provider's, where it sends them;
    `metadata` is there where it was stored.
    """

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: WireUsage
    object: Literal["chat.completion"] = "chat.completion"
    system_fingerprint: str | UnsetType = UNSET
    service_tier: str | UnsetType = UNSET
    moderation: Mapping[str, Any] | UnsetType = UNSET
    metadata: Mapping[str, str] | UnsetType = UNSET
    bedplate: Extension | UnsetType = UNSET


class FunctionDelta(Struct, frozen=True):
    name: str | UnsetType = UNSET
    arguments: str = ""


class CustomDelta(Struct, frozen=True):
    name: str | UnsetType = UNSET
    input: str = ""


class CallDelta(Struct, frozen=True):
    """The first of a call has its id, type and name, later ones only more of what it is called with."""

    index: int
    function: FunctionDelta | UnsetType = UNSET
    custom: CustomDelta | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: Literal["function", "custom"] | UnsetType = UNSET


class Delta(Struct, frozen=True):
    """The first carries the role, the following text, thoughts or calls, the last nothing."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType = UNSET
    tool_calls: tuple[CallDelta, ...] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning_details: Any = UNSET


class ChunkChoice(Struct, frozen=True):
    delta: Delta = Delta()
    finish_reason: FinishReason | None = None
    index: int = 0
    logprobs: ChoiceLogprobs | None = None


class ChatCompletionChunk(Struct, frozen=True):
    """`usage` is left out, or null until the last chunk when the client asked for it there."""

    id: str
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    system_fingerprint: str | UnsetType = UNSET
    service_tier: str | UnsetType = UNSET
    moderation: Mapping[str, Any] | UnsetType = UNSET
    usage: WireUsage | UnsetType | None = UNSET
    bedplate: Extension | UnsetType = UNSET


ModelKind = Literal["model", "assistant", "embedder"]


class Model(Struct, frozen=True):
    """`kind` is beyond OpenAI's fields."""

    id: str
    created: int
    kind: ModelKind
    owned_by: str = "bedplate"
    object: Literal["model"] = "model"


class ModelList(Struct, frozen=True):
    data: tuple[Model, ...]
    object: Literal["list"] = "list"


class DeletedObject(Struct, frozen=True):
    """`object` is what it was, "chat.completion.deleted" or the like."""

    id: str
    object: str
    deleted: bool = True


class StoredMessage(Struct, frozen=True):
    """A message of a stored completion as it was sent, in parts or not; it may have further fields."""

    id: str
    role: str
    content: str | None = None
    content_parts: list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[ToolCallMessage] | UnsetType = UNSET


class StoredMessageList(Struct, frozen=True):
    data: tuple[StoredMessage, ...]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class ChatCompletionList(Struct, frozen=True):
    data: tuple[ChatCompletion, ...]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class Embedding(Struct, frozen=True):
    """Numbers, or the base64 of little-endian 32-bit floats."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingUsage(Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True):
    data: tuple[Embedding, ...]
    model: str
    usage: EmbeddingUsage
    object: Literal["list"] = "list"


class ErrorBody(Struct, frozen=True):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorEnvelope(Struct, frozen=True):
    """The body of every error answer, and the event that ends a stream with one."""

    error: ErrorBody


def wire_usage(usage: Usage) -> WireUsage:
    return WireUsage(
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        PromptTokensDetails(
            usage.cached_tokens, cache_write_tokens=usage.cache_write_tokens or UNSET
        ),
        CompletionTokensDetails(usage.reasoning_tokens),
        UNSET if usage.cost_usd is None else float(usage.cost_usd),
    )


def wire_logprobs(
    tokens: Sequence[TokenLogprob], refusal: Sequence[TokenLogprob] = ()
) -> ChoiceLogprobs | None:
    """None where the model reported none, neither of its text nor of its `refusal`."""
    if not (tokens or refusal):
        return None
    return ChoiceLogprobs(_logprobs(tokens) or None, _logprobs(refusal) or None)


def _logprobs(tokens: Sequence[TokenLogprob]) -> tuple[TokenLogprobs, ...]:
    return tuple(
        TokenLogprobs(
            token.token,
            token.logprob,
            token.bytes,
            tuple(TopLogprob(top.token, top.logprob, top.bytes) for top in token.top),
        )
        for token in tokens
    )


def error_envelope(error: BedplateError, type: str) -> ErrorEnvelope:
    """`type` is OpenAI's word for the class of error, e.g. "invalid_request_error"."""
    param = error.param if isinstance(error, InvalidInput | NotFound) else None
    return ErrorEnvelope(ErrorBody(error.message, type, param, _code(error)))


def _code(error: BedplateError) -> str:
    """OpenAI's code for what it has one for, and of a document the reason it cannot be read."""
    match error:
        case NotFound(param="model"):
            return "model_not_found"
        case Unreadable():
            return error.reason
        case BudgetExceeded():
            return "insufficient_quota"
        case RateLimited():
            return "rate_limit_exceeded"
        case _:
            return error.code


def wire_vector(row: NDArray[np.float32], encoding_format: EncodingFormat) -> list[float] | str:
    if encoding_format == "base64":
        return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")
    return cast(list[float], row.tolist())


def encode(payload: Struct | Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(payload)
