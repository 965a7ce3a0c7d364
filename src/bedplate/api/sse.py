"""OpenAI's server-sent events as bytes. Pure functions; sending them is the caller's."""

from typing import Any

import msgspec

MEDIA_TYPE = "text/event-stream"
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def encode_event(payload: Any, name: str = "") -> bytes:
    """One event, named or not. JSON escapes every line end, so a payload is always one line."""
    named = b"event: " + name.encode() + b"\n" if name else b""
    return named + b"data: " + _encode(payload) + b"\n\n"
