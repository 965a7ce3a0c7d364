"""One message of OpenAI's chat wire, into the domain. Source: its API reference, "messages"."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from msgspec import Struct

from bedplate.api.reading import convert, kind, wrong
from bedplate.domain.chat import ImagePart, Message, Role, TextPart
from bedplate.domain.tools import ToolCall

PLAIN = frozenset({"system", "developer", "user"})
"""Roles whose messages are mostly text and nothing else."""

UNSUPPORTED = ("function_call", "audio")
IMAGE_SCHEMES = ("https://", "http://", "data:image/")


class WireMessage(Struct):
    role: Role
    content: Any = None
    name: str | None = None
    tool_calls: list["WireCall"] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_details: Any = None


class WireFunction(Struct):
    name: str
    arguments: str


class WireCustom(Struct):
    name: str
    input: str


class WireCall(Struct):
    """Some clients leave the type of a function's call out."""

    id: str
    type: Literal["function", "custom"] = "function"
    function: WireFunction | None = None
    custom: WireCustom | None = None


class ImageUrl(Struct):
    url: str
    detail: str | None = None


def read_message(raw: Mapping[str, Any], where: str) -> Message:
    """A message of any role; InvalidInput names the field at fault by its path."""
    for name in UNSUPPORTED:
        if raw.get(name):
            raise wrong(f"{where}.{name}", "not supported; leave it out")
    known = convert(raw, WireMessage, where)
    if type(known.content) is str and known.role in PLAIN and not known.tool_calls:
        return Message(
            known.role,
            known.content,
            tool_call_id=known.tool_call_id,
            name=known.name,
            reasoning=known.reasoning_details,
        )
    _check_role(known, where)
    parts = _parts(known, f"{where}.content")
    return Message(
        known.role,
        "".join(part.text for part in parts if isinstance(part, TextPart)),
        parts=parts if any(isinstance(part, ImagePart) for part in parts) else (),
        tool_calls=tuple(
            _call(call, f"{where}.tool_calls.{at}")
            for at, call in enumerate(known.tool_calls or ())
        ),
        tool_call_id=known.tool_call_id,
        name=known.name,
        reasoning=known.reasoning_details,
    )


def _call(call: WireCall, where: str) -> ToolCall:
    if call.type == "custom" and call.custom is not None:
        return ToolCall(call.id, call.custom.name, call.custom.input, custom=True)
    if call.type == "function" and call.function is not None:
        return ToolCall(call.id, call.function.name, call.function.arguments)
    raise wrong(f"{where}.{call.type}", "is required")


def _check_role(message: WireMessage, where: str) -> None:
    if message.tool_calls and message.role != "assistant":
        raise wrong(f"{where}.tool_calls", f"only an assistant calls tools, not {message.role!r}")
    if message.role == "tool" and not message.tool_call_id:
        raise wrong(f"{where}.tool_call_id", "is required in a tool's message")


def _parts(message: WireMessage, where: str) -> tuple[TextPart | ImagePart, ...]:
    content: Any = message.content
    if content is None and message.role == "assistant":
        content = message.refusal or ""
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, list):
        raise wrong(where, f"expected string or parts, got {kind(content)}")
    parts = cast(list[Any], content)
    return tuple(
        _part(part, message.role, f"{where}.{number}") for number, part in enumerate(parts)
    )


def _part(raw: Any, role: Role, where: str) -> TextPart | ImagePart:
    if not isinstance(raw, dict):
        raise wrong(where, f"expected object, got {kind(raw)}")
    part = cast(dict[str, Any], raw)
    match part.get("type"):
        case "text":
            return TextPart(_text(part.get("text"), f"{where}.text"))
        case "refusal" if role == "assistant":
            return TextPart(_text(part.get("refusal"), f"{where}.refusal"))
        case "image_url" if role == "user":
            return _image(part.get("image_url"), f"{where}.image_url")
        case other:
            known = "'text', 'image_url' and 'file'" if role == "user" else "'text'"
            raise wrong(f"{where}.type", f"only {known} parts are supported, got {other!r}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise wrong(where, f"expected string, got {kind(value)}")
    return value


def _image(raw: Any, where: str) -> ImagePart:
    if not isinstance(raw, dict):
        raise wrong(where, f"expected object, got {kind(raw)}")
    image = convert(cast(dict[str, Any], raw), ImageUrl, where)
    if not image.url.startswith(IMAGE_SCHEMES):
        raise wrong(f"{where}.url", f"expected https or a data:image/ URL, got {image.url[:40]!r}")
    return ImagePart(image.url, image.detail)
