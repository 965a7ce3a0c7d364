"""What the server and its parser processes say to each other, over pipes.

A message is a length (8 bytes, big-endian) and MessagePack of one of the structs below; a Request
is followed by the blob's bytes as they are. Nothing that a parser process says is ever executed:
it is decoded into these types or refused.
"""

import struct
from typing import Literal

import msgspec

from bedplate.domain.documents import Document, Failure

HEADER = struct.Struct(">Q")
BATCH_DOCUMENTS = 256
BATCH_CHARACTERS = 1 << 20


class Request(msgspec.Struct, frozen=True):
    """`picture` asks for what an image shows, not for what is written in a file."""

    source: str
    media_type: str | None
    size: int
    picture: bool = False


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The process has started and waits for its first request."""


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Some of the documents; more follow."""

    documents: tuple[Document, ...]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The rest of what was parsed. `retire` asks for a fresh process next time."""

    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    retire: bool = False


class Shown(msgspec.Struct, frozen=True, tag="shown"):
    """The picture that was asked for; `retire` as of Done."""

    content: bytes
    retire: bool = False


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The blob was not parsed; `code` says which error to raise."""

    code: Literal["unreadable", "too_large"]
    message: str
    reason: str = ""


Reply = Ready | Batch | Done | Shown | Refused


def framed(message: Request | Reply) -> bytes:
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(len(body)) + body
