"""What is attached to a mail of Outlook ([MS-OXMSG]): files as they are, mails as e-mail."""

import email.charset
import email.encoders
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime

from bedplate.domain.documents import Blob, Failure
from bedplate.errors import Unreadable
from bedplate.parsers.compound import CompoundFile, Storage
from bedplate.parsers.decode import clean
from bedplate.parsers.parts import INSIDE, Budget, Part, harmless_name

MAIL = "message/rfc822"

_SEALED = frozenset(
    ["application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"]
)

_ATTACHED = "__attach_version1.0_#"
_PROPERTIES = "__properties_version1.0"
# Property ids of [MS-OXPROPS].
_CONTENT, _LONG_NAME, _SHORT_NAME, _NAME, _TYPE, _CONTENT_ID = (
    "3701", "3707", "3704", "3001", "370E", "3712",
)  # fmt: skip
_HEADERS = (("Subject", "0037"), ("To", "0E04"), ("Cc", "0E03"), ("Message-ID", "1035"))
_SENDER, _SENDER_SMTP, _SENDER_ADDRESS = "0C1A", "5D01", "0C1F"
_PLAIN, _RICH, _SENT = "1000", "1013", 0x00390040
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_PICTURE = re.compile(r"(?i)\.(?:png|jpe?g|gif|bmp|webp|tiff?)$")
_KIND = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,80}")
_DEEPEST = 5
_EMBEDDED_HEAD = 24
"""Bytes before the properties of a mail in a mail."""


@dataclass(frozen=True, slots=True)
class _Attachment:
    name: str
    kind: str
    content: bytes
    inline: bool


def attached(blob: Blob, budget: Budget) -> Iterator[Part | Failure]:
    """Each attachment; a picture that is only shown in the text is optional.

    Unreadable "encrypted" where what is attached is the mail itself, sealed.
    """
    for each in _attachments(blob, CompoundFile(blob).root, budget, 1):
        if isinstance(each, Failure):
            yield each
            continue
        if each.kind in _SEALED or each.name.lower() == "smime.p7m":
            raise Unreadable(
                f"{blob.source!r} is encrypted, or sealed inside its signature; save it without.",
                reason="encrypted",
            )
        shown = {"attachment": harmless_name(each.name)}
        yield Part(each.name, each.content, each.kind or None, shown, optional=each.inline)


def _attachments(
    blob: Blob, mail: Storage, budget: Budget, depth: int
) -> Iterator[_Attachment | Failure]:
    for number, (name, storage) in enumerate(mail.storages(), 1):
        if name.startswith(_ATTACHED):
            yield _attachment(blob, storage, number, budget, depth)


def _attachment(
    blob: Blob, storage: Storage, number: int, budget: Budget, depth: int
) -> _Attachment | Failure:
    names = (_text(storage, tag) for tag in (_LONG_NAME, _SHORT_NAME, _NAME))
    name = next(filter(None, names), f"attachment {number}")
    kind = _text(storage, _TYPE).lower()
    kind = kind if _KIND.fullmatch(kind) else ""
    content = storage.read(f"__substg1.0_{_CONTENT}0102")
    if content is not None:
        budget.expand(len(content))
        picture = kind.startswith("image/") or bool(_PICTURE.search(name))
        return _Attachment(name, kind, content, picture and bool(_text(storage, _CONTENT_ID)))
    mail = storage.storage(f"__substg1.0_{_CONTENT}000D")
    place = f"{blob.source}{INSIDE}{harmless_name(name)}"
    if mail is None or mail.read(_PROPERTIES) is None:
        message = f"{place!r} is linked to, or of a kind that only its own program reads."
        return Failure(place, "unsupported", message)
    if depth >= _DEEPEST:
        return Failure(place, "nested", f"{place!r} lies {_DEEPEST} mails deep and was not opened.")
    whole = _as_mail(blob, mail, budget, depth).as_bytes()
    budget.expand(len(whole))
    return _Attachment(f"{name.removesuffix('.msg')}.eml", MAIL, whole, inline=False)


def _as_mail(blob: Blob, mail: Storage, budget: Budget, depth: int) -> Message:
    """A mail in a mail, written as e-mail, so that one reader reads both."""
    made = MIMEMultipart()
    senders = [_text(mail, tag) for tag in (_SENDER, _SENDER_SMTP, _SENDER_ADDRESS)]
    address = next((one for one in senders[1:] if "@" in one), "")
    fields = {
        "From": f"{senders[0]} <{address}>" if senders[0] and address else senders[0] or address
    }
    fields |= {name: _text(mail, tag) for name, tag in _HEADERS}
    for name, value in fields.items():
        if value:
            made[name] = Header(value, "utf-8", maxlinelen=1_000).encode(linesep="")
    if sent := _moment(mail.read(_PROPERTIES) or b""):
        made["Date"] = format_datetime(sent)
    plain = _string(mail, _PLAIN)
    rich = mail.read(f"__substg1.0_{_RICH}0102") or _string(mail, _RICH).encode()
    if plain.strip() or not rich:
        made.attach(_written(plain, "plain"))
    else:
        made.attach(_written(rich.decode("utf-8", "replace"), "html"))
    for each in _attachments(blob, mail, budget, depth + 1):
        if isinstance(each, _Attachment):
            made.attach(_as_part(each))
        else:
            # It stands in for what cannot be had, and fails by its name when it is read.
            made.attach(_as_part(_Attachment(each.source.rpartition(INSIDE)[2], "", b"", False)))  # noqa: FBT003
    return made


def _written(text: str, subtype: str) -> MIMEText:
    written = email.charset.Charset("utf-8")
    written.body_encoding = email.charset.BASE64
    return MIMEText(text, subtype, written)  # pyright: ignore[reportArgumentType]


def _as_part(each: _Attachment) -> Message:
    main, _, sub = (each.kind or "application/octet-stream").partition("/")
    if each.kind == MAIL:
        main, sub = "application", "octet-stream"
    part = MIMENonMultipart(main, sub)
    part.set_payload(each.content)
    email.encoders.encode_base64(part)
    disposition = "inline" if each.inline else "attachment"
    part.add_header("Content-Disposition", disposition, filename=("utf-8", "", each.name))
    return part


def _text(storage: Storage, tag: str) -> str:
    """A property on one line."""
    return " ".join(clean(_string(storage, tag)).split())


def _string(storage: Storage, tag: str) -> str:
    wide = storage.read(f"__substg1.0_{tag}001F")
    if wide is not None:
        return wide.decode("utf-16-le", "replace").rstrip("\0")
    narrow = storage.read(f"__substg1.0_{tag}001E") or b""
    try:
        return narrow.decode().rstrip("\0")
    except UnicodeDecodeError:
        return narrow.decode("cp1252", "replace").rstrip("\0")


def _moment(properties: bytes) -> datetime | None:
    for at in range(_EMBEDDED_HEAD, len(properties) - 15, 16):
        if int.from_bytes(properties[at : at + 4], "little") == _SENT:
            ticks = int.from_bytes(properties[at + 8 : at + 16], "little")
            try:
                return _EPOCH + timedelta(microseconds=ticks // 10)
            except OverflowError:
                return None
    return None
