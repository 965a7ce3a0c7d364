"""Mailboxes in one file (RFC 4155): each message is read as a mail of its own."""

import hashlib
import re
from collections.abc import Iterator

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.container import read_parts
from bedplate.parsers.parts import Budget, Part, Piece
from bedplate.parsers.protocol import ParseLimits

# A separator names a time and a header field follows it; "From " at the start of a sentence does not.
_SEPARATOR = re.compile(
    rb"(?:\A|(?<=\n)\r?\n)From [^\n]{0,300}\d\d:\d\d[^\n]{0,100}\n(?=[!-9;-~]{1,76}:)"
)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t\r\n]*(\S{1,1000})", re.IGNORECASE | re.MULTILINE)


def read_mbox(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_mbox)


def open_mbox(blob: Blob, budget: Budget) -> Iterator[Piece]:
    """A message's name is made of its Message-ID, so that it stays when others come and go."""
    if not blob.content.strip():
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    start = None
    for separator in _SEPARATOR.finditer(blob.content):
        if start is not None:
            yield _part(blob.content[start : separator.start()])
        start = separator.end()
    if start is None:
        raise Unreadable(
            f"{blob.source!r} is no mailbox: no line of it starts a message.", reason="malformed"
        )
    yield _part(blob.content[start:])


def _part(message: bytes) -> Part:
    head = _HEAD_END.split(message, maxsplit=1)[0]
    named = _MESSAGE_ID.search(head)
    known_by = named.group(1) if named else message
    name = hashlib.sha256(known_by).hexdigest()[:16]
    return Part(f"{name}.eml", _QUOTED.sub(rb"\1", message), "message/rfc822")
