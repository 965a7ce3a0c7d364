"""Late interaction: a question's tokens against a passage's, each with the one it fits best.

MaxSim as in ColBERT (Khattab and Zaharia 2020, arXiv:2004.12832), each token of the question
weighted by how rare its word is in the collection.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import LateVectors, TokenMatrix
from bedplate.terms import TermStatistics, TermVector

Scores = NDArray[np.float64]

AT_ONCE = 16_384
"""Passage tokens compared in one go: bounds the memory of a search."""


def weights(question: LateVectors, terms: TermVector, statistics: TermStatistics) -> Scores:
    """The idf of each token's word; a word that the collection lacks is as rare as can be.

    `statistics` counts `terms`, which hold every term of the question.
    """
    counted = statistics.frequencies
    idf = np.log1p((statistics.chunks - counted + 0.5) / (counted + 0.5))
    places = np.searchsorted(terms.ids, question.terms)
    return idf[np.minimum(places, len(idf) - 1)] if len(idf) else np.zeros(0)


def max_sim(question: TokenMatrix, weight: Scores, passages: Sequence[TokenMatrix]) -> Scores:
    """The weighted sum, over the question's tokens, of the best cosine in each passage.

    Divided by the sum of the weights, so -1 to 1; a passage without tokens has -1.
    """
    scores = np.full(len(passages), -1.0)
    total = float(weight.sum())
    if not len(question) or total == 0.0:
        return scores
    asked = question.astype(np.float32).T / np.float32(127 * 127)
    start = 0
    while start < len(passages):
        end, tokens = start, 0
        while end < len(passages) and (end == start or tokens + len(passages[end]) <= AT_ONCE):
            tokens += len(passages[end])
            end += 1
        there = [n for n in range(start, end) if len(passages[n])]
        if there:
            rows = np.concatenate([passages[n] for n in there]).astype(np.float32)
            firsts = np.cumsum([0, *(len(passages[n]) for n in there[:-1])])
            best = np.maximum.reduceat(rows @ asked, firsts, axis=0)
            scores[there] = best @ weight / total
        start = end
    return scores
