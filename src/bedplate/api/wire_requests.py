"""OpenAI's request bodies, read strictly and into the domain.

Fields that Bedplate knows are checked; every other one is kept and handed through. What is wrong
is named by its path: "messages.0.content: expected string or parts, got int". A message's `name`
is not carried.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeGuard, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from bedplate.api.wire import EncodingFormat
from bedplate.domain.chat import ChatRequest, Message, Role
from bedplate.errors import InvalidInput

T = TypeVar("T")

MAX_INPUTS = 2048
MAX_STOPS = 16
UNSUPPORTED_IN_MESSAGES = ("tool_calls", "function_call", "tool_call_id", "audio")

Positive = Annotated[int, Meta(ge=1)]

_JSON_NAMES = {
    "str": "string",
    "int": "int",
    "float": "number",
    "bool": "boolean",
    "array": "list",
    "dict": "object",
    "NoneType": "null",
}


class WireMessage(Struct):
    role: Role
    content: Any = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class ChatBody(Struct):
    model: str
    messages: list[dict[str, Any]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None


class EmbeddingsBody(Struct):
    model: str
    input: Any
    encoding_format: EncodingFormat | None = None
    dimensions: Positive | None = None


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat completion as asked for; `request.extra` holds the unknown fields."""

    model: str
    stream: bool
    include_usage: bool
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class EmbeddingsCall:
    """`input` is texts, or token ids a text; `dimensions` is None where the client left it open."""

    model: str
    input: tuple[str, ...] | tuple[tuple[int, ...], ...]
    encoding_format: EncodingFormat
    dimensions: int | None


def read_chat(body: bytes) -> ChatCall:
    """The body of POST /v1/chat/completions; InvalidInput names the field at fault."""
    raw = _read_object(body)
    known = _convert(raw, ChatBody)
    if not known.messages:
        raise _wrong("messages", "expected at least one message, got none")
    if known.n not in (None, 1):
        raise _wrong("n", f"only one choice can be made, got {known.n}")
    stops = (known.stop,) if isinstance(known.stop, str) else tuple(known.stop or ())
    if len(stops) > MAX_STOPS or not all(stops):
        raise _wrong("stop", f"expected up to {MAX_STOPS} non-empty strings, got {len(stops)}")
    request = ChatRequest(
        messages=tuple(_message(m, f"messages.{i}") for i, m in enumerate(known.messages)),
        max_output_tokens=known.max_completion_tokens or known.max_tokens,
        temperature=known.temperature,
        top_p=known.top_p,
        stop=stops,
        seed=known.seed,
        extra={k: v for k, v in raw.items() if k not in ChatBody.__struct_fields__},
    )
    options = known.stream_options
    include_usage = options is not None and bool(options.include_usage)
    return ChatCall(known.model, bool(known.stream), include_usage, request)


def read_embeddings(body: bytes) -> EmbeddingsCall:
    """The body of POST /v1/embeddings; InvalidInput names the field at fault."""
    known = _convert(_read_object(body), EmbeddingsBody)
    return EmbeddingsCall(
        known.model, _inputs(known.input), known.encoding_format or "float", known.dimensions
    )


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise InvalidInput(f"The body: expected object, got {_kind(raw)}.")
    return cast(dict[str, Any], raw)


def _convert(raw: Mapping[str, Any], type: type[T], prefix: str = "") -> T:
    try:
        return msgspec.convert(raw, type)
    except msgspec.ValidationError as error:
        where, what = _explain(str(error))
        raise _wrong(".".join(part for part in (prefix, where) if part), what) from error


def _explain(message: str) -> tuple[str, str]:
    """A msgspec message as the field's path and what is wrong with it."""
    what, _, at = message.partition(" - at `$")
    path = at.rstrip("`").replace("[", ".").replace("]", "").strip(".")
    missing = re.fullmatch(r"Object missing required field `(.+)`", what)
    if missing:
        return f"{path}.{missing[1]}".strip("."), "is required"
    what = what.replace("Invalid enum value", "unknown value")
    what = re.sub(r"`([^`]+)`", lambda match: _plain(match[1]), what)
    return path, what[:1].lower() + what[1:]


def _plain(types: str) -> str:
    return " or ".join(_JSON_NAMES.get(name, name) for name in types.split(" | "))


def _message(raw: Mapping[str, Any], where: str) -> Message:
    for name in UNSUPPORTED_IN_MESSAGES:
        if raw.get(name):
            raise _wrong(f"{where}.{name}", "not supported; leave it out")
    known = _convert(raw, WireMessage, where)
    if known.content is None and known.role == "assistant":
        return Message(known.role, "")
    return Message(known.role, _content(known.content, f"{where}.content"))


def _content(content: Any, where: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _wrong(where, f"expected string or parts, got {_kind(content)}")
    parts = cast(list[Any], content)
    return "".join(_part(part, f"{where}.{number}") for number, part in enumerate(parts))


def _part(raw: Any, where: str) -> str:
    if not isinstance(raw, dict):
        raise _wrong(where, f"expected object, got {_kind(raw)}")
    part = cast(dict[str, Any], raw)
    if part.get("type") != "text":
        raise _wrong(f"{where}.type", f"only 'text' parts are supported, got {part.get('type')!r}")
    text = part.get("text")
    if not isinstance(text, str):
        raise _wrong(f"{where}.text", f"expected string, got {_kind(text)}")
    return text


def _inputs(value: Any) -> tuple[str, ...] | tuple[tuple[int, ...], ...]:
    if isinstance(value, str):
        return (_text(value, "input"),)
    if _is_token_list(value):
        return (tuple(value),)
    if not isinstance(value, list):
        raise _wrong("input", f"expected string or list, got {_kind(value)}")
    items = cast(list[Any], value)
    if not 0 < len(items) <= MAX_INPUTS:
        raise _wrong("input", f"expected 1 to {MAX_INPUTS} inputs, got {len(items)}")
    if isinstance(items[0], list):
        return tuple(_tokens(item, f"input.{at}") for at, item in enumerate(items))
    return tuple(_text(item, f"input.{at}") for at, item in enumerate(items))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(where, f"expected string, got {_kind(value)}")
    if not value:
        raise _wrong(where, "must not be empty")
    return value


def _tokens(value: Any, where: str) -> tuple[int, ...]:
    if not _is_token_list(value):
        raise _wrong(where, "expected a list of token ids, as the inputs before it")
    return tuple(value)


def _is_token_list(value: Any) -> TypeGuard[list[int]]:
    if not isinstance(value, list) or not value:
        return False
    return all(type(item) is int and item >= 0 for item in cast(list[Any], value))


def _kind(value: Any) -> str:
    return _JSON_NAMES.get(type(value).__name__, type(value).__name__)


def _wrong(param: str, what: str) -> InvalidInput:
    return InvalidInput(f"{param}: {what}" if param else f"The body: {what}", param=param or None)
