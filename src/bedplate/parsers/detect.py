"""Which format a blob is: by its bytes, then by its name, then by what its sender claimed."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers import FORMATS, READERS, REFUSED, Format
from bedplate.parsers.archive import OLE_MAGIC, is_encrypted_office, is_tar, member_names
from bedplate.parsers.decode import looks_binary
from bedplate.parsers.outline import file_name
from bedplate.parsers.protocol import ParseLimits

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
# One of these is in every office file; a plain archive may well hold a folder called "word".
_PACKAGE_MEMBERS = ("[Content_Types].xml", "mimetype")
_HEAD = 1024
_MBOX = re.compile(rb"From [^\n]{0,200}\d\d:\d\d[^\n]{0,100}\n[!-9;-~]{1,76}:")
_MAIL = re.compile(
    rb"(?:(?:Return-Path|Received|Delivered-To|From|To|Date|Subject|Message-ID|MIME-Version):"
    rb"[^\n]*\n(?:[ \t][^\n]*\n)*){3}",
    re.IGNORECASE,
)
_HTML = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,500}-->\s*)?"
    rb"(?:<!doctype\s+html|<html[\s>])",
    re.IGNORECASE,
)
_KNOWN = (*FORMATS, *REFUSED)
_BY_ENDING = {ending: known for known in reversed(_KNOWN) for ending in known.endings}
_BY_MEDIA_TYPE = {known.media_type: known for known in reversed(_KNOWN)}
_BY_NAME = {known.name: known for known in _KNOWN}


@dataclass(frozen=True, slots=True)
class Detected:
    """The format to read a blob as; the warning says when its name promised another."""

    format: Format
    warning: str | None = None


def read_blob(blob: Blob, limits: ParseLimits) -> Parsed:
    """Read a blob as what it is.

    Raises:
        Unreadable: by the reader, or "unsupported" for a format that none reads.
        TooLarge: over one of `limits`.
    """
    if len(blob.content) > limits.bytes:
        raise TooLarge(
            f"{blob.source!r} has {len(blob.content):,} bytes; the limit is {limits.bytes:,}."
        )
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    found = detect(blob)
    parsed = READERS.load(found.format.name)(blob, limits)
    if found.warning is None:
        return parsed
    return Parsed(parsed.documents, parsed.failures, (found.warning, *parsed.warnings))


def detect(blob: Blob) -> Detected:
    """The format of a blob; Unreadable "unsupported" or "encrypted" when there is no reader."""
    ending = PurePosixPath(file_name(blob.source)).suffix[1:].lower()
    promised = _BY_ENDING.get(ending)
    found = _by_content(blob, promised) or _by_name(blob, promised)
    if not found.reader:
        readable = ", ".join(known.name for known in FORMATS)
        raise Unreadable(
            f"{blob.source!r}: {found.name} is not supported yet; supported: {readable}.",
            reason="unsupported",
        )
    if promised is None or promised is found:
        return Detected(found)
    return Detected(found, f"It is named .{ending} but holds {found.name}; it was read as such.")


def _by_content(blob: Blob, promised: Format | None) -> Format | None:
    content = blob.content
    if content.startswith(_ZIP_MAGIC):
        return _zip(content, promised)
    if content.startswith(OLE_MAGIC):
        found = _ole(content, promised)
        # What is attached to a mail may be encrypted; the mail is not.
        if found is not _BY_NAME["msg"] and is_encrypted_office(content):
            raise Unreadable(
                f"{blob.source!r} is encrypted and wants a password; save it without one.",
                reason="encrypted",
            )
        return found
    head = content[:_HEAD].lstrip()
    for known in _KNOWN:
        if known.magic and head.startswith(known.magic):
            return known
    if promised is not None and _hides_header(blob, promised):
        return promised
    if _HTML.match(_head(content)):
        return _BY_NAME["html"]
    if is_tar(content):
        return _BY_NAME["tar"]
    return _unnamed(content) if promised is None else None


def _unnamed(content: bytes) -> Format | None:
    """Mail is kept under any name; three header fields in a row tell it. XML declares itself."""
    head = content[: 4 * _HEAD]
    if _head(content).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml "):
        return _BY_NAME["xml"]
    if _MBOX.match(head):
        return _BY_NAME["mbox"]
    return _BY_NAME["eml"] if _MAIL.match(head) else None


def _zip(content: bytes, promised: Format | None) -> Format:
    names = member_names(content)
    if promised is _BY_NAME["zip"] and names.isdisjoint(_PACKAGE_MEMBERS):
        return _BY_NAME["zip"]
    for known in _KNOWN:
        if known.member and any(name.startswith(known.member) for name in names):
            return known
    if not names and promised is not None and promised.member:
        return promised
    return _BY_NAME["zip"]


def _ole(content: bytes, promised: Format | None) -> Format:
    """The kind of OLE container: by a stream that it holds, its name deciding between several.

    A mail holds the streams of what is attached to it, a document those of what is embedded.
    """
    able = [
        known
        for known in _KNOWN
        if any(name.encode("utf-16-le") + b"\0\0" in content for name in known.streams)
    ]
    if promised is not None and promised.streams and (promised in able or not able):
        return promised
    return able[0] if able else _BY_ENDING["pub"]


def _head(content: bytes) -> bytes:
    """The first bytes, with the zeros of UTF-16 and its mark dropped so that ASCII shows."""
    head = content[:_HEAD]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[2:].replace(b"\0", b"")
    return head


def _by_name(blob: Blob, promised: Format | None) -> Format:
    """The format the name promises, unless the bytes are text and the promise is not."""
    text = _BY_NAME["text"]
    if promised is None:
        claimed = (blob.media_type or "").partition(";")[0].strip().lower()
        promised = _BY_MEDIA_TYPE.get(claimed, text)
    if promised.binary and not looks_binary(blob.content):
        return text
    return promised


def _hides_header(blob: Blob, promised: Format) -> bool:
    """Whether the magic comes late: readers accept a PDF header within the first 1024 bytes."""
    return any(mark in blob.content[:_HEAD] for mark in promised.magic)
