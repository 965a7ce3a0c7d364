"""OpenAI's server-sent events as bytes. Pure functions; sending them is the caller's."""

from typing import Any

import msgspec

MEDIA_TYPE = "text/event-stream"
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def encode_event(payload: Any) -> bytes:
    """One `data:` event. JSON escapes every line end, so a payload is always one line."""
    return b"data: " + _encode(payload) + b"\n\n"


def encode_comment(text: str = "keep-alive") -> bytes:
    """A comment: clients pass it over, and proxies see the connection used."""
    return b": " + " ".join(text.split()).encode("utf-8", "replace") + b"\n\n"
