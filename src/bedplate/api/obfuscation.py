"""Padding that hides how long the pieces of a streamed text are.

Whoever sees an encrypted connection sees the sizes of its packets, and may guess at a text by the
lengths of its tokens. Source: OpenAI API reference, `stream_options.include_obfuscation`.
"""

import secrets

BLOCK = 64
"""Events have a multiple of so many bytes."""

_FIELD = b',"obfuscation":"'
_END = b"}\n\n"
_FRAME = len(_FIELD) + len(b'"')


def obfuscated(event: bytes) -> bytes:
    """An event whose data is a JSON object, with the field `obfuscation` at its end."""
    if not event.endswith(_END):
        raise AssertionError("an event's data is an object")
    missing = -(len(event) + _FRAME) % BLOCK
    # Of random letters, as a connection may be compressed.
    padding = secrets.token_urlsafe(BLOCK)[:missing].encode()
    return event[: -len(_END)] + _FIELD + padding + b'"' + _END
