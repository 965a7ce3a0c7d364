"""Which terms of a question find its keyword candidates: the rare ones, where they suffice.

A chunk that holds none of the chosen terms cannot score more than the others together may give.
Once enough candidates score above that, no other chunk can be among the best (MaxScore: Turtle and
Flood 1995, "Query Evaluation: Strategies and Optimizations").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pgvector import SparseVector

from bedplate.postgres.terms import keys, sparse
from bedplate.stores.protocol import StoreQuery
from bedplate.terms import K1, TermVector, Weights

FEW_CHUNKS = 2_000
"""So many chunks are looked at before terms are left out: less is not worth a second look."""


@dataclass(frozen=True, slots=True)
class Question:
    """The terms of a question that some chunk holds, rarest first.

    `keys` are theirs in the index, `weights` what each counts for, `held` how many chunks hold
    each; `sparse` has all weights.
    """

    keys: Sequence[int]
    weights: Weights
    held: Weights
    sparse: SparseVector

    @staticmethod
    def of(query: StoreQuery, collection: int, chunks: int) -> "Question | None":
        """None where no chunk holds any term. A query without idf weighs its terms alike."""
        idf = np.ones(len(query.terms.ids), np.float32) if query.idf is None else query.idf
        order = np.argsort(-idf, kind="stable")[: int(np.count_nonzero(idf > 0))]
        if not len(order):
            return None
        idf = idf[order]
        terms = TermVector(query.terms.ids[order], query.terms.counts[order])
        weights = (terms.counts * idf).astype(np.float32)
        # As the idf is log(1 + (N - df + 0.5) / (df + 0.5)), of N chunks so many hold the term.
        held = ((chunks + 1) * np.exp(-idf) - 0.5).astype(np.float32)
        return Question(keys(terms, collection), weights, held, sparse(terms, weights))

    def first(self) -> int:
        """How many terms to begin with."""
        return min(int(np.searchsorted(np.cumsum(self.held), FEW_CHUNKS)) + 1, len(self.keys))

    def needed(self, bound: float) -> int:
        """How many terms find every chunk that scores `bound` or more."""
        rest = np.cumsum((self.weights * np.float32(K1 + 1))[::-1])[::-1]
        return int(np.count_nonzero(rest >= bound))
