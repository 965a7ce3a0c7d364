"""OpenAI's server-sent events as bytes. Pure functions; sending them is the caller's."""

from typing import Any

import msgspec

MEDIA_TYPE = "text/event-stream"
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def encode_event(payload: Any, name: str = "", *, id: int | None = None) -> bytes:
    """One event, named or not. JSON escapes every line end, so a payload is always one line.

    A client that lost the stream sends the last `id` it saw when it comes again.
    """
    named = b"event: " + name.encode() + b"\n" if name else b""
    numbered = b"" if id is None else b"id: %d\n" % id
    return named + numbered + b"data: " + _encode(payload) + b"\n\n"
