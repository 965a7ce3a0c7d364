"""Books (EPUB 2 and 3): the chapters in the order of the spine, each read as HTML."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import posixpath
from collections.abc import Iterable

from bedplate.domain.documents import Blob, Failure, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.decode import clean
from bedplate.parsers.html import read_into
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Element, Package, iso_moment, resolved
from bedplate.parsers.protocol import ParseLimits

VERSION = "epub/1"

_CONTAINER = "META-INF/container.xml"
_DC = "{http://purl.org/dc/elements/1.1/}"
_FIELDS = {
    "author": "creator",
    "subject": "subject",
    "description": "description",
    "publisher": "publisher",
    "lang": "language",
}


def read_epub(blob: Blob, limits: ParseLimits) -> Parsed:
    """A chapter without a heading of its own gets its title in the table of contents.

    A chapter that is not there or cannot be read fails alone.
    """
    with Package(blob, limits.expanded, document_types=True) as package:
        if "META-INF/encryption.xml" in package.names and "META-INF/rights.xml" in package.names:
            raise Unreadable(
                f"{blob.source!r} is locked by digital rights management.", reason="encrypted"
            )
        root_name = _root(package, blob)
        root, folder = package.xml(root_name), posixpath.dirname(root_name)
        items = {
            item.get("id"): (resolved(folder, item.get("href", "")), item)
            for item in root.iter("{*}item")
        }
        spine = [
            items[i.get("idref")][0] for i in root.iter("{*}itemref") if i.get("idref") in items
        ]
        if len(spine) > limits.pages:
            raise TooLarge(
                f"{blob.source!r} has {len(spine):,} chapters; the limit on pages is "
                f"{limits.pages:,}."
            )
        titles = _contents(package, items.values())
        outline = Outline(blob, limits.characters)
        failures: list[Failure] = []
        for name in spine:
            outline.leave()
            try:
                read_into(outline, package.content(name), title=titles.get(name))
            except Unreadable as error:
                failures.append(Failure(f"{blob.source}#{name}", error.reason, str(error)))
    title, metadata = _metadata(root)
    return Parsed(
        outline.parsed(
            VERSION,
            "application/epub+zip",
            title=title or outline.first_heading(),
            metadata=metadata,
        ).documents,
        tuple(failures),
    )


def _root(package: Package, blob: Blob) -> str:
    """The package document's name (OCF 3.3, 4.2.6.3.1)."""
    for root in package.xml(_CONTAINER).iter("{*}rootfile"):
        if (name := root.get("full-path", "")) in package.names:
            return name
    raise Unreadable(f"{blob.source!r} names no package document.", reason="malformed")


def _contents(package: Package, items: Iterable[tuple[str, Element]]) -> dict[str, str]:
    """Chapter -> its title, by the navigation document of EPUB 3 or the NCX of EPUB 2."""
    titles: dict[str, str] = {}
    for name, item in items:
        navigation = "nav" in item.get("properties", "").split()
        if name not in package.names or not (
            navigation or item.get("media-type") == "application/x-dtbncx+xml"
        ):
            continue
        try:
            root = package.xml(name)
        except Unreadable:  # titles are a help; the text does without
            continue
        folder = posixpath.dirname(name)
        for link in root.iter("{*}a") if navigation else root.iter("{*}navPoint"):
            target, text = _link(link, navigation=navigation)
            if target and text:
                titles.setdefault(resolved(folder, target), text)
    return titles


def _link(element: Element, *, navigation: bool) -> tuple[str, str]:
    if navigation:
        return element.get("href", ""), _flat("".join(element.itertext()))
    content = element.find("{*}content")
    text = _flat(element.findtext("{*}navLabel/{*}text"))
    return ("" if content is None else content.get("src", "")), text


def _metadata(root: Element) -> tuple[str | None, dict[str, MetadataValue]]:
    metadata: dict[str, MetadataValue] = {}
    for field, tag in _FIELDS.items():
        values = [_flat("".join(found.itertext())) for found in root.iter(f"{_DC}{tag}")]
        if joined := ", ".join(dict.fromkeys(filter(None, values))):
            metadata[field] = joined
    day = _flat(root.findtext(f".//{_DC}date"))
    if (moment := iso_moment(day)) is not None:
        metadata["date"] = moment
    return _flat(root.findtext(f".//{_DC}title")) or None, metadata


def _flat(text: str | None) -> str:
    return " ".join(clean(text or "").split())
