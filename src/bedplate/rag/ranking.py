"""One order from several scores: late interaction mixed in, then neighbours consulted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.retrieval import Hit
from bedplate.embedders.protocol import Matrix

Scores = NDArray[np.float64]

NEIGHBOURS = 10
SMOOTHED = 400
"""How many of the best are smoothed: the work grows with the square."""


def standard(values: Scores) -> Scores:
    """Mean 0 and deviation 1; all 0 where the values are equal."""
    # Scores of any size a float may have: their squares must neither overflow nor vanish.
    largest = float(np.abs(values).max()) if len(values) else 0.0
    values = values / largest if largest > 0 else values
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def fused(keyword: Scores, vector: Scores, keyword_weight: float) -> Scores:
    """BM25 and cosine on one scale, mixed by `keyword_weight` to 1 - `keyword_weight`."""
    return keyword_weight * standard(keyword) + (1 - keyword_weight) * standard(vector)


def mixed(scores: Scores, late: Scores, top: Sequence[int], weight: float) -> Scores:
    """`late`, the scores of the candidates in `top`, mixed into all; others take the lowest."""
    spread = np.full(len(scores), late.min() if len(late) else 0.0)
    spread[list(top)] = late
    return (1 - weight) * standard(scores) + weight * standard(spread)


def smoothed(scores: Scores, vectors: Matrix, weight: float) -> Scores:
    """Each score moved towards those of its nearest neighbours among the candidates.

    Similar passages answer similar questions (the cluster hypothesis; score regularisation as in
    Diaz 2005, "Regularizing Ad Hoc Retrieval Scores"). A neighbour counts by the fourth power of
    its cosine. Only the best candidates are smoothed; the others keep their order after them.
    """
    order = np.argsort(-scores, kind="stable")[:SMOOTHED]
    if len(order) < 2:
        return scores
    near = vectors[order]
    cosines = near @ near.T
    np.fill_diagonal(cosines, 0.0)
    count = min(NEIGHBOURS, len(order) - 1)
    picked = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    closeness = np.maximum(np.take_along_axis(cosines, picked, axis=1), 0.0).astype(np.float64) ** 4
    total = closeness.sum(axis=1)
    around = (closeness * scores[order][picked]).sum(axis=1)
    known = total > 0
    moved = scores[order].copy()
    moved[known] = (1 - weight) * moved[known] + weight * around[known] / total[known]
    result = scores.copy()
    result[order] = moved
    if len(order) < len(scores):
        rest = np.setdiff1d(np.arange(len(scores)), order)
        # Below everything that was smoothed, in the order they had.
        result[rest] += min(0.0, float(moved.min() - scores[rest].max()))
    return result


def behind(head: Sequence[Hit], rest: Sequence[Hit]) -> list[Hit]:
    """`rest` in its order after `head`, its scores lowered together where they would be above."""
    if not head:
        return list(rest)
    floor = head[-1].score
    above = max(0.0, rest[0].score - floor) if rest else 0.0
    # The floor again, as a difference may round to a little above it.
    return [*head, *(replace(hit, score=min(floor, hit.score - above)) for hit in rest)]
