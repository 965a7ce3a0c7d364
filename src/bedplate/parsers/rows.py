"""Rows of a file, each a document of its own: ids kept unique, bad rows named by their line."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bedplate.domain.documents import Blob, Block, Document, Failure, Metadata, Parsed
from bedplate.domain.ids import DocumentId
from bedplate.errors import TooLarge
from bedplate.parsers.decode import check_characters
from bedplate.parsers.outline import clean_title, fingerprint, paragraphs
from bedplate.parsers.protocol import ParseLimits

_MOST_FAILURES = 1_000
_ENCODER = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Row:
    """One row as read: `line` is where it starts, counted from 1."""

    line: int
    text: str
    metadata: Metadata
    id: str | None = None
    title: str | None = None


class Rows:
    """Collects the documents and the failures of one file of rows."""

    def __init__(self, blob: Blob, limits: ParseLimits, *, version: str, media_type: str) -> None:
        self._blob = blob
        self._limits = limits
        self._version = version
        self._media_type = media_type
        self._characters = 0
        self._seen: set[str] = set()
        self._documents: list[Document] = []
        self._failures: list[Failure] = []
        self._failed = 0

    def fail(self, line: int, code: str, message: str) -> None:
        place = f"{self._blob.source}:{line}"
        self._failed += 1
        if self._failed <= _MOST_FAILURES:
            self._failures.append(Failure(place, code, f"{place}: {message}"))

    def add(self, row: Row) -> None:
        id = row.id or f"{self._blob.source}#{row.line}"
        if id in self._seen:
            self.fail(row.line, "duplicate_id", f"the id {id!r} is already in this file.")
            return
        if not row.text.strip():
            self.fail(row.line, "empty", "the row holds no text.")
            return
        if len(self._documents) >= self._limits.documents:
            raise TooLarge(
                f"{self._blob.source!r} holds more than {self._limits.documents:,} rows; "
                "split it into several files."
            )
        self._characters += len(row.text)
        check_characters(self._characters, self._blob.source, self._limits.characters)
        self._seen.add(id)
        self._documents.append(self._document(DocumentId(id), row))

    def _document(self, id: DocumentId, row: Row) -> Document:
        canonical = _ENCODER.encode([row.id, row.title, row.text, row.metadata])
        return Document(
            id=id,
            # No made-up title: titles are searched, and weigh more than text.
            title=clean_title(row.title) or "",
            source=self._blob.source,
            media_type=self._media_type,
            blocks=tuple(Block(text.strip()) for text in paragraphs(row.text)),
            sha256=fingerprint(self._version, canonical),
            origin=self._blob.source,
            metadata=row.metadata,
        )

    def parsed(self, warnings: Sequence[str] = ()) -> Parsed:
        notes = list(warnings)
        if self._failed > _MOST_FAILURES:
            notes.append(
                f"{self._failed:,} rows failed; the first {_MOST_FAILURES:,} of them are listed."
            )
        return Parsed(tuple(self._documents), tuple(self._failures), tuple(notes))
