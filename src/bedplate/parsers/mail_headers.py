"""Header fields of mails (RFC 5322, 2047) as text and as metadata."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from bedplate.domain.documents import MetadataValue
from bedplate.parsers.decode import clean

_LONGEST_FIELD = 20_000
_MOST_ADDRESSES = 200
_MOST_REFERENCES = 100
_IDS = re.compile(r"<([^<>\s]{1,500})>")
_FIELDS = ("From", "To", "Cc", "Date", "Subject")
KNOWN_FIELDS = frozenset(
    ["from", "to", "cc", "bcc", "date", "subject", "sender", "reply-to", "received", "message-id",
     "mime-version", "content-type", "return-path", "delivered-to", "resent-from"]
)  # fmt: skip


def field(message: Message, name: str) -> str:
    """One field as a person would read it, on one line; empty when it is not there.

    Taken as it was written: the parsing of structured fields in `email.policy.default` raises on
    broken ones and takes a time that grows faster than their length.
    """
    wanted = name.lower()
    raw = next((str(v) for n, v in message.raw_items() if n.lower() == wanted), "")
    return decoded(raw)


def decoded(raw: str) -> str:
    raw = _bytes_as_text(raw[:_LONGEST_FIELD])
    return " ".join(clean(_words(raw)).split())


def fields_shown(message: Message) -> str:
    """The fields that a reader of the mail sees, a line each."""
    shown = ((name, field(message, name)) for name in _FIELDS if name != "Subject")
    return "\n".join(f"{name}: {text}" for name, text in shown if text)


def mail_metadata(message: Message) -> Mapping[str, MetadataValue]:
    """The fields as metadata: `date` is ISO 8601, and left out where it is no date.

    `thread` is the same for all mails of one conversation. It is made of the first message id, as
    message ids look like addresses and do not outlive the removal of personal data.
    """
    references = _ids(message, "References")
    parent = _ids(message, "In-Reply-To")
    own = _ids(message, "Message-ID")
    first = (*references, *parent, *own)
    found: dict[str, MetadataValue] = {
        "from": field(message, "From"),
        "to": _addresses(message, "To"),
        "cc": _addresses(message, "Cc"),
        "date": _date(field(message, "Date")),
        "subject": field(message, "Subject"),
        "message_id": own[0] if own else None,
        "in_reply_to": parent[0] if parent else None,
        "references": references,
        "thread": hashlib.sha256(first[0].encode()).hexdigest()[:16] if first else None,
    }
    return {name: value for name, value in found.items() if value}


def _addresses(message: Message, name: str) -> list[str]:
    pairs = getaddresses([field(message, name)])[:_MOST_ADDRESSES]
    return [f"{person} <{address}>" if person else address for person, address in pairs if address]


def _ids(message: Message, name: str) -> list[str]:
    """Of a long chain the first, which names the thread, and the latest."""
    found = _IDS.findall(field(message, name))
    return [*found[:1], *found[1:][-_MOST_REFERENCES:]]


def _date(written: str) -> str | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return parse(written).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _words(raw: str) -> str:
    """The field with its encoded words decoded; as it stands when they are broken."""
    try:
        parts = decode_header(raw)
    except (HeaderParseError, ValueError):
        return raw
    return "".join(_word(part, charset) for part, charset in parts)


def _word(part: bytes | str, charset: str | None) -> str:
    if isinstance(part, str):
        return part
    try:
        return part.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return part.decode("utf-8", "replace")


def _bytes_as_text(raw: str) -> str:
    """Bytes beyond ASCII, which `email` hands on as surrogates: UTF-8 (RFC 6532) or Windows-1252."""
    if raw.isascii():
        return raw
    content = raw.encode("utf-8", "surrogateescape")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
