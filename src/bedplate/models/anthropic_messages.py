"""A conversation as Anthropic's messages: turns of user and assistant, made of blocks.

Instructions stand apart (`system`), a tool's answer is part of a user's turn, and turns of the same
side that follow each other are one (Claude API reference, "Messages").
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from bedplate.domain.chat import ImagePart, Message, TextPart
from bedplate.domain.tools import ToolCall
from bedplate.errors import InvalidInput

Block = Mapping[str, Any]

TOLD = frozenset({"system", "developer"})
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,(.*)", re.DOTALL | re.IGNORECASE)


def encode_system(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The instructions of the whole conversation, wherever they stand in it."""
    told = (message.content for message in messages if message.role in TOLD)
    return [{"type": "text", "text": text} for text in told if text.strip()]


def encode_turns(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """InvalidInput for a conversation that the wire cannot hold."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in TOLD:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns or turns[0]["role"] != "user":
        raise InvalidInput(
            "messages: the conversation must begin with a user's message that has content.",
            param="messages",
        )
    return turns


def _blocks(message: Message) -> list[Block]:
    if message.role == "assistant":
        return _said(message)
    if message.role == "tool":
        result: Block = {
            "type": "tool_result",
            "tool_use_id": _id(message.tool_call_id or ""),
            "content": _content(message),
        }
        return [{**result, "is_error": True} if message.failed else result]
    return _content(message)


def _content(message: Message) -> list[Block]:
    parts = message.parts or (TextPart(message.content),)
    return [
        _image(part.url) if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
        for part in parts
        if isinstance(part, ImagePart) or part.text.strip()
    ]


def _image(url: str) -> Block:
    found = _DATA_URL.fullmatch(url)
    if found is not None:
        source = {"type": "base64", "media_type": found[1].lower(), "data": found[2]}
    elif url.startswith("https://"):
        source = {"type": "url", "url": url}
    else:
        raise InvalidInput(
            f"messages: an image must be an https URL or data:image/...;base64, got {url!r:.60}.",
            param="messages",
        )
    return {"type": "image", "source": source}


def _said(message: Message) -> list[Block]:
    """With its thoughts, which the API wants back as they were and where they stood."""
    blocks = _kept(message.reasoning)
    if blocks and _same(blocks, message):
        return blocks
    thoughts = [block for block in blocks if "thinking" in str(block.get("type"))]
    return [*thoughts, *_content(message), *(_call(call) for call in message.tool_calls)]


def _kept(reasoning: Any) -> list[Block]:
    """The blocks of AnthropicReply; another provider's thoughts have another form."""
    if not isinstance(reasoning, list):
        return []
    return [block for block in cast(list[Any], reasoning) if isinstance(block, dict)]


def _same(blocks: list[Block], message: Message) -> bool:
    """Whether the blocks still say what the message says: it may have been changed since."""
    text = "".join(str(block.get("text")) for block in blocks if block.get("type") == "text")
    calls = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
    return text == message.content and calls == [call.id for call in message.tool_calls]


def _call(call: ToolCall) -> Block:
    return {
        "type": "tool_use",
        "id": _id(call.id),
        "name": call.name,
        "input": _input(call.arguments),
    }


def _input(arguments: str) -> Mapping[str, Any]:
    """An object; what the model wrote amiss is shown to it as the API's documentation advises."""
    try:
        read = json.loads(arguments or "{}")
    except ValueError:
        read = None
    return cast(Mapping[str, Any], read) if isinstance(read, dict) else {"INVALID_JSON": arguments}


def _id(id: str) -> str:
    """An id as the API takes it: other providers' hold other characters."""
    return _NOT_IN_IDS.sub("_", id)
