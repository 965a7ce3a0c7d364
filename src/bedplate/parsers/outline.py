"""Blocks in reading order, with the headings they stand under."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from bedplate.domain.documents import (
    Blob,
    Block,
    BlockKind,
    Document,
    Metadata,
    Parsed,
)
from bedplate.domain.ids import DocumentId
from bedplate.errors import Unreadable
from bedplate.parsers.decode import check_characters, clean

HEADING_SEPARATOR = " > "
_LONGEST_TITLE = 300
_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+")


class Outline:
    """Collects blocks: skips empty ones, keeps the path of headings, counts characters."""

    def __init__(self, blob: Blob, most_characters: int) -> None:
        self._blob = blob
        self.most_characters = most_characters
        self._characters = 0
        self._path: list[tuple[int, str]] = []
        self.blocks: list[Block] = []
        self.left_out = 0

    @property
    def source(self) -> str:
        return self._blob.source

    def heading(self, text: str, level: int, page: int | None = None) -> None:
        """A heading of `level` (1 is the top); it closes those of its level and below."""
        line = " ".join(text.split())
        if not line:
            return
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        self._path.append((level, line))
        self._append(line, "heading", page, level)

    def leave(self) -> None:
        """End every section: what follows stands under no heading until there is one."""
        self._path.clear()

    def add(self, text: str, kind: BlockKind = "paragraph", page: int | None = None) -> None:
        text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        if kind == "paragraph":
            text = text.strip()
        if text.strip():
            self._append(text, kind, page, None)

    def _append(self, text: str, kind: BlockKind, page: int | None, level: int | None) -> None:
        self._characters += len(text)
        check_characters(self._characters, self._blob.source, self.most_characters)
        path = HEADING_SEPARATOR.join(title for _, title in self._path) or None
        self.blocks.append(Block(text, kind, page, path, level))

    def first_heading(self, *, level: int | None = None) -> str | None:
        return next(
            (
                block.text
                for block in self.blocks
                if block.kind == "heading" and level in {None, block.level}
            ),
            None,
        )

    def parsed(
        self,
        version: str,
        media_type: str,
        *,
        title: str | None,
        metadata: Metadata,
        pages: int | None = None,
        warnings: Sequence[str] = (),
    ) -> Parsed:
        """The one document these blocks make; Unreadable when there is none.

        `version` names the reader and its revision: a changed reader changes the fingerprint.
        """
        blob = self._blob
        if not self.blocks:
            raise Unreadable(f"{blob.source!r} holds no text.", reason="empty")
        document = Document(
            id=DocumentId(blob.source),
            title=clean_title(title) or stem(blob.source),
            source=blob.source,
            media_type=media_type,
            blocks=tuple(self.blocks),
            sha256=fingerprint(version, blob.content),
            origin=blob.source,
            pages=pages,
            metadata=metadata,
            left_out=self.left_out,
        )
        return Parsed((document,), warnings=tuple(warnings))


def fingerprint(version: str, content: bytes) -> str:
    """SHA-256 over the reader's revision and what it read."""
    digest = hashlib.sha256(version.encode() + b"\0")
    digest.update(content)
    return digest.hexdigest()


def paragraphs(text: str) -> list[str]:
    """Text cut at blank lines."""
    return [part for part in _PARAGRAPHS.split(text) if part.strip()]


def clean_title(title: str | None) -> str:
    return " ".join(clean(title or "").split())[:_LONGEST_TITLE]


def file_name(source: str) -> str:
    """The last part of a path or URI, whatever separator it was written with."""
    path = re.split(r"[?#]", source, maxsplit=1)[0] if "://" in source else source
    return PurePosixPath(path.replace("\\", "/")).name


def stem(source: str) -> str:
    """The file name without its ending; the source itself where it has no name."""
    return clean_title(PurePosixPath(file_name(source)).stem) or clean_title(source) or "untitled"
