"""What a search has found so far, in its order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Hit, IndexedVectors, Recall
from bedplate.embedders.protocol import Matrix, TokenMatrix
from bedplate.rag.ranking import Scores
from bedplate.stores.protocol import Candidate, Candidates


@dataclass(frozen=True, slots=True)
class Pool:
    """Chunks with their scores, best first; without a query they have neither scores nor vectors.
    `tokens` are those of the chunks that were compared by them.
    """

    chunks: Sequence[tuple[ChunkId, float]] = ()
    candidates: Mapping[ChunkId, Candidate] = field(default_factory=dict[ChunkId, Candidate])
    recall: Recall = "exact"
    vectors: Mapping[ChunkId, Matrix] = field(default_factory=dict[ChunkId, Matrix])
    tokens: Mapping[ChunkId, TokenMatrix] = field(default_factory=dict[ChunkId, TokenMatrix])

    def indexed(self, hit: Hit, embedder: str) -> IndexedVectors | None:
        """What the search read of a hit that has its text from the index."""
        vector, tokens = self.vectors.get(hit.chunk_id), self.tokens.get(hit.chunk_id)
        if vector is None or tokens is None:
            return None
        return IndexedVectors(
            embedder, hit.text, vector.astype(np.float32).tobytes(), tokens.tobytes()
        )

    def followed_by(
        self, found: Candidates, scores: Scores, tokens: Mapping[ChunkId, TokenMatrix]
    ) -> "Pool":
        """Those that are new, in the order of their scores, after all that were there before.

        Ties break by chunk id.
        """
        ids = [item.chunk_id for item in found.items]
        pairs = zip(ids, scores.tolist(), strict=True)
        rest = sorted(
            (pair for pair in pairs if pair[0] not in self.candidates),
            key=lambda pair: (-pair[1], pair[0]),
        )
        floor = self.chunks[-1][1] if self.chunks else math.inf
        vectors = {} if found.vectors is None else dict(zip(ids, found.vectors, strict=True))
        return Pool(
            (*self.chunks, *((chunk, min(floor, score)) for chunk, score in rest)),
            {**{item.chunk_id: item for item in found.items}, **self.candidates},
            "exact" if self.recall == found.recall == "exact" else "ann",
            {**vectors, **self.vectors},
            {**tokens, **self.tokens},
        )
