"""Zipped XML packages (office files, EPUB): parts as elements, relations and properties by name."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from lxml import etree

from bedplate.domain.documents import Blob, MetadataValue
from bedplate.errors import Unreadable
from bedplate.parsers.archive import check_archive, zip_errors
from bedplate.parsers.decode import clean

Element = Any

# Strict Open XML names its namespaces otherwise and means the same (ISO/IEC 29500-1 and -4).
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/"
_CORE = "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_POOR_TITLE = re.compile(
    r"(?:untitled|powerpoint presentation|presentation\d*|slide \d+|title)?$", re.IGNORECASE
)
_FIELDS = {
    "author": f"{_DC}creator",
    "subject": f"{_DC}subject",
    "keywords": f"{_CORE}keywords",
    "category": f"{_CORE}category",
}
_MOMENTS = {"created": f"{_TERMS}created", "modified": f"{_TERMS}modified"}


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part refers to: the last word of the relation's type, and the part's name."""

    kind: str
    target: str


class Package:
    """A zip archive that was checked; close it by leaving its `with`."""

    def __init__(self, blob: Blob, most_expanded: int, *, document_types: bool = False) -> None:
        """Unreadable or TooLarge as `check_archive` has it."""
        if not blob.content:
            raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
        self.names = check_archive(blob, most_expanded, document_types=document_types)
        self._blob = blob
        self._archive = zipfile.ZipFile(io.BytesIO(blob.content))

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def content(self, name: str) -> bytes:
        """A part's bytes; Unreadable when it is not there."""
        if name not in self.names:
            raise Unreadable(f"{self._blob.source!r} lacks its part {name!r}.", reason="malformed")
        with zip_errors(self._blob):
            return self._archive.read(name)

    def transitional(self) -> bytes:
        """The archive with the usual namespaces, for libraries that do not know the strict ones."""
        if not _STRICT.search(self.content("_rels/.rels")):
            return self._blob.content
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as usual:
            for name in self.names:
                content = self.content(name)
                if name.endswith((".xml", ".rels")):
                    content = _STRICT.sub(_TRANSITIONAL, content)
                usual.writestr(name, content)
        return file.getvalue()

    def xml(self, name: str) -> Element:
        """A part's root element; Unreadable when it is not there or no XML."""
        content = _STRICT.sub(_TRANSITIONAL, self.content(name))
        # Entities, networks and huge trees stay off: what is not needed cannot be abused.
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            return etree.fromstring(content, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise Unreadable(
                f"{self._blob.source!r} is damaged in {name!r}: {error}", reason="malformed"
            ) from error

    def relations(self, name: str) -> Mapping[str, Relation]:
        """Id -> what the part refers to inside the package (ISO/IEC 29500-2, 6.5)."""
        folder, _, file = name.rpartition("/")
        place = posixpath.join(folder, "_rels", f"{file}.rels")
        if place not in self.names:
            return {}
        return {
            element.get("Id", ""): Relation(
                element.get("Type", "").rpartition("/")[2],
                resolved(folder, element.get("Target", "")),
            )
            for element in self.xml(place)
            if element.get("TargetMode") != "External"
        }

    def related(self, name: str, kind: str) -> Iterator[str]:
        """The parts in the package that one refers to by a kind of relation."""
        for relation in self.relations(name).values():
            if relation.kind == kind and relation.target in self.names:
                yield relation.target

    def properties(self) -> tuple[str | None, dict[str, MetadataValue]]:
        """The title and the metadata that Open XML keeps as core properties."""
        metadata: dict[str, MetadataValue] = {}
        name = next(self.related("", "core-properties"), None)
        if name is None:
            return None, metadata
        root = self.xml(name)
        for field, tag in _FIELDS.items():
            if value := _flat(root.findtext(tag)):
                metadata[field] = value
        for field, tag in _MOMENTS.items():
            if (moment := iso_moment(_flat(root.findtext(tag)))) is not None:
                metadata[field] = moment
        title = _flat(root.findtext(f"{_DC}title"))
        return (None if _POOR_TITLE.match(title) else title), metadata


def resolved(folder: str, target: str) -> str:
    """A reference from within `folder` as a name in the package; fragments are dropped."""
    path = unquote(target.partition("#")[0])
    joined = path if path.startswith("/") else posixpath.join("/", folder, path)
    return posixpath.normpath(joined).lstrip("/")


def iso_moment(written: str) -> str | None:
    """A W3C date or time as ISO 8601 in UTC; a date alone stays one; None for anything else."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    if len(written) <= len("2024-01-01"):
        return written
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC).isoformat()
    except OverflowError:
        return None


def _flat(text: str | None) -> str:
    return " ".join(clean(text or "").split())
