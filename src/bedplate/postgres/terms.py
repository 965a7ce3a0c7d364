"""Index terms as PostgreSQL compares them: keys of an inverted index, and sparse vectors."""

import numpy as np
from pgvector import SparseVector

from bedplate.terms import TermVector, Weights, damped

USUAL_TERMS = 100
"""The length of a usual chunk, to which the weights of all are scaled: the true mean moves."""

DIMENSIONS = 1_000_000_000
MOST_WEIGHTS = 16_000
"""The bounds of pgvector's sparsevec. Term ids are folded into them; two share a place as rarely
as they share an id.
"""


def keys(terms: TermVector, collection: int) -> list[int]:
    """The terms under their collection, as the SQL function `term_keys` gives them."""
    return ((collection << 32) | terms.ids.astype(np.int64)).tolist()


def weights(terms: TermVector) -> SparseVector:
    """What each term of a chunk says by its count: the document's side of BM25."""
    return sparse(terms, damped(terms.counts, terms.length, USUAL_TERMS))


def sparse(terms: TermVector, weights: Weights) -> SparseVector:
    """A weight a term as a sparse vector; of more than it holds, the greatest."""
    kept = np.argsort(-weights, kind="stable")[:MOST_WEIGHTS]
    places = (terms.ids[kept] % DIMENSIONS).tolist()
    return SparseVector(dict(zip(places, weights[kept].tolist(), strict=True)), DIMENSIONS)
