"""What a chunker is: one document in, its passages out."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from bedplate.domain.documents import Chunk, Document


class Chunker(Protocol):
    """Cuts a document into chunks in reading order.

    Each chunk's text equals the document's text at its offsets; ordinals count from 0; together
    the chunks cover all text but white space.
    """

    async def chunk(self, document: Document) -> tuple[Chunk, ...]: ...


class OpenChunker(Protocol):
    def __call__(self, options: Mapping[str, Any]) -> AbstractAsyncContextManager[Chunker]: ...
