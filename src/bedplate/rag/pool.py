"""What a search has found so far, in its order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Recall
from bedplate.embedders.protocol import Matrix
from bedplate.rag.ranking import Scores
from bedplate.stores.protocol import Candidate, Candidates


@dataclass(frozen=True, slots=True)
class Pool:
    """Chunks with their scores, best first; without a query they have neither scores nor vectors."""

    chunks: Sequence[tuple[ChunkId, float]] = ()
    candidates: Mapping[ChunkId, Candidate] = field(default_factory=dict[ChunkId, Candidate])
    recall: Recall = "exact"
    vectors: Mapping[ChunkId, Matrix] = field(default_factory=dict[ChunkId, Matrix])

    def followed_by(self, found: Candidates, scores: Scores) -> "Pool":
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
        )
