"""The body of POST /v1/responses, read strictly. Source: OpenAI API reference, "Create a model
response". As there, a field that is not known is refused.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bedplate.api.chat_requests import Positive
from bedplate.api.json_schemas import check_schema
from bedplate.api.metadata import read_metadata
from bedplate.api.reading import convert, kind, read_object, wrong
from bedplate.api.responses_items import read_input
from bedplate.api.responses_tools import Tools, read_choice, read_tools
from bedplate.domain.chat import ChatRequest
from bedplate.domain.tools import OutputFormat, ToolChoice
from bedplate.errors import UnknownParameter
from bedplate.responses.items import Item, ItemReference
from bedplate.responses.searching import spec

MAX_TOP_LOGPROBS = 20

INCLUDABLE = frozenset(
    {
        "file_search_call.results",
        "message.output_text.logprobs",
        "message.input_image.image_url",
        "reasoning.encrypted_content",
        "web_search_call.results",
        "web_search_call.action.sources",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    }
)
"""OpenAI's; those about tools that are not here have no effect."""

WITHOUT_EFFECT = frozenset(
    {
        "access_programs",
        "background_options",
        "context_management",
        "image",
    }
)
"""About OpenAI's own machines."""

SERVING = ("service_tier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention")
"""How a model's server is to serve it; the answer is the same."""

ANSWERLESS = ("prompt", "moderation")
"""Fields that ask for something an answer here cannot carry."""


class ReasoningOptions(Struct):
    effort: str | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class TextFormat(Struct):
    type: str
    name: str | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class TextOptions(Struct):
    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class StreamOptions(Struct):
    include_obfuscation: bool | None = None


class ResponsesBody(Struct):
    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    include: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: Positive | None = None
    max_output_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    safety_identifier: str | None = None
    user: str | None = None
    stream_options: StreamOptions | None = None


class CompactBody(Struct):
    """Of POST /v1/responses/compact; the fields but these are about OpenAI's own machines."""

    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseCall:
    """A response as asked for. `request` has neither messages nor the search among its tools.

    `must_search` where the choice of tools leaves nothing but the search, `may_search` unless it
    leaves that out. `body` is what was read, for what the response repeats.
    """

    body: ResponsesBody
    input: tuple[Item | ItemReference, ...]
    request: ChatRequest
    tools: Tools
    may_search: bool
    must_search: bool
    include: frozenset[str]
    metadata: Mapping[str, str]
    conversation: str | None
    store: bool

    @property
    def pads(self) -> bool:
        """Whether events are padded, so that their sizes do not tell how long their texts are."""
        options = self.body.stream_options
        return options is not None and bool(options.include_obfuscation)


def read_response(body: bytes) -> ResponseCall:
    """The body of POST /v1/responses; InvalidInput names the field at fault."""
    raw = read_object(body)
    for name in ANSWERLESS:
        if raw.get(name) is not None:
            raise wrong(name, "not supported yet; leave it out")
    fields = known_fields(raw, ResponsesBody, {*WITHOUT_EFFECT, *ANSWERLESS})
    return read_call(convert(fields, ResponsesBody))


def known_fields(
    raw: Mapping[str, Any], struct: type[Struct], ignored: Collection[str]
) -> Mapping[str, Any]:
    """Those that the type has; UnknownParameter for one that is neither there nor ignored."""
    for name in raw:
        if name not in struct.__struct_fields__ and name not in ignored:
            raise UnknownParameter(f"Unknown parameter: {name!r:.100}.", param=name)
    return {name: value for name, value in raw.items() if name not in ignored}


def read_call(known: ResponsesBody) -> ResponseCall:
    """What is asked for by fields of the right types; InvalidInput names the one at fault."""
    if known.previous_response_id and known.conversation:
        raise wrong("previous_response_id", "cannot be sent together with 'conversation'")
    store = known.store is not False
    if known.background and not store:
        raise wrong("background", "needs 'store' to be true")
    tools = read_tools(known.tools or ())
    search_name = spec([tool.name for tool in tools.functions]).name
    choice, must_search = read_choice(known.tool_choice, tools, search_name=search_name)
    include = _include(known.include)
    asks_logprobs = "message.output_text.logprobs" in include or bool(known.top_logprobs)
    request = ChatRequest(
        messages=(),
        max_output_tokens=known.max_output_tokens,
        temperature=known.temperature,
        top_p=known.top_p,
        tools=tools.functions,
        tool_choice=choice if tools.shown else None,
        parallel_tool_calls=known.parallel_tool_calls if tools.functions else None,
        output=_output(known.text.format if known.text else None),
        reasoning_effort=known.reasoning.effort if known.reasoning else None,
        logprobs=(known.top_logprobs or 0) if asks_logprobs else None,
        extra=_handed_on(known),
        hints={name: value for name in SERVING if (value := getattr(known, name)) is not None},
    )
    return ResponseCall(
        body=known,
        input=() if known.input is None else read_input(known.input),
        request=request,
        tools=tools,
        may_search=tools.search is not None and _allows(choice, search_name),
        must_search=must_search,
        include=include,
        metadata=read_metadata(known.metadata),
        conversation=_conversation(known.conversation),
        store=store,
    )


def read_include(given: list[str] | None) -> frozenset[str]:
    return _include(given)


def _include(given: list[str] | None) -> frozenset[str]:
    for at, name in enumerate(given or ()):
        if name not in INCLUDABLE:
            known = ", ".join(sorted(INCLUDABLE))
            raise wrong(f"include.{at}", f"expected one of {known}, got {name!r:.100}")
    return frozenset(given or ())


def _allows(choice: ToolChoice | None, name: str) -> bool:
    return choice is None or (choice.mode != "none" and (not choice.names or name in choice.names))


def _conversation(given: str | Mapping[str, Any] | None) -> str | None:
    id: Any = given.get("id") if isinstance(given, Mapping) else given
    if given is not None and not isinstance(id, str):
        raise wrong("conversation.id", f"expected string, got {kind(id)}")
    return id


def _handed_on(known: ResponsesBody) -> Mapping[str, Any]:
    """What a chat completion calls the same, and is not read by Bedplate."""
    given = {
        "presence_penalty": known.presence_penalty,
        "frequency_penalty": known.frequency_penalty,
        "verbosity": known.text.verbosity if known.text else None,
        "safety_identifier": known.safety_identifier,
        "user": known.user,
    }
    return {name: value for name, value in given.items() if value is not None}


def _output(format: TextFormat | None) -> OutputFormat | None:
    match format:
        case None | TextFormat(type="text"):
            return None
        case TextFormat(type="json_object"):
            return OutputFormat()
        case TextFormat(type="json_schema", name=str(name), schema=dict(schema)):
            check_schema(schema, "text.format.schema")
            return OutputFormat(schema, name, format.description or "", format.strict)
        case TextFormat(type="json_schema"):
            missing = "name" if format.name is None else "schema"
            raise wrong(f"text.format.{missing}", "is required")
        case _:
            known = "'text', 'json_object' or 'json_schema'"
            raise wrong("text.format.type", f"expected {known}, got {format.type!r:.100}")
