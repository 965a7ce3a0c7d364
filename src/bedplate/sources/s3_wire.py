"""What S3 answers in XML: pages of a listing, and errors.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html. Names come in URL encoding,
since XML has no way to write some of the characters that they may hold.
"""

from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from bedplate.sources.xml_events import read_xml

MAX_KINDS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """`key` is as it stands in the store."""

    key: bytes
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Page:
    """`token` asks for the next one; None at the last."""

    objects: tuple[Found, ...]
    token: str | None


@dataclass(slots=True)
class _Texts:
    """The texts of elements by their names below the root, and those of each object."""

    own: dict[str, str] = field(default_factory=dict[str, str])
    entry: dict[str, str] = field(default_factory=dict[str, str])
    entries: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def ended(self, path: tuple[str, ...], text: str) -> None:
        match path:
            case (_, "Contents", name):
                self.entry[name] = text
            case (_, "Contents"):
                self.entries.append(self.entry)
                self.entry = {}
            case (_, name):
                self.own[name] = text
            case _:
                return
        if max(len(self.entry), len(self.own)) > MAX_KINDS:
            raise ValueError("it has too many kinds of elements")


def read_page(content: bytes) -> Page:
    """A page of a listing; ValueError says what is wrong with it."""
    texts = _Texts()
    root = read_xml(content, texts.ended)
    if root != "ListBucketResult":
        raise ValueError(f"it is no listing, but {root[:40]!r}")
    encoded = texts.own.get("EncodingType") == "url"
    objects: list[Found] = []
    for entry in texts.entries:
        name = entry.get("Key", "")
        key = unquote_to_bytes(name.replace("+", " ")) if encoded else name.encode()
        size = entry.get("Size", "")
        if not key or not size.isdecimal():
            raise ValueError("an object in it has no key or no size")
        mark = entry.get("ETag", "").strip('"') or f"{entry.get('LastModified', '')}-{size}"
        objects.append(Found(key, int(size), mark))
    truncated = texts.own.get("IsTruncated", "").strip() == "true"
    token = texts.own.get("NextContinuationToken")
    if truncated and not token:
        raise ValueError("it says that there is more, and not where")
    return Page(tuple(objects), token if truncated else None)


def error_code(content: bytes) -> str:
    """The code of an error, such as "AccessDenied"; "" where there is none."""
    texts = _Texts()
    try:
        read_xml(content, texts.ended)
    except ValueError:
        return ""
    code = texts.own.get("Code", "")
    return code if code.isalnum() and len(code) <= 60 else ""
