"""What S3 answers in XML: pages of a listing, and errors.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html. Names come in URL encoding,
since XML has no way to write some of the characters that they may hold.
"""

from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

MAX_DEPTH = 20
MAX_TEXTS = 1_000
_LONGEST = 16_384


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
class _Tree:
    """The texts of elements by their path below the root; objects as they end."""

    root: str = ""
    path: list[str] = field(default_factory=list[str])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    entries: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def start(self, name: str, _: dict[str, str]) -> None:
        if len(self.path) == MAX_DEPTH:
            raise ValueError("its elements are nested too deeply")
        self.root = self.root or name.rpartition(":")[2]
        self.path.append(name.rpartition(":")[2])

    def characters(self, text: str) -> None:
        where = "/".join(self.path[1:])
        if len(self.texts) == MAX_TEXTS and where not in self.texts:
            raise ValueError("it has too many kinds of elements")
        self.texts[where] = (self.texts.get(where, "") + text)[:_LONGEST]

    def end(self, _: str) -> None:
        if self.path[1:] == ["Contents"]:
            inner = [name for name in self.texts if name.startswith("Contents/")]
            self.entries.append({name[9:]: self.texts.pop(name) for name in inner})
        self.path.pop()

    def refuse(self, *_: object) -> None:
        raise ValueError("it declares a document type, which S3 does not")


def read_page(content: bytes) -> Page:
    """A page of a listing; ValueError says what is wrong with it."""
    tree = _read(content)
    if tree.root != "ListBucketResult":
        raise ValueError(f"it is no listing, but {tree.root[:40]!r}")
    encoded = tree.texts.get("EncodingType") == "url"
    objects: list[Found] = []
    for entry in tree.entries:
        name = entry.get("Key", "")
        key = unquote_to_bytes(name.replace("+", " ")) if encoded else name.encode()
        size = entry.get("Size", "")
        if not key or not size.isdecimal():
            raise ValueError("an object in it has no key or no size")
        mark = entry.get("ETag", "").strip('"') or f"{entry.get('LastModified', '')}-{size}"
        objects.append(Found(key, int(size), mark))
    truncated = tree.texts.get("IsTruncated", "").strip() == "true"
    token = tree.texts.get("NextContinuationToken")
    if truncated and not token:
        raise ValueError("it says that there is more, and not where")
    return Page(tuple(objects), token if truncated else None)


def error_code(content: bytes) -> str:
    """The code of an error, such as "AccessDenied"; "" where there is none."""
    try:
        code = _read(content).texts.get("Code", "")
    except ValueError:
        return ""
    return code if code.isalnum() and len(code) <= 60 else ""


def _read(content: bytes) -> _Tree:
    tree = _Tree()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.StartDoctypeDeclHandler = tree.refuse
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat's
    except expat.ExpatError as error:
        raise ValueError(f"it is no valid XML ({error})") from error
    return tree
