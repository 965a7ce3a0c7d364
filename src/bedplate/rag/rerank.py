"""A second look at the best hits: query and passage read together, mixed with the former score."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bedplate.domain.retrieval import Hit
from bedplate.rag.ranking import behind, standard
from bedplate.rerankers.protocol import Reranker
from bedplate.telemetry.trace import span


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
    texts = [passage_text(hit) for hit in head]
    with span("rerank"):
        found = np.asarray(await reranker.score(query, texts, deadline=deadline))
    former = np.asarray([hit.score for hit in head])
    mixed = weight * standard(found) + (1 - weight) * standard(former)
    scored = [replace(hit, score=score) for hit, score in zip(head, mixed.tolist(), strict=True)]
    scored.sort(key=lambda hit: (-hit.score, hit.chunk_id))
    return behind(scored, rest)


def passage_text(hit: Hit) -> str:
    """What the reranker reads of a hit, as the embedder does: title, headings, text."""
    heading = hit.heading if hit.heading != hit.title else None
    return "\n".join(filter(None, [hit.title, heading, hit.text]))
