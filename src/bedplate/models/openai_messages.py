"""A conversation as OpenAI's chat wire has it."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from bedplate.domain.chat import ImagePart, Message, TextPart
from bedplate.domain.tools import ToolCall
from bedplate.models.openai_options import OpenAIOptions

FAILED = "The tool failed: "


def encode_messages(
    messages: Iterable[Message], options: OpenAIOptions
) -> list[Mapping[str, object]]:
    return [_message(message, options) for message in messages]


def _message(message: Message, options: OpenAIOptions) -> Mapping[str, object]:
    role = message.role
    if role == "developer" and not options.knows_developers:
        role = "system"
    sent: dict[str, object] = {"role": role, "content": _content(message)}
    if message.name is not None and options.message_names:
        sent["name"] = message.name
    if message.tool_calls:
        # An empty text beside calls is refused by some servers, null by hardly any.
        sent["content"] = sent["content"] or ("" if options.content_beside_calls else None)
        sent["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    return {**sent, **_thoughts(message.reasoning, options)}


def _call(call: ToolCall) -> Mapping[str, object]:
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _content(message: Message) -> str | list[Mapping[str, object]]:
    if not any(isinstance(part, ImagePart) for part in message.parts):
        # The wire has no field for it, so the model is told in words.
        return f"{FAILED}{message.content}" if message.failed else message.content
    return [_part(part) for part in message.parts]


def _part(part: TextPart | ImagePart) -> Mapping[str, object]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    detail = {} if part.detail is None else {"detail": part.detail}
    return {"type": "image_url", "image_url": {"url": part.url, **detail}}


def _thoughts(reasoning: Any, options: OpenAIOptions) -> Mapping[str, object]:
    """Those that this server wants back; another provider's have another form."""
    if not isinstance(reasoning, Mapping):
        return {}
    said = cast(Mapping[str, object], reasoning)
    return {name: said[name] for name in options.returned_reasoning if name in said}
