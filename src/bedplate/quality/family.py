"""Which documents may be versions of one: what is left of titles and paths without the version."""

import hashlib
import re
from dataclasses import dataclass

from bedplate.quality.days import DAY
from bedplate.quality.validity import stem

_VERSION = re.compile(
    r"(?<![a-z0-9])(?:v|ver|vers|version|rev|revision|edition|ausgabe|fassung)[ ._-]?"
    r"(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?(?![a-z0-9])",
    re.IGNORECASE,
)
_COPY = re.compile(
    r"\(\d{1,2}\)$|(?<![a-z])(?:copy|kopie)(?: of|[ _-]\d{1,2})?(?![a-z])", re.IGNORECASE
)
_STATE = re.compile(
    r"(?<![^\W_])(?:final|draft|entwurf|latest|current|aktuell|new|neu|old|alt|updated|revised"
    r"|amended|corrected|signed|clean|archiv|archived?|previous|superseded|effective|valid|from"
    r"|as of)(?![^\W_])",
    re.IGNORECASE,
)
_PERIODICAL = re.compile(
    r"\b(?:minutes|agenda|meetings?|newsletters?|reports?|invoices?|receipts?|statements?|payslips?"
    r"|logs?|diary|journal|bulletin|digest|results|earnings|timesheets?|tickets?|changelog|news"
    r"|blog|post|press|release|weekly|monthly|quarterly|daily|annual|yearly|orders?|letters?"
    r"|e?mails?|protokolle?|rechnung(?:en)?|berichte?|sitzung(?:en)?|brief|wochen\w*|monats\w*"
    r"|quartals\w*|jahres\w*)\b"
)
_NAMELESS = frozenset(
    {"untitled", "document", "dokument", "readme", "index", "scan", "page", "notes", "unbenannt",
     "introduction", "overview", "contents", "license", "image", "file", "export", "data"}
)  # fmt: skip
_LEAST_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Family:
    """`key` is the same for what may be versions of one document; `version` sorts as text."""

    key: str
    version: str | None


def family(title: str, name: str, apart: str = "") -> Family | None:
    """By the title, or the file's name where the title says too little, and the folders.

    `apart` is what else has to be the same.

    None for what has no name of its own, and for what appears from time to time: the minutes of
    May do not take the place of those of April.
    """
    *folders, file = re.split(r"[/\\]", name)
    label = _plain(title)
    if not _says_something(label):
        label = _plain(stem(file))
    places = " / ".join(filter(None, map(_plain, folders)))
    if not _says_something(label) or _PERIODICAL.search(f"{label} {places}"):
        return None
    return Family(_key(f"{places} / {label} / {apart}"), _version(title) or _version(stem(file)))


def declared_family(label: str) -> str:
    """The key of a family that the sender named."""
    return _key(f"declared {label}")


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _says_something(label: str) -> bool:
    return label not in _NAMELESS and sum(map(str.isalpha, label)) >= _LEAST_LETTERS


def _plain(text: str) -> str:
    for pattern in (DAY, _VERSION, _COPY, _STATE):
        text = pattern.sub(" ", text)
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _version(text: str) -> str | None:
    found = _VERSION.search(text)
    return found and ".".join(f"{int(part or 0):05d}" for part in found.groups())
