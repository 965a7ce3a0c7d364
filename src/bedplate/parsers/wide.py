"""Word, PowerPoint and Outlook files of before 2007 by kreuzberg (extra `wide`): their text.

Attachments are read by `msg_attachments`. It is asked for nothing else: its OCR and its PDF reader write files, which a parser process may
not, and for other formats ours keep more.
"""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.container import read_parts
from bedplate.parsers.decode import clean
from bedplate.parsers.msg_attachments import attached
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import iso_moment
from bedplate.parsers.panics import is_panic
from bedplate.parsers.parts import Budget, Piece
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.replies import add_mail_text

VERSION = "wide/1"

_DOC = "application/msword"
_PPT = "application/vnd.ms-powerpoint"
_MSG = "application/vnd.ms-outlook"
# The instruction of a field stands before what it shows.
_FIELD_CODE = re.compile(r'\b(?:HYPERLINK|PAGEREF|REF|TOC)(?: +\\[a-z])*(?: +"[^"\n]{0,2000}")+ ?')
_MAIL_FIELD = re.compile(r"(?:Subject|From|To|CC|BCC|Date): ", re.IGNORECASE)


def read_doc(blob: Blob, limits: ParseLimits) -> Parsed:
    """The paragraphs, without headings and pages, which the library does not give."""
    return _read(blob, limits, _DOC)


def read_ppt(blob: Blob, limits: ParseLimits) -> Parsed:
    """The lines of all slides and their notes, without slides, which the library does not give."""
    return _read(blob, limits, _PPT)


def read_msg(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_msg)


def open_msg(blob: Blob, budget: Budget) -> Iterator[Piece]:
    """The mail as `eml` has it, then its attachments."""
    found = _extracted(blob, _MSG)
    facts = cast(Mapping[str, Any], found.metadata)
    subject = _line(facts.get("subject"))
    outline = Outline(blob, budget.limits.characters)
    outline.heading(subject, 1)
    head, body = _parted(clean(found.content))
    outline.add(head)
    add_mail_text(outline, body)
    (document,) = outline.parsed(
        VERSION, _MSG, title=subject, metadata=_mail_metadata(facts)
    ).documents
    yield document
    yield from attached(blob, budget)


def _read(blob: Blob, limits: ParseLimits, media_type: str) -> Parsed:
    found = _extracted(blob, media_type)
    outline = Outline(blob, limits.characters)
    for paragraph in _FIELD_CODE.sub("", clean(found.content)).split("\n"):
        outline.add(paragraph.replace("\t", " "))
    facts = cast(Mapping[str, Any], found.metadata)
    metadata: dict[str, MetadataValue] = {
        name: value for name in ("subject", "keywords") if (value := _line(facts.get(name)))
    }
    if author := _line(facts.get("authors")):
        metadata["author"] = author
    return outline.parsed(
        VERSION, media_type, title=_line(facts.get("title")) or None, metadata=metadata
    )


def _extracted(blob: Blob, media_type: str) -> Any:
    """The library's result; Unreadable when it is not there, or has none."""
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    try:
        library = importlib.import_module("kreuzberg")
    except ModuleNotFoundError as error:
        raise Unreadable(
            f"{blob.source!r} is in an Office format of before 2007; reading it needs an optional "
            "dependency: pip install 'bedplate[wide]'.",
            reason="unsupported",
        ) from error
    options = library.ExtractionConfig(use_cache=False, disable_ocr=True)
    try:
        return library.extract_bytes_sync(blob.content, media_type, options)
    except library.KreuzbergError as error:
        raise _malformed(blob, error) from error
    except BaseException as error:
        if is_panic(error):
            raise _malformed(blob, error) from error
        raise


def _malformed(blob: Blob, error: BaseException) -> Unreadable:
    return Unreadable(f"{blob.source!r} cannot be read: {error}", reason="malformed")


def _parted(content: str) -> tuple[str, str]:
    """The fields that the library writes above a mail, without the subject, and the mail."""
    head, _, body = content.partition("\n\n")
    lines = head.split("\n")
    if not all(_MAIL_FIELD.match(line) for line in lines):
        return "", content
    return "\n".join(line for line in lines if not line.startswith("Subject: ")), body


def _mail_metadata(facts: Mapping[str, Any]) -> dict[str, MetadataValue]:
    found: dict[str, MetadataValue] = {
        "from": _line(facts.get("from_email")),
        "to": [_line(address) for address in facts.get("to_emails") or ()],
        "cc": [_line(address) for address in facts.get("cc_emails") or ()],
        "date": iso_moment(_line(facts.get("created_at"))),
        "subject": _line(facts.get("subject")),
        "message_id": _line(facts.get("message_id")).strip("<>"),
    }
    return {name: value for name, value in found.items() if value}


def _line(value: object) -> str:
    """A field on one line; several values are one after another."""
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (_line(one) for one in cast(Sequence[object], value))))
    return " ".join(clean(value).split()) if isinstance(value, str) else ""
