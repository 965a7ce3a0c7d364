"""`parent_child`: small passages are found, the larger one that they are parts of is shown.

Both are cut as `structure` cuts: a parent along headings, pages and paragraphs, its children within
it. Known as parent document retrieval (LangChain's ParentDocumentRetriever).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.chunkers.protocol import Chunker
from bedplate.chunkers.stretches import stretches
from bedplate.chunkers.structure import without_overlap
from bedplate.domain.documents import Chunk, Document
from bedplate.domain.ids import ChunkId


class ParentChildOptions(BaseModel):
    """What children and parents aim at, in characters; both may go a fifth further."""

    model_config = ConfigDict(extra="forbid")
    size: int = Field(default=400, ge=100, le=10_000)
    parent: int = Field(default=2000, ge=100, le=50_000)

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if self.parent < self.size:
            raise ValueError("parent must not be smaller than size")
        return self


class ParentChildChunker:
    """The children of a parent touch, so that together they are its text."""

    def __init__(self, options: ParentChildOptions, pool: ThreadPoolExecutor) -> None:
        self._parents = without_overlap(options.parent)
        self._children = without_overlap(options.size)
        self._pool = pool

    async def chunk(self, document: Document) -> tuple[Chunk, ...]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._chunk, document)

    def _chunk(self, document: Document) -> tuple[Chunk, ...]:
        parents = self._parents.cut(document)
        chunks: list[Chunk] = []
        for parent, stretch in zip(parents, stretches(document, parents), strict=True):
            children = list(_touching(self._children.cut(stretch), parent))
            first = len(chunks)
            window = (first, first + len(children) - 1)
            for ordinal, child in enumerate(children, start=first):
                id = ChunkId(f"{document.id}#{ordinal}")
                chunks.append(replace(child, id=id, ordinal=ordinal, window=window))
        return tuple(chunks)


def _touching(children: tuple[Chunk, ...], parent: Chunk) -> Iterator[Chunk]:
    """The children at their places in the document, each up to where the next one begins."""
    ends = [*(after.start for _, after in pairwise(children)), len(parent.text)]
    for child, end in zip(children, ends, strict=True):
        yield replace(
            child,
            text=parent.text[child.start : end],
            start=parent.start + child.start,
            end=parent.start + end,
        )


@asynccontextmanager
async def open_parent_child_chunker(options: Mapping[str, Any]) -> AsyncGenerator[Chunker]:
    chosen = ParentChildOptions.model_validate(dict(options))
    with ThreadPoolExecutor(2, thread_name_prefix="chunk") as pool:
        yield ParentChildChunker(chosen, pool)
