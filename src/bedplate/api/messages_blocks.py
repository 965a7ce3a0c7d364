"""The turns of a conversation in Anthropic's wire, into the domain.

Source: Claude API reference, "Messages". What a provider wants back of its thoughts travels through
a client as a block that clients return as they got it: see `thoughts_block`.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from bedplate.api.reading import convert, kind, wrong
from bedplate.domain.chat import ImagePart, Message, TextPart
from bedplate.domain.tools import ToolCall

Part = TextPart | ImagePart

THOUGHTS = "bedplate:"
"""How the data of a block of ours begins."""


class Turn(Struct):
    role: Literal["user", "assistant"]
    content: Any


class Text(Struct):
    text: str


class Source(Struct):
    type: Literal["base64", "url"]
    media_type: str = ""
    data: str = ""
    url: str = ""


class Image(Struct):
    source: Source


class ToolUse(Struct):
    id: str
    name: str
    input: dict[str, Any]


class ToolResult(Struct):
    tool_use_id: str
    content: Any = ""
    is_error: bool | None = None


class Redacted(Struct):
    data: str


def thoughts_block(reasoning: object) -> Mapping[str, str]:
    """A provider's thoughts, in the form in which it wants them back, as a block for the client."""
    data = base64.b64encode(msgspec.json.encode(reasoning)).decode()
    return {"type": "redacted_thinking", "data": THOUGHTS + data}


def read_system(system: str | Sequence[Mapping[str, Any]]) -> Message:
    if isinstance(system, str):
        return Message("system", system)
    texts = [_text(block, f"system.{at}") for at, block in enumerate(system)]
    return Message("system", "\n\n".join(texts))


def read_turn(raw: Mapping[str, Any], where: str) -> list[Message]:
    """One message; of a user's one more for each result of a tool in it, before it."""
    turn = convert(raw, Turn, where)
    blocks = _blocks(turn.content, f"{where}.content")
    if turn.role == "assistant":
        return [_assistant(blocks, f"{where}.content")]
    return _user(blocks, f"{where}.content")


def _blocks(content: Any, where: str) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise wrong(where, f"expected string or blocks, got {kind(content)}")
    blocks = cast(list[Any], content)
    for at, block in enumerate(blocks):
        if not isinstance(block, dict):
            raise wrong(f"{where}.{at}", f"expected object, got {kind(block)}")
    return blocks


def _user(blocks: Sequence[Mapping[str, Any]], where: str) -> list[Message]:
    results: list[Message] = []
    parts: list[Part] = []
    for at, block in enumerate(blocks):
        here = f"{where}.{at}"
        match block.get("type"):
            case "text":
                parts.append(TextPart(_text(block, here)))
            case "image":
                parts.append(_image(convert(block, Image, here).source, here))
            case "tool_result":
                results.append(_result(convert(block, ToolResult, here), here))
            case other:
                raise _unknown(other, here, "'text', 'image' and 'tool_result'")
    if parts or not results:
        results.append(_spoken(parts))
    return results


def _spoken(parts: Sequence[Part]) -> Message:
    shown = any(isinstance(part, ImagePart) for part in parts)
    return Message("user", _joined(parts), parts=tuple(parts) if shown else ())


def _assistant(blocks: Sequence[Mapping[str, Any]], where: str) -> Message:
    texts: list[Part] = []
    calls: list[ToolCall] = []
    reasoning: Any = None
    for at, block in enumerate(blocks):
        here = f"{where}.{at}"
        match block.get("type"):
            case "text":
                texts.append(TextPart(_text(block, here)))
            case "tool_use":
                use = convert(block, ToolUse, here)
                calls.append(ToolCall(use.id, use.name, json.dumps(use.input, ensure_ascii=False)))
            case "redacted_thinking":
                reasoning = _thoughts(convert(block, Redacted, here).data, here)
            case "thinking":
                # Shown to the client; what the provider wants back is in the block above.
                pass
            case other:
                raise _unknown(other, here, "'text', 'tool_use' and blocks of thinking")
    return Message("assistant", _joined(texts), tool_calls=tuple(calls), reasoning=reasoning)


def _thoughts(data: str, where: str) -> Any:
    if not data.startswith(THOUGHTS):
        raise wrong(f"{where}.data", "these thoughts are not from an answer of this server")
    try:
        return msgspec.json.decode(base64.b64decode(data[len(THOUGHTS) :], validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(f"{where}.data", "must come back as it was sent") from error


def _result(result: ToolResult, where: str) -> Message:
    blocks = _blocks("" if result.content is None else result.content, f"{where}.content")
    texts = [_text(block, f"{where}.content.{at}") for at, block in enumerate(blocks)]
    return Message(
        "tool",
        "\n\n".join(texts),
        tool_call_id=result.tool_use_id,
        failed=bool(result.is_error),
    )


def _text(block: Mapping[str, Any], where: str) -> str:
    if block.get("type") != "text":
        raise _unknown(block.get("type"), where, "'text'")
    return convert(block, Text, where).text


def _image(source: Source, where: str) -> ImagePart:
    if source.type == "base64":
        if not source.media_type.startswith("image/") or not source.data:
            raise wrong(f"{where}.source", "expected 'media_type' of an image, and 'data'")
        return ImagePart(f"data:{source.media_type};base64,{source.data}")
    if not source.url.startswith(("https://", "http://")):
        raise wrong(f"{where}.source.url", f"expected an https URL, got {source.url[:40]!r}")
    return ImagePart(source.url)


def _joined(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _unknown(type: object, where: str, known: str) -> Exception:
    return wrong(f"{where}.type", f"only {known} are supported, got {type!r}")
