"""The body of POST /v1/messages, read strictly and into the domain.

Fields that Bedplate knows are checked; every other one is kept and handed through. Source: Claude
API reference, "Create a Message".
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bedplate.api.chat_requests import ChatCall, check_count
from bedplate.api.chat_tools import MAX_TOOLS, check_name
from bedplate.api.json_schemas import check_schema
from bedplate.api.messages_blocks import read_system, read_turn
from bedplate.api.reading import convert, read_object, wrong
from bedplate.domain.chat import ChatRequest, Message
from bedplate.domain.tools import OutputFormat, ToolChoice, ToolSpec

MAX_STOPS = 16

EFFORTS = {2_047: "minimal", 8_191: "low", 16_383: "medium", 32_767: "high"}
"""What a budget of thinking, up to so many tokens, asks for as an effort."""
MOST_EFFORT = "xhigh"
DEFAULT_EFFORT = "high"

Positive = Annotated[int, Meta(ge=1)]


class Tool(Struct):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class Choice(Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Positive | None = None


class Format(Struct):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct):
    effort: str | None = None
    format: Format | None = None


class MessagesBody(Struct):
    model: str
    messages: list[dict[str, Any]]
    max_tokens: Positive | None = None
    system: str | list[dict[str, Any]] | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None


def read_messages(body: bytes) -> ChatCall:
    """The body of POST /v1/messages; InvalidInput names the field at fault."""
    raw = read_object(body)
    known = convert(raw, MessagesBody)
    if known.max_tokens is None:
        raise wrong("max_tokens", "is required")
    return _call(raw, known)


def read_counted(body: bytes) -> ChatCall:
    """The body of POST /v1/messages/count_tokens: the same without a limit."""
    raw = read_object(body)
    return _call(raw, convert(raw, MessagesBody))


def _call(raw: Mapping[str, Any], known: MessagesBody) -> ChatCall:
    check_count(known.messages)
    tools = _tools(known.tools or ())
    choice = known.tool_choice or Choice("auto")
    output = known.output_config or OutputConfig()
    request = ChatRequest(
        messages=tuple(_conversation(known)),
        max_output_tokens=known.max_tokens,
        temperature=known.temperature,
        top_p=known.top_p,
        stop=_stops(known.stop_sequences or ()),
        tools=tools,
        tool_choice=_choice(choice, tools) if known.tool_choice else None,
        parallel_tool_calls=False if tools and choice.disable_parallel_tool_use else None,
        output=OutputFormat(output.format.schema) if output.format else None,
        reasoning_effort=_effort(known.thinking, output.effort),
        extra={k: v for k, v in raw.items() if k not in MessagesBody.__struct_fields__},
    )
    return ChatCall(
        known.model, stream=bool(known.stream), include_usage=True, choices=1, request=request
    )


def _conversation(known: MessagesBody) -> list[Message]:
    turns = [read_system(known.system)] if known.system else []
    for number, raw in enumerate(known.messages):
        turns += read_turn(raw, f"messages.{number}")
    return turns


def _stops(stops: Sequence[str]) -> tuple[str, ...]:
    if len(stops) > MAX_STOPS or not all(stops):
        what = f"expected up to {MAX_STOPS} non-empty strings, got {len(stops)}"
        raise wrong("stop_sequences", what)
    return tuple(stops)


def _tools(tools: Sequence[Tool]) -> tuple[ToolSpec, ...]:
    if len(tools) > MAX_TOOLS:
        raise wrong("tools", f"expected at most {MAX_TOOLS} tools, got {len(tools)}")
    specs: dict[str, ToolSpec] = {}
    for at, tool in enumerate(tools):
        if tool.type not in {None, "custom"}:
            raise wrong(f"tools.{at}.type", f"only 'custom' tools are taken, got {tool.type!r}")
        check_name(tool.name, f"tools.{at}.name")
        if tool.name in specs:
            raise wrong(f"tools.{at}.name", f"{tool.name!r} is there twice")
        if tool.input_schema is None:
            raise wrong(f"tools.{at}.input_schema", "is required")
        check_schema(tool.input_schema, f"tools.{at}.input_schema")
        specs[tool.name] = ToolSpec(
            tool.name, tool.description or "", tool.input_schema, tool.strict
        )
    return tuple(specs.values())


def _choice(choice: Choice, tools: Sequence[ToolSpec]) -> ToolChoice | None:
    known = [tool.name for tool in tools]
    if choice.type in {"any", "tool"} and not tools:
        raise wrong("tool_choice", "a tool must be called, but 'tools' is empty")
    match choice.type:
        case "tool" if choice.name is None:
            raise wrong("tool_choice.name", "is required")
        case "tool" if choice.name not in known:
            what = f"there is no tool {choice.name!r}; tools: {', '.join(known)}"
            raise wrong("tool_choice.name", what)
        case "tool":
            return ToolChoice("required", (str(choice.name),))
        case "any":
            return ToolChoice("required")
        case "none":
            return ToolChoice("none") if tools else None
        case "auto":
            return ToolChoice("auto") if tools else None


def _effort(thinking: Thinking | None, effort: str | None) -> str | None:
    match thinking:
        case Thinking("enabled", None):
            raise wrong("thinking.budget_tokens", "is required")
        case Thinking("enabled", int() as budget):
            return next((word for most, word in EFFORTS.items() if budget <= most), MOST_EFFORT)
        case Thinking("adaptive"):
            return effort or DEFAULT_EFFORT
        case _:
            return None
