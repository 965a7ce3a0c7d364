"""What of a passage is embedded and indexed, and its vectors in bounded parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedplate.domain.documents import Chunk, ChunkHeader, Document
from bedplate.embedders.protocol import Embedder, Matrix, TokenMatrix, checked, gives_tokens
from bedplate.ingest.prepared import Prepared
from bedplate.state.protocol import Entry

TITLE_WEIGHT = 3

HeaderOf = Callable[[str], ChunkHeader]
"""What stands before the chunks of a collection, by its name, when they are embedded."""


@dataclass(frozen=True, slots=True)
class HowEmbedded:
    """So many chunks at once, behind their header; token vectors too in collections of up to
    `token_chunks` chunks.
    """

    batch_chunks: int
    token_chunks: int
    header: HeaderOf


def full(_collection: str) -> ChunkHeader:
    return "full"


def embedded_text(document: Document, chunk: Chunk, header: ChunkHeader = "full") -> str:
    """What the embedder reads of a chunk: its header, then its text."""
    title = document.title if header in ("full", "title") else None
    heading = chunk.heading if header in ("full", "headings") else None
    return "\n".join(filter(None, [title, heading if heading != title else None, chunk.text]))


def indexed_text(document: Document, chunk: Chunk) -> str:
    """What keyword search reads of a chunk: the title counts three times, the headings once."""
    return "\n".join(filter(None, [*[document.title] * TITLE_WEIGHT, chunk.heading, chunk.text]))


async def embed_texts(
    embedder: Embedder, texts: Sequence[str], *, batch: int, tokens: bool
) -> tuple[Matrix, list[TokenMatrix]]:
    """One row a text; token vectors too where they are wanted and the embedder gives them.

    UpstreamError for rows that are no vectors of the embedder's. In parts of `batch` texts: a document of any length can be interrupted, and takes little memory
    at once.
    """
    vectors: list[Matrix] = [await embedder.embed([])]
    kept: list[TokenMatrix] = []
    for start in range(0, len(texts), batch):
        part = texts[start : start + batch]
        if tokens and gives_tokens(embedder):
            late = await embedder.embed_late(part)
            rows = np.stack([text.vector for text in late])
            kept.extend(text.tokens for text in late)
        else:
            rows = await embedder.embed(part)
        vectors.append(checked(embedder, rows, len(part)))
    return np.concatenate(vectors), kept


async def embed_batch(
    embedder: Embedder,
    batch: Sequence[Prepared],
    *,
    header: ChunkHeader,
    texts_at_once: int,
    tokens: bool,
) -> list[Entry]:
    """The documents with the vectors of their chunks, ready to be kept."""
    texts = [embedded_text(item.document, chunk, header) for item in batch for chunk in item.chunks]
    rows, kept = await embed_texts(embedder, texts, batch=texts_at_once, tokens=tokens)
    entries: list[Entry] = []
    start = 0
    for item in batch:
        end = start + len(item.chunks)
        entries.append(
            Entry(item.document, item.chunks, rows[start:end], item.terms, tuple(kept[start:end]),
                  image=item.image, profile=item.profile, quality=item.quality)
        )  # fmt: skip
        start = end
    return entries
