"""One order from two scores. Pure, and outside the stores, so that every store ranks alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.ids import ChunkId
from bedplate.stores.protocol import Candidate

RRF_K = 60

Scores = NDArray[np.float64]


def fuse(candidates: Sequence[Candidate], *, keyword_weight: float) -> list[tuple[ChunkId, float]]:
    """Candidates best first; ties break by chunk id.

    Where every candidate has both scores, each is normalised to mean 0 and deviation 1 over the
    candidates and they are mixed, `keyword_weight` to 1 - `keyword_weight`. Where the store could
    not give them, by reciprocal ranks (Cormack, Clarke and Buettcher 2009), k = 60.
    """
    bm25 = [candidate.bm25 for candidate in candidates]
    cosine = [candidate.cosine for candidate in candidates]
    if all(score is not None for score in (*bm25, *cosine)):
        keyword = np.asarray(bm25, dtype=np.float64)
        vector = np.asarray(cosine, dtype=np.float64)
        scores = keyword_weight * _standard(keyword) + (1 - keyword_weight) * _standard(vector)
    else:
        scores = _reciprocal_ranks(bm25) + _reciprocal_ranks(cosine)
    return rank(candidates, scores.tolist())


def rank(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[tuple[ChunkId, float]]:
    """Chunk ids with their scores, best first; ties break by chunk id."""
    pairs = [(c.chunk_id, score) for c, score in zip(candidates, scores, strict=True)]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _standard(values: Scores) -> Scores:
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def _reciprocal_ranks(scores: Sequence[float | None]) -> Scores:
    result = np.zeros(len(scores))
    known = [i for i, score in enumerate(scores) if score is not None]
    order = sorted(known, key=lambda i: -(scores[i] or 0.0))
    for place, index in enumerate(order, start=1):
        result[index] = 1.0 / (RRF_K + place)
    return result
