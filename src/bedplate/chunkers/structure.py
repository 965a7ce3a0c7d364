"""`structure`: whole blocks packed up to a size, cut where the document itself has a seam.

A new heading or page begins a new chunk once the current one is worth having on its own; a
heading stays with the text below it; a block that is too long is cut into even parts: prose at
sentence ends, tables and lists at rows, code where a definition begins.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.chunkers.protocol import Chunker
from bedplate.domain.documents import BLOCK_SEPARATOR, Block, BlockKind, Chunk, Document
from bedplate.domain.ids import ChunkId

_PARAGRAPH = re.compile(r"\n\s*\n")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？]+[」』”’]*")
_CLAUSE = re.compile(r"[;:,—–]\s+|[；：，、]")
_SPACE = re.compile(r"\s+")
_PROSE_SEAMS = (_PARAGRAPH, _SENTENCE, _LINE, _CLAUSE, _SPACE)
_LINED_SEAMS = (_PARAGRAPH, _LINE, _SENTENCE, _CLAUSE, _SPACE)
# A line that is not indented begins a definition, or what stands as high as one.
_CODE_SEAMS = (
    re.compile(r"\n\s*\n(?=\S)"),
    re.compile(r"\n(?=[^\s})\]])"),
    _PARAGRAPH,
    _LINE,
    _SPACE,
)
_SEAMS: Mapping[BlockKind, tuple[re.Pattern[str], ...]] = {
    "paragraph": _PROSE_SEAMS,
    "heading": _PROSE_SEAMS,
    "list": _LINED_SEAMS,
    "table": _LINED_SEAMS,
    "code": _CODE_SEAMS,
}


class StructureOptions(BaseModel):
    """Sizes in characters; about 4.5 of English make one word piece.

    Chunks aim at `size` and may reach `longest` rather than leave a scrap; a document or block up
    to `longest` stays whole. `overlap` repeats the end of a chunk at the start of the next one
    of the same section and page, from a word on, or from a line on in a table, list or code; a fifth
    of `size` when not set.
    """

    model_config = ConfigDict(extra="forbid")
    size: int = Field(default=1000, ge=100, le=100_000)
    longest: int | None = Field(default=None, ge=100, le=120_000)
    overlap: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if self.longest is not None and self.longest < self.size:
            raise ValueError("longest must not be smaller than size")
        if self.overlap is not None and self.overlap * 2 > self.size:
            raise ValueError("overlap must not exceed half of size")
        return self


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the document's text that is never cut: a block, or a part of a long one."""

    start: int
    end: int
    kind: BlockKind
    page: int | None
    heading: str | None


class StructureChunker:
    def __init__(self, options: StructureOptions, pool: ThreadPoolExecutor | None = None) -> None:
        """Without `pool` documents are cut by the event loop's own threads."""
        self._size = options.size
        self._longest = options.longest or options.size * 6 // 5
        self._overlap = options.size // 5 if options.overlap is None else options.overlap
        self._small = options.size // 5
        self._pool = pool

    async def chunk(self, document: Document) -> tuple[Chunk, ...]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self.cut, document)

    def cut(self, document: Document) -> tuple[Chunk, ...]:
        """The same, in this thread."""
        text = document.text
        pieces = list(self._pieces(document, text))
        if not pieces:
            return ()
        whole = pieces[-1].end - pieces[0].start <= self._longest
        groups = [pieces] if whole else self._without_scraps(self._packed(pieces))
        chunks: list[Chunk] = []
        for ordinal, group in enumerate(groups):
            first, end = group[0], group[-1].end
            start = self._start(text, groups[ordinal - 1], first) if ordinal else first.start
            chunks.append(
                Chunk(
                    id=ChunkId(f"{document.id}#{ordinal}"),
                    document_id=document.id,
                    ordinal=ordinal,
                    text=text[start:end],
                    start=start,
                    end=end,
                    page=first.page,
                    heading=first.heading,
                )
            )
        return tuple(chunks)

    def _pieces(self, document: Document, text: str) -> Iterator[_Piece]:
        offset = 0
        for block in document.blocks:
            for start, end in self._cut(text, offset, offset + len(block.text), block):
                if stripped := _strip(text, start, end):
                    yield _Piece(*stripped, block.kind, block.page, block.heading)
            offset += len(block.text) + len(BLOCK_SEPARATOR)

    def _cut(self, text: str, start: int, end: int, block: Block) -> Iterator[tuple[int, int]]:
        """Even parts of at most `size`, each ending at the best seam near its share."""
        if end - start > self._longest:
            while end - start > self._size:
                share = (end - start) // ceil((end - start) / self._size)
                cut = self._seam(text, start, share, _SEAMS[block.kind])
                yield start, cut
                start = cut
        yield start, end

    def _seam(self, text: str, start: int, share: int, seams: tuple[re.Pattern[str], ...]) -> int:
        earliest, latest = start + self._size // 2, start + self._size
        for seam in seams:
            ends = [match.end() for match in seam.finditer(text, earliest, latest)]
            if ends:
                return min(ends, key=lambda end: abs(end - start - share))
        return latest

    def _packed(self, pieces: list[_Piece]) -> list[list[_Piece]]:
        groups: list[list[_Piece]] = []
        group = [pieces[0]]
        for piece in pieces[1:]:
            if self._belongs(group, piece):
                group.append(piece)
                continue
            kept = len(group)
            while kept and group[kept - 1].kind == "heading":
                kept -= 1
            # Headings at the end go with what follows, unless that would only be headings again.
            carried = group[kept:] if kept else []
            groups.append(group[:kept] if kept else group)
            group = [*carried, piece]
        return [*groups, group]

    def _belongs(self, group: list[_Piece], piece: _Piece) -> bool:
        size, joined = group[-1].end - group[0].start, piece.end - group[0].start
        if group[-1].kind == "heading" and joined <= self._longest:
            return True
        seam = piece.kind == "heading" or piece.page != group[-1].page
        if size < self._small:
            return joined <= self._longest
        return joined <= self._size and not seam

    def _without_scraps(self, groups: list[list[_Piece]]) -> list[list[_Piece]]:
        kept = [groups[0]]
        for group in groups[1:]:
            before = kept[-1]
            scrap = group[-1].end - group[0].start < self._small
            fits = group[-1].end - before[0].start <= self._longest
            if scrap and fits and group[0].kind != "heading":
                kept[-1] = [*before, *group]
            else:
                kept.append(group)
        return kept

    def _start(self, text: str, before: list[_Piece], first: _Piece) -> int:
        """Where the chunk that begins with `first` begins, its overlap with the one before included."""
        last = before[-1]
        same = first.heading == before[0].heading and first.page == last.page
        if not self._overlap or not same or first.kind == "heading":
            return first.start
        earliest = max(before[0].start, first.start - self._overlap)
        seam = _SPACE if last.kind == "paragraph" else _LINE
        found = seam.search(text, earliest, first.start)
        return found.end() if found else first.start


def without_overlap(size: int, longest: int | None = None) -> StructureChunker:
    """What cuts by structure and repeats nothing."""
    return StructureChunker(StructureOptions(size=size, longest=longest, overlap=0))


def _strip(text: str, start: int, end: int) -> tuple[int, int] | None:
    stretch = text[start:end]
    left = len(stretch) - len(stretch.lstrip())
    right = len(stretch.rstrip())
    return (start + left, start + right) if right else None


@asynccontextmanager
async def open_structure_chunker(options: Mapping[str, Any]) -> AsyncGenerator[Chunker]:
    chosen = StructureOptions.model_validate(dict(options))
    with ThreadPoolExecutor(2, thread_name_prefix="chunk") as pool:
        yield StructureChunker(chosen, pool)
