"""E-mail (RFC 5322, MIME in RFC 2045 to 2047) by the standard library, attachments in turn."""

import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import cast

from bedplate.domain.documents import Blob, Document, Failure, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.container import read_parts
from bedplate.parsers.decode import decode, looks_binary
from bedplate.parsers.html_mail import add_mail_html, html_text
from bedplate.parsers.mail_headers import (
    KNOWN_FIELDS,
    decoded,
    fields_shown,
    mail_metadata,
)
from bedplate.parsers.mail_headers import field as header
from bedplate.parsers.outline import Outline
from bedplate.parsers.parts import INSIDE, Budget, Part, Piece, harmless_name
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.replies import add_mail_text, unflow

VERSION = "eml/1"

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_WIDE_SIGN = 8
_STUB_LENGTH = 200
_STUB_SHARE = 4
_SIGNATURES = frozenset(
    ["application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"]
)
_SEALED = frozenset(["application/pkcs7-mime", "application/x-pkcs7-mime"])
_ENDINGS = {"text/html": ".html", "text/plain": ".txt", "text/calendar": ".ics"}
# compat32 keeps header fields as they were written, see `mail_headers.field`.
_PARSER = BytesParser(policy=email.policy.compat32)
# What `email` raises on mails that are broken in ways it did not foresee.
_BROKEN = (AttributeError, IndexError, KeyError, LookupError, TypeError, ValueError)


@dataclass(slots=True)
class _Body:
    """What a mail is made of: `texts` in their order, each as (subtype, message)."""

    texts: list[Message] = field(default_factory=list[Message])
    files: list[tuple[Message, bool]] = field(default_factory=list[tuple[Message, bool]])
    remarks: list[str] = field(default_factory=list[str])


def read_eml(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_eml)


def open_eml(blob: Blob, budget: Budget) -> Iterator[Piece]:
    """The mail as a document, then its attachments; see `replies` for what is quoted in it."""
    message = _message(blob)
    body = _Body()
    try:
        _sort(message, body, blob)
    except RecursionError as error:
        raise Unreadable(f"{blob.source!r} is nested too deeply.", reason="malformed") from error
    yield from body.remarks
    document, remarks = _document(blob, message, body, budget)
    yield from remarks
    if document is not None:
        yield document
    for number, (part, inline) in enumerate(body.files, 1):
        yield _attached(blob, part, number, inline=inline)


def _message(blob: Blob) -> Message:
    content = blob.content
    if not content.strip(b"\0 \t\r\n\xff\xfe"):
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    if content.startswith(_WIDE) or b"\0" in content[:_WIDE_SIGN]:
        whole = decode(content, blob.source, most_characters=len(content))
        content = whole.text.encode()
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if looks_binary(_HEAD_END.split(content, maxsplit=1)[0]):
        raise Unreadable(f"{blob.source!r} is no e-mail: it holds binary data.", reason="binary")
    try:
        message = _PARSER.parsebytes(content)
    except RecursionError as error:
        raise Unreadable(f"{blob.source!r} is nested too deeply.", reason="malformed") from error
    except _BROKEN as error:
        raise Unreadable(
            f"{blob.source!r} is no valid e-mail: {error}", reason="malformed"
        ) from error
    if not KNOWN_FIELDS & {name.lower() for name in message.keys()}:  # noqa: SIM118
        raise Unreadable(
            f"{blob.source!r} is no e-mail: it has no header field that mails have.",
            reason="malformed",
        )
    return message


def _sort(part: Message, body: _Body, blob: Blob) -> None:
    """Go through the parts: which are the mail's text, and which are attached."""
    kind = part.get_content_type()
    if kind in _SEALED or kind == "multipart/encrypted":
        raise _sealed(blob, part, kind)
    if kind in _SIGNATURES:
        body.remarks.append("It is signed; the signature was not checked.")
    elif not part.is_multipart() or kind == "message/rfc822":
        _sort_leaf(part, body)
    elif kind == "multipart/alternative":
        _sort_alternative(part, body, blob)
    elif kind.startswith("message/"):
        body.texts.append(part)
    else:
        for number, inner in enumerate(_inner(part)):
            if kind == "multipart/related" and number and not inner.is_multipart():
                body.files.append((inner, True))
            else:
                _sort(inner, body, blob)


def _sort_leaf(part: Message, body: _Body) -> None:
    kind = part.get_content_type()
    disposition = str(part.get("Content-Disposition", "")).partition(";")[0].strip().lower()
    named = bool(_file_name(part))
    # A multipart that holds no part has lost its boundary: what is there is text.
    readable = kind in {"text/plain", "text/html"} or kind.startswith("multipart/")
    if readable and disposition != "attachment" and not named:
        body.texts.append(part)
    else:
        shown = disposition == "inline" or "Content-ID" in part
        body.files.append((part, shown and kind.startswith("image/")))


def _sort_alternative(part: Message, body: _Body, blob: Blob) -> None:
    """One of the versions: the plain one, unless it says little of what the other says."""
    plain, rich = _Body(), _Body()
    for inner in _inner(part):
        if inner.get_content_type() == "text/plain":
            _sort(inner, plain, blob)
        elif inner.get_content_type() == "text/html" or inner.is_multipart():
            _sort(inner, rich, blob)
        else:
            _sort_leaf(inner, rich)
    chosen = rich if not plain.texts or (rich.texts and _is_stub(plain, rich, blob)) else plain
    body.texts += chosen.texts
    body.files += [*plain.files, *rich.files]
    body.remarks += [*plain.remarks, *rich.remarks]


def _is_stub(plain: _Body, rich: _Body, blob: Blob) -> bool:
    short = len("".join(" ".join(_text(part, blob)[0].split()) for part in plain.texts))
    if short > _STUB_LENGTH:
        return False
    long = sum(len(html_text(_text(part, blob)[0])) for part in rich.texts)
    return long > short * _STUB_SHARE


def _inner(part: Message) -> list[Message]:
    payload = cast(object, part.get_payload())
    if not isinstance(payload, list):
        return []
    return [inner for inner in cast(list[object], payload) if isinstance(inner, Message)]


def _sealed(blob: Blob, part: Message, kind: str) -> Unreadable:
    signed = str(part.get_param("smime-type", "")).lower() == "signed-data"
    if kind in _SEALED and signed:
        return Unreadable(
            f"{blob.source!r} is sealed inside its signature (S/MIME signed-data), which is not "
            "read; save the mail itself from a mail program.",
            reason="unsupported",
        )
    return Unreadable(
        f"{blob.source!r} is an encrypted e-mail; save it decrypted.", reason="encrypted"
    )


def _document(
    blob: Blob, message: Message, body: _Body, budget: Budget
) -> tuple[Document | None, tuple[str, ...]]:
    outline = Outline(blob, budget.limits.characters)
    subject = header(message, "Subject")
    outline.heading(subject, 1)
    outline.add(fields_shown(message))
    remarks: list[str] = []
    for part in body.texts:
        text, notes = _text(part, blob)
        remarks += notes
        if part.get_content_type() == "text/html":
            add_mail_html(outline, text)
        else:
            add_mail_text(outline, text)
    if not outline.blocks:
        return None, tuple(remarks)
    parsed = outline.parsed(
        VERSION, "message/rfc822", title=subject, metadata=mail_metadata(message)
    )
    return parsed.documents[0], tuple(remarks)


def _text(part: Message, blob: Blob) -> tuple[str, tuple[str, ...]]:
    """A part's text and what had to be guessed for it; empty when it holds none."""
    if part.is_multipart():
        fields = (
            f"{name}: {decoded(str(value))}"
            for inner in _inner(part)
            for name, value in inner.raw_items()
        )
        return "\n".join(fields), ()
    content = _bytes(part)
    charset = part.get_content_charset()
    try:
        # The outline counts the characters; normal forms can make them more than the bytes.
        found = decode(content, blob.source, most_characters=4 * len(content), declared=charset)
    except Unreadable:
        return "", ()
    text = found.text
    if str(part.get_param("format", "")).lower() == "flowed":
        text = unflow(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
    return text, found.warnings


def _bytes(part: Message) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except _BROKEN:
        payload = None
    return payload if isinstance(payload, bytes) else b""


def _attached(blob: Blob, part: Message, number: int, *, inline: bool) -> Piece:
    kind = part.get_content_type()
    given = _file_name(part)
    inner = _inner(part)
    if kind == "message/rfc822":
        name = given or header(inner[0], "Subject") if inner else given
        name = f"{(name or f'message {number}').removesuffix('.eml')}.eml"
    else:
        name = given or f"attachment {number}{_ENDINGS.get(kind, '')}"
    place = f"{blob.source}{INSIDE}{harmless_name(name)}"
    try:
        content = inner[0].as_bytes() if kind == "message/rfc822" and inner else _bytes(part)
    except (RecursionError, *_BROKEN) as error:
        return Failure(place, "malformed", f"{place!r} cannot be taken out of its mail: {error}")
    return Part(name, content, kind, {"attachment": harmless_name(name)}, optional=inline)


def _file_name(part: Message) -> str:
    try:
        return decoded(part.get_filename() or "")
    except _BROKEN:
        return ""
