"""`sentence_window`: single sentences are found, with those around them they are shown.

A row of a table and a piece of code count as sentences. Known as sentence window retrieval
(LlamaIndex's SentenceWindowNodeParser).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.chunkers.protocol import Chunker
from bedplate.chunkers.stretches import stretches
from bedplate.chunkers.structure import without_overlap
from bedplate.domain.documents import BLOCK_SEPARATOR, Block, Chunk, Document
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.sentences import split_sentences

STRETCH = 4_000
"""Characters within which sentences are looked for, as that is not linear everywhere."""


class SentenceWindowOptions(BaseModel):
    """`window` sentences before and after one are shown with it, as far as they stand under the
    same heading. A sentence of less than `shortest` characters goes with the next one; one of more
    than `longest` is cut.
    """

    model_config = ConfigDict(extra="forbid")
    window: int = Field(default=3, ge=0, le=50)
    shortest: int = Field(default=60, ge=0, le=1_000)
    longest: int = Field(default=500, ge=100, le=4_000)

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if self.shortest * 2 > self.longest:
            raise ValueError("shortest must not exceed half of longest")
        return self


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    page: int | None
    heading: str | None


class SentenceWindowChunker:
    """Sentences touch, so that together they are the text from the first to the last."""

    def __init__(self, options: SentenceWindowOptions, pool: ThreadPoolExecutor) -> None:
        self._stretches = without_overlap(STRETCH)
        self._pieces = without_overlap(options.longest, options.longest)
        self._options = options
        self._pool = pool

    async def chunk(self, document: Document) -> tuple[Chunk, ...]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._chunk, document)

    def _chunk(self, document: Document) -> tuple[Chunk, ...]:
        text = document.text
        wide = self._stretches.cut(document)
        units = [
            _Unit(part.start + start, block.page, block.heading)
            for part, stretch in zip(wide, stretches(document, wide), strict=True)
            for start, block in self._starts(stretch)
        ]
        ends = [unit.start for unit in units[1:]] + [part.end for part in wide[-1:]]
        return tuple(
            Chunk(
                id=ChunkId(f"{document.id}#{ordinal}"),
                document_id=document.id,
                ordinal=ordinal,
                text=text[unit.start : end],
                start=unit.start,
                end=end,
                page=unit.page,
                heading=unit.heading,
                window=_window(units, ordinal, self._options.window),
            )
            for ordinal, (unit, end) in enumerate(zip(units, ends, strict=True))
        )

    def _starts(self, stretch: Document) -> Iterator[tuple[int, Block]]:
        """Where the units of a stretch begin, each in its block."""
        offset, open_at = 0, None
        for block in stretch.blocks:
            for start, end in self._spans(block):
                first = open_at or (offset + start, block)
                # What is too short, and any heading, stands with what follows.
                short = end - start < self._options.shortest or block.kind == "heading"
                room = offset + end - first[0] < self._options.longest
                open_at = first if short and room else None
                if open_at is None:
                    yield first
            offset += len(block.text) + len(BLOCK_SEPARATOR)
        if open_at is not None:
            yield open_at

    def _spans(self, block: Block) -> Iterator[tuple[int, int]]:
        """The sentences of a block, cut where they are too long."""
        match block.kind:
            case "code" | "heading":
                yield from self._cut(block, 0, len(block.text))
            case "table":
                start = 0
                for line in block.text.splitlines(keepends=True):
                    yield from self._cut(block, start, start + len(line))
                    start += len(line)
            case "paragraph" | "list":
                starts = list(_sentence_starts(block.text))
                for start, end in zip(starts, [*starts[1:], len(block.text)], strict=True):
                    yield from self._cut(block, start, end)

    def _cut(self, block: Block, start: int, end: int) -> Iterator[tuple[int, int]]:
        sentence = block.text[start:end]
        part = Document(DocumentId(""), "", "", "", (Block(sentence, block.kind),), sha256="")
        for piece in self._pieces.cut(part):
            yield start + piece.start, start + piece.end


def _sentence_starts(text: str) -> Iterator[int]:
    """Where sentences begin, the mark before an item of a list included."""
    yield 0
    for before, sentence in pairwise(split_sentences(text)):
        line = text.rfind("\n", 0, sentence.start) + 1
        yield line if line >= before.end else sentence.start


def _window(units: Sequence[_Unit], ordinal: int, most: int) -> tuple[int, int]:
    first = last = ordinal
    heading = units[ordinal].heading
    while first > max(0, ordinal - most) and units[first - 1].heading == heading:
        first -= 1
    while last < min(len(units) - 1, ordinal + most) and units[last + 1].heading == heading:
        last += 1
    return first, last


@asynccontextmanager
async def open_sentence_window_chunker(options: Mapping[str, Any]) -> AsyncGenerator[Chunker]:
    chosen = SentenceWindowOptions.model_validate(dict(options))
    with ThreadPoolExecutor(2, thread_name_prefix="chunk") as pool:
        yield SentenceWindowChunker(chosen, pool)
