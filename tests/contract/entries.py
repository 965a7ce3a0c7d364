"""What the contract suites share: small documents and their entries."""

from collections.abc import Mapping, Sequence

import numpy as np

from bedplate.domain.documents import Block, Chunk, Document, MetadataValue
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.embedders.protocol import Matrix
from bedplate.state.protocol import Entry
from bedplate.terms import TermVector

DIMENSIONS = 16


def unit(seed: int) -> Matrix:
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)


def entry(
    name: str,
    *texts: str,
    metadata: Mapping[str, MetadataValue] | None = None,
    vectors: Sequence[Matrix] | None = None,
) -> Entry:
    """A document of one chunk a text; vectors are random but the same for the same name."""
    document_id = DocumentId(name)
    chunks: list[Chunk] = []
    start = 0
    for ordinal, text in enumerate(texts):
        chunk_id = ChunkId(f"{name}#{ordinal}")
        chunks.append(
            Chunk(chunk_id, document_id, ordinal, text, start, start + len(text), 3, "A > B")
        )
        start += len(text) + 2
    rows = vectors or [unit(hash_of(f"{name}#{n}")) for n in range(len(texts))]
    return Entry(
        Document(
            document_id, f"Title of {name}", f"{name}.md", "text/markdown",
            tuple(Block(text) for text in texts), f"sha-{name}-{len(texts)}",
            origin=f"{name}.md", metadata=dict(metadata or {}),
        ),
        tuple(chunks),
        np.stack(rows) if rows else np.zeros((0, DIMENSIONS), dtype=np.float32),
        tuple(TermVector.of(text) for text in texts),
    )  # fmt: skip


def hash_of(text: str) -> int:
    return sum((i + 1) * ord(c) for i, c in enumerate(text))
