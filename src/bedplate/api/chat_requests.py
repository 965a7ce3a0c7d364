"""The body of POST /v1/chat/completions, read strictly and into the domain.

Fields that Bedplate knows are checked; every other one is kept and handed through. Source: OpenAI
API reference, "Create chat completion".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from bedplate.api.chat_messages import read_message
from bedplate.api.chat_tools import ChatTool, read_choice, read_tools
from bedplate.api.json_schemas import check_schema
from bedplate.api.metadata import read_metadata
from bedplate.api.reading import convert, read_object, wrong
from bedplate.domain.chat import ChatRequest
from bedplate.domain.tools import OutputFormat

MAX_STOPS = 16
MOST_MESSAGES = 5_000
"""More than twice of what OpenAI takes. Reading one holds up all other requests for its time."""
MAX_CHOICES = 16
MAX_TOP_LOGPROBS = 20

REPLACED = {"functions": "tools", "function_call": "tool_choice"}
"""Fields that OpenAI gave up, and what came in their place."""

Positive = Annotated[int, Meta(ge=1)]


class StreamOptions(Struct):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class JsonSchema(Struct):
    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    type: str
    json_schema: JsonSchema | None = None


class ChatBody(Struct):
    model: str
    messages: list[dict[str, Any]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Positive | None = None
    tools: list[ChatTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat completion as asked for; `request.extra` holds the unknown fields.

    `stored` are its messages as they came, and `metadata` what they are kept with, where it is to be
    stored. `obfuscate`: chunks are padded, so that their sizes do not tell how long their texts are.
    """

    model: str
    stream: bool
    include_usage: bool
    choices: int
    request: ChatRequest
    stored: tuple[Mapping[str, Any], ...] | None = None
    metadata: Mapping[str, str] | None = None
    obfuscate: bool = False


def read_chat(body: bytes) -> ChatCall:
    """The body of POST /v1/chat/completions; InvalidInput names the field at fault."""
    return chat_of(read_object(body))


def chat_of(raw: Mapping[str, Any]) -> ChatCall:
    """The same, of an object."""
    for name, instead in REPLACED.items():
        if raw.get(name):
            raise wrong(name, f"OpenAI gave this field up; send {instead!r} instead")
    known = convert(raw, ChatBody)
    check_count(known.messages)
    tools = read_tools(known.tools or ())
    extra = {k: v for k, v in raw.items() if k not in ChatBody.__struct_fields__}
    metadata = None
    if known.store:
        metadata = read_metadata(extra.pop("metadata", None))
    elif known.store is not None:
        # A provider that stores unless told otherwise is told so.
        extra["store"] = False
    request = ChatRequest(
        messages=tuple(read_message(m, f"messages.{i}") for i, m in enumerate(known.messages)),
        max_output_tokens=known.max_completion_tokens or known.max_tokens,
        temperature=known.temperature,
        top_p=known.top_p,
        stop=_stops(known.stop),
        seed=known.seed,
        tools=tools,
        tool_choice=read_choice(known.tool_choice, tools),
        parallel_tool_calls=known.parallel_tool_calls if tools else None,
        output=_output(known.response_format),
        reasoning_effort=known.reasoning_effort,
        logprobs=_logprobs(known),
        extra=extra,
    )
    return ChatCall(
        known.model,
        bool(known.stream),
        known.stream_options is not None and bool(known.stream_options.include_usage),
        _choices(known.n),
        request,
        tuple(known.messages) if known.store else None,
        metadata,
        known.stream_options is not None and bool(known.stream_options.include_obfuscation),
    )


def check_count(messages: Sequence[object]) -> None:
    """InvalidInput for none, and for more than are read."""
    if not messages:
        raise wrong("messages", "expected at least one message, got none")
    if (count := len(messages)) > MOST_MESSAGES:
        raise wrong("messages", f"expected at most {MOST_MESSAGES:,} messages, got {count:,}")


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if len(stops) > MAX_STOPS or not all(stops):
        raise wrong("stop", f"expected up to {MAX_STOPS} non-empty strings, got {len(stops)}")
    return stops


def _choices(n: int | None) -> int:
    if n is not None and n > MAX_CHOICES:
        raise wrong("n", f"expected 1 to {MAX_CHOICES}, got {n}")
    return n or 1


def _logprobs(known: ChatBody) -> int | None:
    if known.top_logprobs and not known.logprobs:
        raise wrong("top_logprobs", "needs 'logprobs' to be true")
    return (known.top_logprobs or 0) if known.logprobs else None


def _output(format: ResponseFormat | None) -> OutputFormat | None:
    match format:
        case None | ResponseFormat(type="text"):
            return None
        case ResponseFormat(type="json_object"):
            return OutputFormat()
        case ResponseFormat(type="json_schema", json_schema=JsonSchema() as given):
            schema: Mapping[str, Any] = given.schema or {}
            check_schema(schema, "response_format.json_schema.schema")
            return OutputFormat(schema, given.name, given.description or "", given.strict)
        case ResponseFormat(type="json_schema"):
            raise wrong("response_format.json_schema", "is required")
        case _:
            known = "'text', 'json_object' or 'json_schema'"
            raise wrong("response_format.type", f"expected {known}, got {format.type!r}")
