"""Exact scores for candidates that a store only nominated, from what the catalog keeps of them."""

from collections.abc import Mapping

import numpy as np

from bedplate.domain.ids import ChunkId
from bedplate.embedders.protocol import Matrix
from bedplate.state.protocol import IndexRow
from bedplate.stores.protocol import Candidate, Candidates, StoreQuery
from bedplate.terms import TermStatistics, bm25


def score(
    found: Candidates,
    rows: Mapping[ChunkId, IndexRow],
    query: StoreQuery,
    statistics: TermStatistics,
) -> Candidates:
    """Both scores of every candidate that the catalog still has, as a store that scores gives them.

    Of a leg that the query leaves out nothing is kept, and a keyword search keeps no candidate
    without a term of the query.
    """
    idf, mean = statistics.idf(), statistics.mean_length
    scored: list[Candidate] = []
    vectors: list[Matrix] = []
    for candidate in found.items:
        row = rows.get(candidate.chunk_id)
        if row is None:
            continue
        keyword = bm25(query.terms, idf, row.terms, mean)
        cosine = None if query.vector is None else float(row.vector @ query.vector)
        if query.mode == "keyword" and not keyword:
            continue
        scored.append(Candidate(candidate.chunk_id, cosine, keyword))
        vectors.append(row.vector)
    kept = np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)
    return Candidates(tuple(scored), found.recall, kept)
