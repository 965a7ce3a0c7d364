"""A second look at the best hits: query and passage read together, mixed with the former score."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.retrieval import Hit
from bedplate.rerankers.protocol import Reranker


async def rerank(
    reranker: Reranker,
    query: str,
    hits: Sequence[Hit],
    *,
    top: int,
    weight: float,
    deadline: float | None,
) -> list[Hit]:
    """The same hits, the first `top` of them in a new order; ties break by chunk id.

    Both scores are normalised to mean 0 and deviation 1 over those `top` and mixed, `weight` to
    1 - `weight`; the mix is their new score. The rest keeps its order behind them, its scores
    lowered together where they would be above.

    Raises:
        UpstreamError: the reranker failed; nothing is reordered by halves.
    """
    head, rest = hits[:top], hits[top:]
    if not head:
        return list(hits)
    found = await reranker.score(query, [passage_text(hit) for hit in head], deadline=deadline)
    former = [hit.score for hit in head]
    mixed = weight * _standard(found) + (1 - weight) * _standard(former)
    scored = [replace(hit, score=score) for hit, score in zip(head, mixed.tolist(), strict=True)]
    scored.sort(key=lambda hit: (-hit.score, hit.chunk_id))
    floor = scored[-1].score
    above = max(0.0, rest[0].score - floor) if rest else 0.0
    # The floor again, as a difference may round to a little above it.
    return [*scored, *(replace(hit, score=min(floor, hit.score - above)) for hit in rest)]


def passage_text(hit: Hit) -> str:
    """What the reranker reads of a hit, as the embedder does: title, headings, text."""
    heading = hit.heading if hit.heading != hit.title else None
    return "\n".join(filter(None, [hit.title, heading, hit.text]))


def _standard(scores: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    # Scores of any size a float may have: their squares must not overflow or vanish.
    largest = float(np.abs(values).max())
    if largest > 0:
        values = values / largest
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
