"""Hits that say something new before hits that repeat.

Maximal marginal relevance: Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents
and Producing Summaries".
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Hit
from bedplate.embedders.protocol import Matrix
from bedplate.rag.ranking import behind

WINDOW = 50
"""Hits that are chosen from, however few or many are wanted."""


def diverse(
    hits: Sequence[Hit], vectors: Mapping[ChunkId, Matrix], weight: float, limit: int
) -> list[Hit]:
    """The first `limit` hits of an order that avoids repetition.

    Each next hit is the one with the most of 1 - `weight` times its score, scaled to 0 to 1 over
    the hits, less `weight` times its cosine to the most similar hit before it; that is its new
    score, so scores fall. Ties break by chunk id. Hits after the best `WINDOW` stay behind them.
    """
    pool = sorted(hits[:WINDOW], key=lambda hit: hit.chunk_id)
    if not pool:
        return []
    scores = np.asarray([hit.score for hit in pool])
    span = float(np.ptp(scores))
    relevance = (1 - weight) * ((scores - scores.min()) / span if span > 0 else scores * 0.0)
    rows = np.stack([vectors[hit.chunk_id] for hit in pool])
    nearest = np.zeros(len(pool))
    chosen: list[Hit] = []
    for _ in range(min(limit, len(pool))):
        value = relevance - weight * nearest
        best = int(np.argmax(value))
        chosen.append(replace(pool[best], score=float(value[best])))
        relevance[best] = -np.inf
        nearest = np.maximum(nearest, rows @ rows[best])
    return behind(chosen, hits[WINDOW:limit])


def without_copies(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without those that a reader could not tell from one before them.

    Title, heading, metadata and words must be the same: a version with another date or figure
    is no copy.
    """
    seen: set[tuple[str, str | None, str, str]] = set()
    kept: list[Hit] = []
    for hit in hits:
        key = (
            hit.title,
            hit.heading,
            " ".join(hit.text.split()),
            repr(sorted(hit.metadata.items())),
        )
        if key not in seen:
            seen.add(key)
            kept.append(hit)
    return kept
